// The job document as a type: what a fold's state() gives, and what GET /api/v1/jobs/{job} answers (which adds keys
// about the present). The keys are described in src/core/state-machine.md, "The job document". A key without a value
// is left out. Times are RFC 3339 in UTC with microseconds; durations are whole milliseconds.
//
// As with every document that JSON.parse() reads, a `seq` is exact up to 2^53 only. stateJson() has all its digits.
import type { FieldType } from "./gate_fields.js";
import type { GateStatus, JobStatus, StageStatus } from "./job_state.js";

export interface ProgressView {
  current?: number;
  total?: number;
  percent?: number; // 0 to 100
  unit?: string;
  rate_per_second?: number;
  seconds_left?: number;
}

/** One attempt at a stage. */
export interface StageAttempt {
  stage: string; // its path
  attempt: number;
  epoch: number;
  status: StageStatus;
  started_at: string;
  ended_at?: string;
  duration_ms: number;
  message?: string;
  progress?: ProgressView;
}

/** A declared stage that has not begun. */
export interface PendingStage {
  stage: string;
  status: "pending";
}

/** What a gate asks of who approves it. */
export interface GateQuestion {
  name: string;
  type: FieldType;
  label?: string;
  required?: true;
  options?: string[];
  min?: number;
  max?: number;
}

/** One of several approvals. */
export interface GateApproval {
  by?: string;
  seq: number;
  at: string;
  comment?: string;
  via?: string;
}

/** One iteration of a gate. */
export interface GateIteration {
  gate: string;
  iteration: number;
  status: GateStatus;
  prompt?: string;
  options?: string[];
  approvers?: string[];
  required?: number;
  allow_self?: false;
  fields?: GateQuestion[];
  opened_by?: string;
  approvals?: GateApproval[];
  opened_seq: number;
  opened_at: string;
  timeout_seconds?: number;
  on_timeout?: "approve" | "reject" | "expire";
  expires_at?: string;
  decided_seq?: number;
  decided_at?: string;
  waited_ms?: number;
  decided_by?: string;
  comment?: string;
  choice?: string;
  answers?: Record<string, string | number | boolean>;
  via?: string;
}

export interface JobState {
  job_id: string;
  status: JobStatus;
  reason?: string;
  pipeline?: string;
  labels?: Record<string, string>;
  implicit_create?: true;
  epoch: number;
  strict?: true;
  created_at: string;
  started_at?: string;
  ended_at?: string;
  updated_at: string;
  duration_ms: number;
  waited_ms: number;
  stopped_ms: number;
  worked_ms: number;
  progress?: { percent: number };
  events: number;
  violations: number;
  stages: (StageAttempt | PendingStage)[];
  gates: GateIteration[];
  first_seq: number;
  as_of_seq: number;
  last_hash: string;
  fold_version: number;
}
