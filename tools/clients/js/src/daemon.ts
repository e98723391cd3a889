// Requests to a daemon, and what its answers mean.
import { AuthError, ProtocolError, RefusedError, StagelogError, UnreachableError } from "./errors.js";

export interface Endpoint {
  /**
   * Where the daemon is, such as `http://127.0.0.1:8008`; '' is the page's own origin. Left out:
   * $STAGELOG_URL, else http://127.0.0.1:8008.
   */
  url?: string | undefined;
  /** $STAGELOG_TOKEN if left out. Sent as `Authorization: Bearer`. Left out where a proxy adds it. */
  token?: string | undefined;
  /** Instead of the global one. */
  fetch?: typeof fetch | undefined;
}

export interface Request {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
  /** Until the whole answer is here, milliseconds; 15,000 if left out. Not for send(). */
  timeoutMillis?: number;
}

const DEFAULT_TIMEOUT_MILLIS = 15_000;

interface Problem {
  code?: unknown;
  detail?: unknown;
  field?: unknown;
  line?: unknown;
}

function environment(name: string): string | undefined {
  return (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env?.[name] || undefined;
}

/** With what was left out. */
export function endpointOf({ url, token, fetch }: Endpoint): {
  url: string;
  token?: string | undefined;
  fetch?: Endpoint["fetch"];
} {
  return {
    url: (url ?? environment("STAGELOG_URL") ?? "http://127.0.0.1:8008").replace(/\/+$/, ""),
    token: token ?? environment("STAGELOG_TOKEN"),
    fetch,
  };
}

function asError(reason: unknown): StagelogError {
  if (reason instanceof StagelogError) return reason;
  // Node's fetch says what was wrong in the cause.
  const { cause, message } = reason as { cause?: { message?: string; code?: string }; message?: string };
  return new UnreachableError(cause?.message || cause?.code || message || String(reason));
}

export class Daemon {
  readonly #endpoint: ReturnType<typeof endpointOf>;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpointOf(endpoint);
  }

  /** The answer once its head is here, whatever its status. Rejects with UnreachableError where there is none. */
  async send(path: string, request: Request = {}): Promise<Response> {
    const headers: Record<string, string> = { ...request.headers };
    if (this.#endpoint.token) headers["Authorization"] = `Bearer ${this.#endpoint.token}`;
    const init: RequestInit = { method: request.method ?? "GET", headers, cache: "no-store" };
    if (request.signal) init.signal = request.signal;
    if (request.body !== undefined) init.body = request.body;
    try {
      return await (this.#endpoint.fetch ?? fetch)(this.#endpoint.url + path, init);
    } catch (reason) {
      throw asError(reason);
    }
  }

  /** The text of a 2xx answer. Rejects with one of the errors of errors.ts. */
  async text(path: string, request: Request = {}): Promise<string> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    if (request.signal?.aborted) stop();
    request.signal?.addEventListener("abort", stop);
    const timer = setTimeout(stop, request.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS);
    try {
      const response = await this.send(path, { ...request, signal: abort.signal });
      if (!response.ok) throw await refusalOf(response);
      return await response.text();
    } catch (reason) {
      const isLate = abort.signal.aborted && !request.signal?.aborted;
      throw isLate ? new UnreachableError("no answer in time") : asError(reason);
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", stop);
    }
  }

  async json<T>(path: string, request: Request = {}): Promise<T> {
    const text = await this.text(path, request);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ProtocolError();
    }
  }
}

/** What an answer that is not 2xx says. */
export async function refusalOf(response: Response): Promise<StagelogError> {
  const text = await response.text().catch(() => "");
  let problem: Problem = {};
  try {
    problem = (JSON.parse(text) ?? {}) as Problem;
  } catch {
    // Not the daemon's own words.
  }
  const code = typeof problem.code === "string" ? problem.code : "";
  const detail = typeof problem.detail === "string" ? problem.detail : response.statusText;
  const message = `${response.status}${code ? ` ${code}` : ""}: ${detail}`;
  const { status } = response;
  const line = typeof problem.line === "number" ? problem.line : undefined;
  // With a line it is one event that the token may not send.
  if (status === 401 || (status === 403 && line === undefined)) return new AuthError(message, status);
  if (status >= 500 || status === 408 || status === 429) {
    return new UnreachableError(message, Number(response.headers.get("Retry-After")) || 0);
  }
  if (!code) return new ProtocolError(message);
  const field = typeof problem.field === "string" ? problem.field : undefined;
  return new RefusedError(message, status, code, field, line);
}
