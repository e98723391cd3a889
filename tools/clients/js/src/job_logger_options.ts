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

export interface GateOptions {
  prompt?: string | undefined;
  /** One of them is chosen. */
  options?: readonly string[] | undefined;
  timeoutSeconds?: number | undefined;
  onTimeout?: "approve" | "reject" | "expire" | undefined;
  approvers?: readonly string[] | undefined;
  stage?: string | undefined;
}

export interface GateDecision {
  status: "approved" | "rejected" | "auto_approved" | "expired" | "canceled";
  choice?: string | undefined;
  /** The name of the token that decided. */
  decided_by?: string | undefined;
  comment?: string | undefined;
}
