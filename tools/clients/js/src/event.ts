// An event as the daemon keeps it. The contract: src/api/README.md.

export type Level = "debug" | "info" | "warning" | "error";

/** One line of events.jsonl, which is also the data of an SSE frame. */
export interface JournalEvent {
  /** Rises over the whole journal. The cursor of polls and streams; exact below 2^53. */
  seq: number;
  job_id: string;
  job_seq: number;
  event_id: string;
  ts: string;
  occurred_at: string;
  /** `job_created`, `stage_progress`, `log`, `x-...`: a later daemon may have more. */
  type: string;
  stage?: string;
  gate?: string;
  attempt?: number;
  status?: string;
  level?: Level;
  message?: string;
  /** Numbers beyond 2^53 and spellings such as 1.0 are only exact in the line itself. */
  payload?: Record<string, unknown>;
  violations?: string[];
  /** Of one of the approvals that a gate requires: it is the `count`th, and decides as the `required`th. */
  approval?: { count: number; required: number };
  actor?: string;
  hash: string;
}

/** What is sent. The daemon adds the rest. */
export interface EventDraft {
  type: string;
  stage?: string | undefined;
  gate?: string | undefined;
  level?: Level | undefined;
  message?: string | undefined;
  payload?: Record<string, unknown> | undefined;
}

/** The types after which a job is over. */
export const TERMINAL_TYPES: ReadonlySet<string> = new Set(["job_completed", "job_failed", "job_canceled"]);
