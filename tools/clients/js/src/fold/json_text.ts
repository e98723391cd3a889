// JSON as text, as in src/core/json_text.h: what is shown again later is kept as the slice that it was. JSON.parse()
// would change numbers (1.0, 1e5, 9007199254740993).

// Half of a pair of surrogates: with the flag `u` a whole pair is one character and does not match.
const LONE_SURROGATE = /[\ud800-\udfff]/u;

const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** `text` as a JSON string. Of well-formed text JSON.stringify() makes what AppendJsonString() in C++ makes. */
export function jsonString(text: string): string {
  return JSON.stringify(text);
}

/**
 * The text of a JSON string with its quotes. Undefined where it is none, or where it names half of a pair of
 * surrogates: such a text has no UTF-8.
 */
export function textOfJson(json: string): string | undefined {
  if (!json.startsWith('"')) return undefined;
  if (!json.includes("\\")) return json.slice(1, -1); // nearly always
  try {
    const text: unknown = JSON.parse(json);
    return typeof text === "string" && !LONE_SURROGATE.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The double nearest to a JSON number; infinite where it is beyond all of them, undefined where it is no number. */
export function numberOfJson(json: string): number | undefined {
  return NUMBER.test(json) ? Number(json) : undefined;
}

/** The place behind the closing quote of the string that begins at `start`. */
function stringEnd(json: string, start: number): number {
  for (let at = start + 1; at < json.length; ++at) {
    const unit = json.charCodeAt(at);
    if (unit === BACKSLASH) {
      ++at;
    } else if (unit === QUOTE) {
      return at + 1;
    }
  }
  return json.length;
}

/** The end of the value that begins at `start` in `json`, which is valid and compact. */
export function jsonValueEnd(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; ) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) {
      at = stringEnd(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (unit === OPEN_BRACE || unit === OPEN_BRACKET) ++depth;
    if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (depth === 0) return at; // the end of what holds a bare number or word
      if (--depth === 0) return at + 1;
    }
    if (unit === COMMA && depth === 0) return at;
    ++at;
  }
  return json.length;
}

export interface JsonMember {
  key: string; // without quotes, escapes as they are
  value: string; // with its quotes or brackets
}

/** The members of an object (valid and compact) in their order. A key may come twice. */
export function* jsonMembers(object: string): Generator<JsonMember> {
  // Over '{' the first time, over ',' or '}' later.
  for (let at = 1; at < object.length && object.charCodeAt(at) === QUOTE; ++at) {
    const keyEnd = stringEnd(object, at);
    const valueStart = keyEnd + 1;
    if (valueStart >= object.length) return;
    const valueEnd = jsonValueEnd(object, valueStart);
    yield { key: object.slice(at + 1, keyEnd - 1), value: object.slice(valueStart, valueEnd) };
    at = valueEnd;
  }
}

/** The items of an array (valid and compact) in their order. */
export function* jsonItems(array: string): Generator<string> {
  for (let at = 1; at < array.length && array.charCodeAt(at) !== CLOSE_BRACKET; ++at) {
    const end = jsonValueEnd(array, at);
    yield array.slice(at, end);
    at = end;
  }
}

/**
 * False for valid JSON which the parser of the C++ code refuses all the same: a number beyond every double (1e400), or
 * half of a pair of surrogates. Looks at one token after the other, so that depth is no danger to the stack.
 */
export function isReadableJson(json: string): boolean {
  for (let at = 0; at < json.length; ) {
    const unit = json.charCodeAt(at);
    let end = at + 1;
    if (unit === QUOTE) {
      end = stringEnd(json, at);
      if (textOfJson(json.slice(at, end)) === undefined) return false;
    } else if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) {
      while (end < json.length && "+-.0123456789eE".includes(json.charAt(end))) ++end;
      if (!Number.isFinite(Number(json.slice(at, end)))) return false;
    }
    at = end;
  }
  return true;
}
