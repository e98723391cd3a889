// The types of event, as in src/core/vocabulary.h.

const TYPES = [
  "job_created",
  "job_started",
  "job_resumed",
  "job_completed",
  "job_failed",
  "job_canceled",
  "stage_started",
  "stage_progress",
  "stage_completed",
  "stage_failed",
  "gate_pause",
  "gate_approved",
  "gate_rejected",
  "gate_auto_approved",
  "gate_expired",
  "log",
  "heartbeat",
] as const;

/** `custom`: x-..., the user's own. */
export type EventKind = (typeof TYPES)[number] | "custom";

const KINDS: ReadonlyMap<string, EventKind> = new Map(TYPES.map((type) => [type, type]));
const CUSTOM_TYPE = /^x-[a-z0-9._-]{1,63}$/;

/** Undefined for a type that this version does not know. */
export function findKind(type: string): EventKind | undefined {
  return KINDS.get(type) ?? (CUSTOM_TYPE.test(type) ? "custom" : undefined);
}
