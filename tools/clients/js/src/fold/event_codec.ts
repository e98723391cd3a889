// Decodes a line of events.jsonl, as src/core/event_codec.h does. The same bytes are the `data` of an SSE frame and an
// element of a poll's answer.
import type { Event } from "./event.js";
import { isEventId, isJobId, isName, isStagePath } from "./identifier.js";
import { isReadableJson, jsonItems, jsonMembers, textOfJson } from "./json_text.js";
import { parseTimestamp } from "./timestamp.js";
import { findKind } from "./vocabulary.js";

const HASH_AT_END = /,"hash":"([^]{64})"\}$/;
const HASH_TAIL = ',"hash":""}'.length + 64;

const MAX_ATTEMPT = 1_000_000_000;
const INTEGER = /^-?[0-9]+$/;
const GREATEST_INTEGER = 2n ** 63n - 1n;

/** The parts of a line that readers look at, as slices of it. Text still has its quotes and escapes. */
type EventView = ReadonlyMap<string, string>;

const TEXT_KEYS = [
  "job_id",
  "event_id",
  "ts",
  "occurred_at",
  "type",
  "stage",
  "gate",
  "status",
  "level",
  "message",
  "actor",
] as const;

type Texts = Record<(typeof TEXT_KEYS)[number], string>;

function viewEvent(line: string): EventView {
  const view = new Map<string, string>();
  for (const { key, value } of jsonMembers(line)) view.set(key, value);
  return view;
}

/** The hash at the end of a line; empty if the line does not end with one. */
export function storedHash(line: string): string {
  return HASH_AT_END.exec(line.slice(-HASH_TAIL))?.[1] ?? "";
}

function integerOf(json: string | undefined): bigint | undefined {
  if (json === undefined || !INTEGER.test(json)) return undefined;
  const value = BigInt(json);
  return value > GREATEST_INTEGER || value < -GREATEST_INTEGER ? undefined : value;
}

// What the fast decoder reads: the digits at the beginning, and 0 where there are none.
function leadingInteger(json: string | undefined): bigint {
  return integerOf(/^-?[0-9]+/.exec(json ?? "")?.[0]) ?? 0n;
}

// Undefined where the event is none of several approvals.
function approvalOf(view: EventView): EventView | undefined {
  const approval = view.get("approval");
  return approval === undefined ? undefined : viewEvent(approval);
}

function violationsOf(json: string | undefined): string[] | undefined {
  if (json === undefined) return [];
  if (!json.startsWith("[")) return undefined;
  const codes: string[] = [];
  for (const item of jsonItems(json)) {
    const code = textOfJson(item);
    if (code === undefined) return undefined;
    codes.push(code);
  }
  return codes;
}

// Text members; empty where one is left out. Undefined where one is of another type.
function textsOf(view: EventView): Texts | undefined {
  const texts: Partial<Texts> = {};
  for (const key of TEXT_KEYS) {
    const json = view.get(key);
    const text = json === undefined ? "" : textOfJson(json);
    if (text === undefined) return undefined;
    texts[key] = text;
  }
  return texts as Texts;
}

function eventOf(view: EventView, texts: Texts): Event | undefined {
  const kind = findKind(texts.type);
  const seq = integerOf(view.get("seq"));
  const jobSeq = integerOf(view.get("job_seq"));
  const tsMicros = parseTimestamp(texts.ts);
  const occurredAtMicros = texts.occurred_at === texts.ts ? tsMicros : parseTimestamp(texts.occurred_at);
  const violations = violationsOf(view.get("violations"));
  if (kind === undefined || seq === undefined || jobSeq === undefined) return undefined;
  if (tsMicros === undefined || occurredAtMicros === undefined || !violations) return undefined;
  const attempt = integerOf(view.get("attempt"));
  const approval = approvalOf(view);
  return {
    draft: {
      kind,
      jobId: texts.job_id,
      occurredAtMicros,
      stage: texts.stage,
      gate: texts.gate,
      attempt: attempt === undefined ? undefined : Number(attempt),
      message: texts.message,
      payload: view.get("payload") ?? "",
      actor: texts.actor,
    },
    seq,
    jobSeq,
    tsMicros,
    violations,
    approvalCount: leadingInteger(approval?.get("count")),
    approvalsRequired: leadingInteger(approval?.get("required")),
  };
}

/** A fast version: no check of names and of the grammar. Undefined if the line needs the full decoder. */
function sliceStoredEvent(view: EventView): Event | undefined {
  for (const key of ["job_id", "stage", "gate", "message", "actor"]) {
    if (view.get(key)?.includes("\\")) return undefined;
  }
  if (view.has("violations")) return undefined;
  const texts = textsOf(view);
  const event = texts === undefined ? undefined : eventOf(view, texts);
  if (event === undefined || event.seq <= 0n || event.jobSeq <= 0n) return undefined;
  if (event.draft.attempt !== undefined && event.draft.attempt <= 0) event.draft.attempt = undefined;
  return event;
}

// Somebody may have written the line by hand, and each name becomes part of a path or of a URL.
function hasValidNames(texts: Texts, attempt: number | undefined): boolean {
  return (
    isJobId(texts.job_id) &&
    isEventId(texts.event_id) &&
    (texts.stage === "" || isStagePath(texts.stage)) &&
    (texts.gate === "" || isName(texts.gate)) &&
    (attempt === undefined || (attempt >= 1 && attempt <= MAX_ATTEMPT))
  );
}

function hasValidApproval(view: EventView): boolean {
  const approval = approvalOf(view);
  if (approval === undefined) return true;
  return integerOf(approval.get("count")) !== undefined && integerOf(approval.get("required")) !== undefined;
}

/** Checks grammar and names. Undefined for what is no event, or one of a type that this version does not know. */
export function decodeStoredEvent(line: string): Event | undefined {
  if (!line.startsWith("{") || line.includes("\0") || !isReadableJson(line)) return undefined;
  try {
    JSON.parse(line);
  } catch {
    return undefined;
  }
  const view = viewEvent(line);
  const texts = textsOf(view);
  const event = texts === undefined ? undefined : eventOf(view, texts);
  if (texts === undefined || event === undefined) return undefined;
  if (!hasValidApproval(view)) return undefined;
  const hasAttempt = view.has("attempt");
  if (hasAttempt && event.draft.attempt === undefined) return undefined;
  return hasValidNames(texts, event.draft.attempt) ? event : undefined;
}

/** An event of a line as the fold reads it. */
export function readStoredEvent(line: string, hash: string): Event | undefined {
  // Slicing trusts the line. One that was cut has no hash at its end.
  const slice = hash === "" ? undefined : sliceStoredEvent(viewEvent(line));
  return slice ?? decodeStoredEvent(line);
}
