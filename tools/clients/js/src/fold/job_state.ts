// The state that a job's events add up to: plain data, as JobState in src/core/job_state.h. job_fold.ts says how.
// (The type JobState that this package exports is the document which is made of it: job_document.ts.) What only the
// judging of new events looks at (`may_resume_again`) is not kept: a fold trusts the violations in the events.
//
// Times are microseconds since 1970 (see timestamp.ts), and are times of occurrence unless called a `ts`; 0 stands for
// none. A `seq` is a bigint, because it has 64 bits. Other counts are numbers: a job has less than 2^53 events.
import type { GateField } from "./gate_fields.js";
import type { Labels } from "./labels.js";
import { StageTree } from "./stage_tree.js";

/** Version of the folding rules: the state names it. */
export const FOLD_VERSION = 2;

export type JobStatus = "created" | "running" | "paused" | "completed" | "failed" | "canceled";
export type StageStatus = "running" | "completed" | "failed" | "abandoned";
export type GateStatus = "pending" | "approved" | "rejected" | "auto_approved" | "expired" | "canceled";

/** The last reported progress. */
export interface Progress {
  current: number | undefined;
  total: number | undefined;
  percent: number | undefined; // 0 to 100; worked out from current and total where both are known
  unit: string;
  // The first report of the attempt with a number: rates are computed from it.
  firstFigure: number | undefined;
  firstMicros: number;
  lastMicros: number;
}

/** One attempt at one stage. */
export interface StageState {
  path: string;
  attempt: number;
  epoch: number; // of the job when it began
  status: StageStatus;
  startedMicros: number;
  endedMicros: number; // 0 while it runs
  message: string; // the last one that came with an event of the stage
  progress: Progress;
}

/** One of several approvals that a gate requires. */
export interface GateApproval {
  actor: string;
  seq: bigint;
  micros: number;
  comment: string;
  via: string;
}

/** One iteration of one gate. */
export interface GateState {
  name: string;
  iteration: number;
  status: GateStatus;
  openedSeq: bigint;
  openedMicros: number;
  openedTsMicros: number; // `ts` of that event; start of the timeout
  decidedSeq: bigint; // 0 while it is pending, as are the next ones
  decidedMicros: number;
  prompt: string;
  options: string[];
  timeoutSeconds: number | undefined;
  onTimeout: string; // approve, reject or expire
  approvers: string[]; // names of tokens; empty: every approver
  decidedBy: string; // actor
  comment: string;
  choice: string;
  via: string; // source of the decision: api, event, timer
  // The first approval fixes `choice` and `answers`; later ones may not differ.
  required: number; // approvals by different actors
  approvals: GateApproval[]; // that count; none of a gate that requires one
  allowSelf: boolean;
  openedBy: string; // actor; empty where `allowSelf` is true
  fields: GateField[];
  answers: string; // a JSON object; empty: none
}

export function newProgress(): Progress {
  return {
    current: undefined,
    total: undefined,
    percent: undefined,
    unit: "",
    firstFigure: undefined,
    firstMicros: 0,
    lastMicros: 0,
  };
}

/** The stage's share of work done, for StageTree: all of it for a completed attempt, else what it reported. */
export function doneOfStage(stage: StageState): number | undefined {
  if (stage.status === "completed") return StageTree.WHOLE;
  const { percent } = stage.progress;
  if (percent === undefined) return undefined;
  // llround(); adding a half would itself be rounded.
  const share = percent * (StageTree.WHOLE / 100);
  const whole = Math.floor(share);
  return share - whole >= 0.5 ? whole + 1 : whole;
}

/** When the timer decides the gate; 0: never. */
export function expiresAtMicros(gate: GateState): number {
  return gate.timeoutSeconds === undefined ? 0 : gate.openedTsMicros + gate.timeoutSeconds * 1_000_000;
}

/** The fold of a job's events up to `asOfSeq`. */
export class FoldedJob {
  jobId = "";
  status: JobStatus = "created";
  jobSeq = 0n; // of the last event; 0 before the first
  firstSeq = 0n;
  asOfSeq = 0n; // the last event's
  createdAtMicros = 0; // time of the earliest occurrence
  startedAtMicros = 0; // 0: not yet
  endedAtMicros = 0; // 0: not over
  updatedAtMicros = 0; // `ts` of the last event
  latestMicros = 0; // the latest event time: end of what still runs
  turnedMicros = 0; // last start, pause, resumption or end; 0: never
  epoch = 1; // 1 + resumptions after an end
  violationCount = 0;
  lastHash = "";

  pipeline = "";
  strict = false;
  implicitCreate = false; // the first event was not job_created
  labels: Labels = new Map();
  declaredStages: string[] = [];

  // While paused: the status to return to, the reason, the start, and the gates that keep the job paused although
  // they are decided (rejected or expired).
  statusBeforePause: JobStatus = "running";
  reason = "";
  pausedSinceMicros = 0;
  blockingGates: string[] = [];
  waitedMicros = 0; // in pauses that are over
  stoppedMicros = 0; // between an end and the resumption after it

  stages: StageState[] = []; // all attempts, in the order of their beginning
  gates: GateState[] = []; // all iterations, in the order of their opening
  readonly tree = new StageTree(); // follows from `declaredStages` and `stages`

  get isTerminal(): boolean {
    return this.status === "completed" || this.status === "failed" || this.status === "canceled";
  }

  /**
   * Fraction of the job that is done, 0 to StageTree.WHOLE. Undefined if unknown: a job that did not declare its
   * stages may still start any number of them.
   */
  done(): number | undefined {
    if (this.tree.isEmpty) return undefined;
    if (this.status === "completed") return StageTree.WHOLE;
    return this.declaredStages.length === 0 ? undefined : this.tree.done();
  }

  /**
   * Declared stages that have not begun and have no stage below them that has, each once, in the order of their
   * declaration.
   */
  pendingStages(): string[] {
    const pending = new Set(this.declaredStages);
    for (const stage of this.stages) {
      if (pending.size === 0) break;
      // The stage itself and those above it.
      for (let path = stage.path; path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
        pending.delete(path);
      }
    }
    return [...pending];
  }

  /** The last attempt of a stage. */
  findStage(path: string): StageState | undefined {
    const index = this.tree.lastAttempt(path);
    return index === undefined ? undefined : this.stages[index];
  }

  /** The last iteration of a gate. */
  findGate(name: string): GateState | undefined {
    return findLast(this.gates, (gate) => gate.name === name);
  }

  /** The gate that was opened last among those that are pending. */
  pendingGate(): GateState | undefined {
    return findLast(this.gates, (gate) => gate.status === "pending");
  }
}

// Array.prototype.findLast() is younger than the oldest browsers that are supported.
function findLast<T>(items: readonly T[], holds: (item: T) => boolean): T | undefined {
  for (let at = items.length - 1; at >= 0; --at) {
    const item = items[at] as T;
    if (holds(item)) return item;
  }
  return undefined;
}
