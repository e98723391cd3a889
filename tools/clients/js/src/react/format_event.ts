import type { JournalEvent } from "../event.js";

/** A text for an event; null: it is not shown. */
export type EventLabel = string | null | ((event: JournalEvent) => string | null);

function withMessage(label: string): (event: JournalEvent) => string {
  return (event) => (event.message ? `${label}: ${event.message}` : label);
}

function ofStage(label: string): (event: JournalEvent) => string {
  return (event) => withMessage(`${event.stage ?? ""} ${label}`)(event);
}

function ofGate(label: string): (event: JournalEvent) => string {
  return (event) => withMessage(`gate ${event.gate ?? ""} ${label}`)(event);
}

// Of several approvals only the last decides.
function approved(event: JournalEvent): string {
  const { count, required } = event.approval ?? { count: 1, required: 1 };
  return ofGate(count < required ? `approved (${count} of ${required})` : "approved")(event);
}

function progress(event: JournalEvent): string {
  const { current, total, unit, percent } = event.payload ?? {};
  const amount = current === undefined ? "" : ` ${String(current)}${total === undefined ? "" : ` of ${String(total)}`}`;
  const share = percent === undefined ? "" : ` ${String(percent)} %`;
  const what = unit === undefined ? "" : ` ${String(unit)}`;
  return withMessage(`${event.stage ?? ""}${amount}${what}${share}`)(event);
}

/** What an event is called where nobody says otherwise. */
export const BASE_EVENT_LABELS: Readonly<Record<string, EventLabel>> = {
  job_created: withMessage("job created"),
  job_started: withMessage("job started"),
  job_resumed: withMessage("job resumed"),
  job_completed: withMessage("job completed"),
  job_failed: withMessage("job failed"),
  job_canceled: withMessage("job canceled"),
  stage_started: ofStage("started"),
  stage_progress: progress,
  stage_completed: ofStage("completed"),
  stage_failed: ofStage("failed"),
  gate_pause: ofGate("waits for a decision"),
  gate_approved: approved,
  gate_rejected: ofGate("rejected"),
  gate_auto_approved: ofGate("approved by its timer"),
  gate_expired: ofGate("expired"),
  log: (event) => event.message ?? "",
};

/** BASE_EVENT_LABELS with others in their place, or beside them. An unknown type shows itself. */
export function makeFormatEvent(overrides: Record<string, EventLabel> = {}): (event: JournalEvent) => string | null {
  const labels = new Map(Object.entries({ ...BASE_EVENT_LABELS, ...overrides }));
  return (event) => {
    const label = labels.get(event.type);
    if (label === undefined) return withMessage(event.type)(event);
    return typeof label === "function" ? label(event) : label;
  };
}
