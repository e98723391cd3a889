import type { Endpoint } from "./daemon.js";
import type { RefusedError, StagelogError } from "./errors.js";

export interface JobLoggerOptions extends Partial<Endpoint> {
  /** The job's name: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. */
  job: string;
  pipeline?: string | undefined;
  labels?: Record<string, string> | undefined;
  /** Another run of a job that exists, whatever its state: it begins a new epoch. */
  resume?: boolean | undefined;
  /** Events in memory, 10,000 if left out. Beyond, logs and steps of progress are dropped and counted. */
  maxBuffered?: number | undefined;
  /** How long to gather events for a batch, milliseconds; 50 if left out. */
  gatherMillis?: number | undefined;
  /** Signs of life, and how soon a cancel is noticed, seconds; 10 if left out, 0: none. */
  heartbeatSeconds?: number | undefined;
  /** How long the end of the process may wait for the daemon, milliseconds; 5,000 if left out. */
  exitFlushMillis?: number | undefined;
  /** The job was canceled by somebody else. */
  onCancel?: (() => void) | undefined;
  /** Events were dropped, `count` since the start. */
  onDropped?: ((count: number) => void) | undefined;
  /** The daemon will never take this event. */
  onRefused?: ((error: RefusedError, line: string) => void) | undefined;
  /** Why nothing can be sent at the moment; undefined: it can again. */
  onProblem?: (error: StagelogError | undefined) => void;
}

interface AnyField {
  /** Letters, digits, `.`, `_` and `-`, a letter first. */
  name: string;
  /** What people are asked; the name if left out. */
  label?: string | undefined;
  /** Nobody can approve without an answer. */
  required?: boolean | undefined;
}

/** A question to whoever approves. `min` and `max` of a text are numbers of characters. */
export type GateField =
  | (AnyField & { type: "text" | "number"; min?: number | undefined; max?: number | undefined })
  | (AnyField & { type: "choice"; options: readonly string[] })
  | (AnyField & { type: "boolean" });

export interface GateOptions {
  prompt?: string | undefined;
  /** One of them is chosen. */
  options?: readonly string[] | undefined;
  timeoutSeconds?: number | undefined;
  onTimeout?: "approve" | "reject" | "expire" | undefined;
  approvers?: readonly string[] | undefined;
  /** So many different people must approve; 1 if left out. */
  required?: number | undefined;
  /** False: the token that opens the gate may not decide it. */
  allowSelf?: boolean | undefined;
  /** What an approval must, or may, answer. */
  fields?: readonly GateField[] | undefined;
  stage?: string | undefined;
}

/** One of the approvals of a gate that requires several. */
export interface GateApproval {
  /** The name of the token. */
  by?: string;
  seq: number;
  at: string;
  comment?: string;
  via?: string;
}

export interface GateDecision {
  status: "approved" | "rejected" | "auto_approved" | "expired" | "canceled";
  choice?: string | undefined;
  /** The name of the token that decided. */
  decided_by?: string | undefined;
  comment?: string | undefined;
  /** By the names of the gate's fields; left out where nothing was answered. */
  answers?: Record<string, string | number | boolean> | undefined;
  /** Left out where one is enough. */
  approvals?: GateApproval[] | undefined;
}
