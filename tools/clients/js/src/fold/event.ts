// An event that the journal accepted, as far as the fold looks at it: src/core/event.h.
import type { EventKind } from "./vocabulary.js";

/** Empty text stands for "left out". */
export interface EventDraft {
  kind: EventKind;
  jobId: string;
  occurredAtMicros: number; // since 1970
  stage: string;
  gate: string;
  attempt: number | undefined;
  message: string;
  payload: string; // compact JSON object, the emitter's own bytes
  actor: string; // name of the token that sent it
}

export interface Event {
  draft: EventDraft;
  seq: bigint;
  jobSeq: bigint;
  tsMicros: number; // the journal's own time, since 1970
  violations: string[];
  // Of a gate_approved that counts for a gate which requires several: this is approval number `approvalCount`, and the
  // last of `approvalsRequired` decides. Both 0 of every other event.
  approvalCount: bigint;
  approvalsRequired: bigint;
}

// 3 January 1970: what is earlier is a zero in any zone, or a clock that began to count from there.
const FIRST_CREDIBLE_MICROS = 2 * 86_400 * 1_000_000;

/**
 * When an event happened: the client's time, but not later than `ts`, the time of acceptance (a client's clock may be
 * ahead). A time before 3 January 1970 comes from an unset clock and is ignored.
 */
export function effectiveMicros(event: Event): number {
  const { occurredAtMicros } = event.draft;
  if (occurredAtMicros < FIRST_CREDIBLE_MICROS) return event.tsMicros;
  return Math.min(occurredAtMicros, event.tsMicros);
}
