// What the events of a gate change: the part "Gates" of src/core/job_fold.cc.
import type { Fold } from "./job_fold.js";
import type { FoldedJob, GateState, GateStatus } from "./job_state.js";
import { readDecisionPayload, readGatePayload } from "./payload.js";

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
  });
  state.blockingGates = state.blockingGates.filter((name) => name !== draft.gate);
  if (state.status !== "paused") {
    state.statusBeforePause = state.status;
    state.status = "paused";
    state.pausedSinceMicros = fold.turn();
  }
  state.reason = pauseReason(state);
}

export function decideGate(fold: Fold, status: GateStatus): void {
  const { state, draft, now } = fold;
  const gate = state.findGate(draft.gate);
  if (gate === undefined) return; // cannot be: such an event is flagged
  closeGate(fold, gate, status, now);
  const payload = readDecisionPayload(draft.payload);
  gate.decidedBy = draft.actor;
  gate.comment = payload.comment || draft.message;
  gate.choice = payload.choice;
  gate.via = payload.via || "event";
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
