// The keys of `payload` that the state machine reads, by event type, as in src/core/payload.h. Total: what is not
// there, or not of its type, is left at its default. `payload` is a JSON object (compact) or empty.
import { isStagePath } from "./identifier.js";
import { isReadableJson, jsonItems, jsonMembers, numberOfJson, textOfJson } from "./json_text.js";
import { decodeLabels, type Labels } from "./labels.js";

const MAX_GATE_TIMEOUT_SECONDS = 31_536_000; // a year
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
}

export interface DecisionPayload {
  comment: string;
  choice: string;
  via: string;
}

/** A key by itself, its escapes resolved. `key` is what stands between the quotes. */
export function payloadKey(key: string): string {
  return key.includes("\\") ? (textOfJson(`"${key}"`) ?? "") : key;
}

/** The members of a payload as their own bytes. Of a key that comes twice, the last one counts. */
class Members {
  readonly #values = new Map<string, string>();

  constructor(payload: string) {
    if (!payload.startsWith("{")) return;
    for (const { key, value } of jsonMembers(payload)) this.#values.set(payloadKey(key), value);
  }

  /** JSON null is of no type that is read, and so stands for "left out". */
  find(key: string): string {
    return this.#values.get(key) ?? "null";
  }

  textOf(key: string): string {
    return textOfJson(this.find(key)) ?? "";
  }

  textsOf(key: string): string[] {
    const array = this.find(key);
    if (!array.startsWith("[") || !isReadableJson(array)) return [];
    const texts: string[] = [];
    for (const item of jsonItems(array)) {
      const text = textOfJson(item);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  isTrue(key: string): boolean {
    return this.find(key) === "true";
  }

  /** An integer as the C++ code reads it: one of 64 bits without a sign is taken for one with a sign. */
  integerOf(key: string): bigint | undefined {
    const value = this.find(key);
    if (!/^-?[0-9]+$/.test(value)) return undefined;
    const integer = BigInt(value);
    if (integer < -(2n ** 63n) || integer >= 2n ** 64n) return undefined; // a double there
    return BigInt.asIntN(64, integer);
  }
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
  return {
    prompt: members.textOf("prompt"),
    options: members.textsOf("options"),
    approvers: members.textsOf("approvers"),
    timeoutSeconds: hasTimeout ? clampedTimeout(timeout) : undefined,
    onTimeout: hasTimeout ? members.textOf("on_timeout") || "expire" : "",
  };
}

function clampedTimeout(seconds: bigint): number {
  if (seconds < 1n) return 1;
  return seconds > MAX_GATE_TIMEOUT_SECONDS ? MAX_GATE_TIMEOUT_SECONDS : Number(seconds);
}

export function readDecisionPayload(payload: string): DecisionPayload {
  const members = new Members(payload);
  return {
    comment: members.textOf("comment"),
    choice: members.textOf("choice"),
    via: members.textOf("via"),
  };
}
