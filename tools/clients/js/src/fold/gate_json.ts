// A gate as the state's document has it: GateJson() in src/core/job_state_json.cc.
import type { GateField } from "./gate_fields.js";
import { jsonArray, JsonObject } from "./json_object.js";
import { jsonString } from "./json_text.js";
import { expiresAtMicros, type GateApproval, type GateState } from "./job_state.js";

function fieldJson(field: GateField): string {
  const object = new JsonObject()
    .put("name", jsonString(field.name))
    .put("type", jsonString(field.type))
    .putText("label", field.label);
  if (field.required) object.put("required", true);
  if (field.options.length > 0) object.put("options", jsonArray(field.options.map(jsonString)));
  return object.putFigure("min", field.min).putFigure("max", field.max).toString();
}

function approvalJson(approval: GateApproval): string {
  return new JsonObject()
    .putText("by", approval.actor)
    .put("seq", approval.seq)
    .putTime("at", approval.micros)
    .putText("comment", approval.comment)
    .putText("via", approval.via)
    .toString();
}

// What a gate asks beyond one decision of an approver.
function putRules(object: JsonObject, gate: GateState): void {
  if (gate.required > 1) object.putCount("required", gate.required);
  if (!gate.allowSelf) object.put("allow_self", false);
  if (gate.fields.length > 0) object.put("fields", jsonArray(gate.fields.map(fieldJson)));
  object.putText("opened_by", gate.openedBy);
  if (gate.required > 1) object.put("approvals", jsonArray(gate.approvals.map(approvalJson)));
}

export function gateJson(gate: GateState): string {
  const object = new JsonObject()
    .put("gate", jsonString(gate.name))
    .putCount("iteration", gate.iteration)
    .put("status", jsonString(gate.status))
    .putText("prompt", gate.prompt);
  if (gate.options.length > 0) object.put("options", jsonArray(gate.options.map(jsonString)));
  if (gate.approvers.length > 0) object.put("approvers", jsonArray(gate.approvers.map(jsonString)));
  putRules(object, gate);
  object.put("opened_seq", gate.openedSeq).putTime("opened_at", gate.openedMicros);
  if (gate.timeoutSeconds !== undefined) {
    object
      .putCount("timeout_seconds", gate.timeoutSeconds)
      .put("on_timeout", jsonString(gate.onTimeout))
      .putTime("expires_at", expiresAtMicros(gate));
  }
  if (gate.status !== "pending") {
    object
      .put("decided_seq", gate.decidedSeq)
      .putTime("decided_at", gate.decidedMicros)
      .putMillis("waited_ms", gate.decidedMicros - gate.openedMicros)
      .putText("decided_by", gate.decidedBy)
      .putText("comment", gate.comment);
  }
  object.putText("choice", gate.choice);
  if (gate.answers !== "") object.put("answers", gate.answers);
  if (gate.status !== "pending") object.putText("via", gate.via);
  return object.toString();
}
