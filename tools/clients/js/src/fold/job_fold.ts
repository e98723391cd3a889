// What an event changes, as in src/core/job_fold.cc. What is legal was judged when the event was appended.
import { effectiveMicros, type Event, type EventDraft } from "./event.js";
import type { FoldedJob, JobStatus } from "./job_state.js";
import { closeGate, decideGate, openGate, pauseReason } from "./gate_fold.js";
import { readJobPayload, readResumePayload } from "./payload.js";
import { abandonStages, endStage, reportProgress, startStage } from "./stage_fold.js";

/** Folds one event that counts. The state's counters are up to date. */
export class Fold {
  readonly state: FoldedJob;
  readonly event: Event;
  readonly draft: EventDraft;
  readonly now: number; // microseconds since 1970

  constructor(state: FoldedJob, event: Event) {
    this.state = state;
    this.event = event;
    this.draft = event.draft;
    this.now = effectiveMicros(event);
  }

  run(): void {
    const { kind } = this.draft;
    const isRemark = kind === "log" || kind === "custom";
    if (isRemark) return;
    this.state.createdAtMicros = Math.min(this.state.createdAtMicros, this.now);
    switch (kind) {
      case "job_created":
        return this.#create();
      case "job_started":
        return this.start();
      case "job_resumed":
        return this.#resume();
      case "job_completed":
        return this.#end("completed");
      case "job_failed":
        return this.#end("failed");
      case "job_canceled":
        return this.#end("canceled");
      case "stage_started":
        return startStage(this);
      case "stage_progress":
        return reportProgress(this);
      case "stage_completed":
        return endStage(this, "completed");
      case "stage_failed":
        return endStage(this, "failed");
      case "gate_pause":
        return openGate(this);
      case "gate_approved":
        return decideGate(this, "approved");
      case "gate_auto_approved":
        return decideGate(this, "auto_approved");
      case "gate_rejected":
        return decideGate(this, "rejected");
      case "gate_expired":
        return decideGate(this, "expired");
      case "heartbeat":
        return;
    }
  }

  /**
   * The time of a turn of the job. Emitters' clocks differ, and what was kept during an outage comes late: none is
   * before the one before it, so that what lies between two turns adds up.
   */
  turn(): number {
    this.state.turnedMicros = Math.max(this.state.turnedMicros, this.now);
    return this.state.turnedMicros;
  }

  start(): void {
    const atMicros = this.turn();
    this.state.status = "running";
    if (this.state.startedAtMicros === 0) this.state.startedAtMicros = atMicros;
  }

  /** Whatever still holds the job holds it no longer. */
  leavePause(): void {
    const { state } = this;
    if (state.status === "paused") state.waitedMicros += this.turn() - state.pausedSinceMicros;
    state.pausedSinceMicros = 0;
    state.blockingGates = [];
    state.reason = "";
  }

  #create(): void {
    const { state } = this;
    const payload = readJobPayload(this.draft.payload);
    state.pipeline = payload.pipeline;
    state.declaredStages = payload.stages;
    state.strict = payload.strict;
    state.labels = payload.labels;
    for (const path of state.declaredStages) state.tree.declare(path);
  }

  #resume(): void {
    const { state } = this;
    if (state.isTerminal) {
      ++state.epoch;
      state.stoppedMicros += this.turn() - state.endedAtMicros;
      state.endedAtMicros = 0;
    } else if (readResumePayload(this.draft.payload).newEpoch) {
      this.#beginEpoch();
      if (state.pendingGate() !== undefined) return; // it holds the job as before
    }
    this.leavePause();
    this.start();
  }

  // The worker before this one is gone without a word: what it left running is nobody's.
  #beginEpoch(): void {
    const { state } = this;
    const atMicros = this.turn();
    abandonStages(state, atMicros);
    if (state.startedAtMicros !== 0) ++state.epoch;
    if (state.pendingGate() === undefined) return;
    if (state.startedAtMicros === 0) state.startedAtMicros = atMicros;
    state.statusBeforePause = "running";
    state.blockingGates = [];
    state.reason = pauseReason(state);
  }

  #end(status: JobStatus): void {
    const { state } = this;
    state.turnedMicros = Math.max(state.turnedMicros, latestOfParts(state));
    const atMicros = this.turn();
    this.leavePause();
    abandonStages(state, atMicros);
    for (const gate of state.gates) {
      if (gate.status === "pending") closeGate(this, gate, "canceled", atMicros);
    }
    state.status = status;
    state.reason = this.draft.message;
    state.endedAtMicros = atMicros;
  }
}

/** A job does not end before what happened in it. */
function latestOfParts(state: FoldedJob): number {
  let latest = state.startedAtMicros;
  for (const stage of state.stages) {
    latest = Math.max(latest, stage.startedMicros, stage.endedMicros);
  }
  for (const gate of state.gates) {
    latest = Math.max(latest, gate.openedMicros, gate.decidedMicros);
  }
  return latest;
}
