// Which violations an event may carry, and how an event with some is folded: src/core/job_machine.h.
import { effectiveMicros, type Event } from "./event.js";
import { Fold } from "./job_fold.js";
import type { FoldedJob } from "./job_state.js";

/** Codes in `violations`, and whether the event changes the state all the same. */
const VIOLATION_COUNTS: ReadonlyMap<string, boolean> = new Map([
  ["implicit_create", true],
  ["already_created", false],
  ["already_started", false],
  ["job_over", false],
  ["resume_completed", false],
  ["not_paused", false],
  ["gate_pending", false],
  ["duplicate_start", false],
  ["end_without_start", true],
  ["progress_without_start", true],
  ["stage_over", false],
  ["attempt_mismatch", false],
  ["invalid_progress", false],
  ["suspect_key", true],
  ["gate_already_pending", false],
  ["gate_unknown", false],
  ["gate_decided", false],
  ["choice_unknown", false],
  ["choice_required", false],
  ["already_approved", false],
  ["answer_required", false],
  ["answer_invalid", false],
  ["answers_differ", false],
  ["self_decision", false],
  ["timer_only", false],
]);

/** False for codes that this version does not know: they come from a later one, whose rules flagged the event. */
export function violationCounts(code: string): boolean {
  return VIOLATION_COUNTS.get(code) ?? false;
}

/**
 * False for `implicit_create`: events of earlier versions carry this code, although it is only informational. It is
 * neither counted nor reported.
 */
export function isViolation(code: string): boolean {
  return code !== "implicit_create";
}

/**
 * Folds one event into the state. Trusts the violations recorded in the event and does not check again, so that an old
 * journal always folds to the same state, on every machine.
 */
export function apply(state: FoldedJob, event: Event, hash: string): void {
  const happenedMicros = effectiveMicros(event);
  if (state.jobSeq === 0n) {
    state.jobId = event.draft.jobId;
    state.createdAtMicros = happenedMicros;
    state.firstSeq = event.seq;
    state.implicitCreate = event.draft.kind !== "job_created";
  }
  state.latestMicros = Math.max(state.latestMicros, happenedMicros);
  state.jobSeq = event.jobSeq;
  state.asOfSeq = event.seq;
  state.updatedAtMicros = event.tsMicros;
  state.lastHash = hash;
  state.violationCount += event.violations.filter(isViolation).length;
  if (event.violations.every(violationCounts)) new Fold(state, event).run();
}
