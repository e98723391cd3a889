// What can go wrong, as types. `catch (error) { if (error instanceof AuthError) ... }`.

export class StagelogError extends Error {
  constructor(message: string, name = "StagelogError") {
    super(message);
    this.name = name; // which no minifier changes
  }
}

/** The token is missing, unknown or has not the role that is needed (401, 403). */
export class AuthError extends StagelogError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message, "AuthError");
  }
}

/** The daemon has understood the request and will never take it (RFC 9457). */
export class RefusedError extends StagelogError {
  constructor(
    message: string,
    readonly status: number,
    /** Stable, such as `unknown_type`. */
    readonly code: string,
    readonly field?: string,
    /** Which event of a batch, from 1. */
    readonly line?: number,
  ) {
    super(message, "RefusedError");
  }
}

/** There was no answer, or one that will be another one later (408, 429, 5xx). */
export class UnreachableError extends StagelogError {
  constructor(
    message: string,
    readonly retryAfterSeconds = 0,
  ) {
    super(message, "UnreachableError");
  }
}

/** Something answers, but not like a stagelog daemon: a login page, a proxy's error. */
export class ProtocolError extends StagelogError {
  constructor(message = "not the answer of a stagelog daemon") {
    super(message, "ProtocolError");
  }
}

/** True of what may be otherwise at the next attempt. */
export function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || error instanceof ProtocolError;
}
