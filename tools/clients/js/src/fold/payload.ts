// The keys of `payload` that the state machine reads, by event type, as in src/core/payload.h. Total: what is not
// there, or not of its type, is left at its default. `payload` is a JSON object (compact) or empty.
import { readGateFields, type GateField } from "./gate_fields.js";
import { isStagePath } from "./identifier.js";
import { isReadableJson, jsonMembers, numberOfJson, textOfJson } from "./json_text.js";
import { decodeLabels, type Labels } from "./labels.js";
import { Members, payloadKey } from "./members.js";

const MAX_GATE_TIMEOUT_SECONDS = 31_536_000; // a year
const MAX_REQUIRED_APPROVALS = 64n;
const GREATEST_FIGURE = 1e18;

export interface JobPayload {
  pipeline: string;
  stages: string[]; // paths of stages that will come
  strict: boolean;
  labels: Labels;
}

export interface ProgressPayload {
  current: number | undefined;
  total: number | undefined;
  percent: number | undefined; // 0 to 100
  unit: string;
}

export interface GatePayload {
  prompt: string;
  options: string[];
  timeoutSeconds: number | undefined;
  onTimeout: string; // approve, reject or expire; empty without a timeout
  approvers: string[];
  required: number; // approvals
  allowSelf: boolean;
  fields: GateField[];
}

export interface DecisionPayload {
  comment: string;
  choice: string;
  via: string;
  answers: string; // a JSON object, or empty
}

export function readJobPayload(payload: string): JobPayload {
  const members = new Members(payload);
  return {
    pipeline: members.textOf("pipeline"),
    stages: members.textsOf("stages").filter(isStagePath),
    strict: members.isTrue("strict"),
    labels: decodeLabels(members.find("labels")),
  };
}

export function readResumePayload(payload: string): { newEpoch: boolean } {
  return { newEpoch: new Members(payload).isTrue("new_epoch") };
}

/** A figure from its own bytes; undefined where it is no number or out of its bounds. */
function figureOf(json: string, greatest: number): number | undefined {
  const value = numberOfJson(json);
  if (value === undefined || !(value >= 0 && value <= greatest)) return undefined;
  // Too small for a double, and not 0 (1e-400): std::from_chars() refuses it.
  if (value === 0 && /^[^eE]*[1-9]/.test(json)) return undefined;
  return value;
}

export function readProgressPayload(payload: string): ProgressPayload {
  const progress: ProgressPayload = {
    current: undefined,
    total: undefined,
    percent: undefined,
    unit: "",
  };
  for (const member of jsonMembers(payload)) {
    const key = payloadKey(member.key);
    const value = member.value;
    if (key === "current") progress.current = figureOf(value, GREATEST_FIGURE);
    if (key === "total") progress.total = figureOf(value, GREATEST_FIGURE);
    if (key === "percent") progress.percent = figureOf(value, 100);
    if (key === "unit" && value.startsWith('"')) progress.unit = textOfJson(value) ?? "";
  }
  return progress;
}

export function readGatePayload(payload: string): GatePayload {
  const members = new Members(payload);
  const timeout = members.integerOf("timeout_seconds");
  const hasTimeout = timeout !== undefined;
  const required = members.integerOf("required") ?? 1n;
  return {
    prompt: members.textOf("prompt"),
    options: members.textsOf("options"),
    approvers: members.textsOf("approvers"),
    timeoutSeconds: hasTimeout ? clampedTimeout(timeout) : undefined,
    onTimeout: hasTimeout ? members.textOf("on_timeout") || "expire" : "",
    required: required >= 1n && required <= MAX_REQUIRED_APPROVALS ? Number(required) : 1,
    allowSelf: members.find("allow_self") !== "false",
    fields: readGateFields(members.find("fields")),
  };
}

function clampedTimeout(seconds: bigint): number {
  if (seconds < 1n) return 1;
  return seconds > MAX_GATE_TIMEOUT_SECONDS ? MAX_GATE_TIMEOUT_SECONDS : Number(seconds);
}

// The last one says whether there are any, and the first one which: only a line that somebody wrote by hand has two.
function answersOf(payload: string, members: Members): string {
  const last = members.find("answers");
  if (!last.startsWith("{") || !isReadableJson(last)) return "";
  for (const { key, value } of jsonMembers(payload)) {
    if (payloadKey(key) === "answers" && value !== "null") return value;
  }
  return "";
}

export function readDecisionPayload(payload: string): DecisionPayload {
  const members = new Members(payload);
  return {
    comment: members.textOf("comment"),
    choice: members.textOf("choice"),
    via: members.textOf("via"),
    answers: answersOf(payload, members),
  };
}
