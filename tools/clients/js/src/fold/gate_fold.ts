// What the events of a gate change: the part "Gates" of src/core/job_fold.cc.
import { normalAnswers } from "./gate_fields.js";
import type { Fold } from "./job_fold.js";
import type { FoldedJob, GateState, GateStatus } from "./job_state.js";
import { readDecisionPayload, readGatePayload, type DecisionPayload } from "./payload.js";

export function closeGate(fold: Fold, gate: GateState, status: GateStatus, atMicros: number): void {
  gate.status = status;
  gate.decidedSeq = fold.event.seq;
  gate.decidedMicros = Math.max(atMicros, gate.openedMicros);
}

export function openGate(fold: Fold): void {
  const { state, event, draft, now } = fold;
  const last = state.findGate(draft.gate);
  const payload = readGatePayload(draft.payload);
  state.gates.push({
    name: draft.gate,
    iteration: last === undefined ? 1 : last.iteration + 1,
    status: "pending",
    openedSeq: event.seq,
    openedMicros: now,
    openedTsMicros: event.tsMicros,
    decidedSeq: 0n,
    decidedMicros: 0,
    prompt: payload.prompt || draft.message,
    options: payload.options,
    timeoutSeconds: payload.timeoutSeconds,
    onTimeout: payload.onTimeout,
    approvers: payload.approvers,
    decidedBy: "",
    comment: "",
    choice: "",
    via: "",
    required: payload.required,
    approvals: [],
    allowSelf: payload.allowSelf,
    openedBy: payload.allowSelf ? "" : draft.actor,
    fields: payload.fields,
    answers: "",
  });
  state.blockingGates = state.blockingGates.filter((name) => name !== draft.gate);
  if (state.status !== "paused") {
    state.statusBeforePause = state.status;
    state.status = "paused";
    state.pausedSinceMicros = fold.turn();
  }
  state.reason = pauseReason(state);
}

// One of several. The first fixes what the others agree to.
function countApproval(fold: Fold, gate: GateState, payload: DecisionPayload, answers: string): void {
  if (gate.approvals.length === 0) {
    gate.choice = payload.choice;
    gate.answers = answers;
  }
  const { event, draft, now } = fold;
  const { comment, via } = payload;
  gate.approvals.push({ actor: draft.actor, seq: event.seq, micros: now, comment, via });
}

export function decideGate(fold: Fold, status: GateStatus): void {
  const { state, event, draft, now } = fold;
  const gate = state.findGate(draft.gate);
  if (gate === undefined) return; // cannot be: such an event is flagged
  const payload = readDecisionPayload(draft.payload);
  payload.comment ||= draft.message;
  payload.via ||= "event";
  const answers = normalAnswers(gate.fields, payload.answers);
  if (event.approvalCount > 0n) {
    countApproval(fold, gate, payload, answers);
    if (event.approvalCount < event.approvalsRequired) return;
  } else {
    gate.choice = payload.choice;
    gate.answers = answers;
  }
  closeGate(fold, gate, status, now);
  gate.decidedBy = draft.actor;
  gate.comment = payload.comment;
  gate.via = payload.via;
  if (status === "rejected" || status === "expired") state.blockingGates.push(gate.name);
  if (state.status !== "paused") return;
  if (state.pendingGate() !== undefined || state.blockingGates.length > 0) {
    state.reason = pauseReason(state);
    return;
  }
  fold.leavePause();
  state.status = state.statusBeforePause;
}

export function pauseReason(state: FoldedJob): string {
  const pending = state.pendingGate();
  if (pending !== undefined) return `gate ${pending.name} is pending`;
  const name = state.blockingGates[state.blockingGates.length - 1] ?? "";
  return `gate ${name} was ${state.findGate(name)?.status ?? ""}`;
}
