// The fields that a gate asks of who approves it, and the answers to them: src/core/gate_fields.h. Both are compact
// JSON, and both readers are total: what breaks the rules is left out.
import { isName } from "./identifier.js";
import { exact } from "./json_number.js";
import { isReadableJson, jsonItems, jsonString, numberOfJson, textOfJson } from "./json_text.js";
import { Members } from "./members.js";

export type FieldType = "text" | "number" | "choice" | "boolean";

export interface GateField {
  name: string;
  type: FieldType;
  label: string; // empty: the name
  required: boolean;
  options: string[]; // of a choice
  // A number's bounds; of a text the number of its characters (Unicode code points).
  min: number | undefined;
  max: number | undefined;
}

const TYPES: ReadonlySet<string> = new Set<FieldType>(["text", "number", "choice", "boolean"]);
const KEYS: ReadonlySet<string> = new Set(["name", "type", "label", "required", "options", "min", "max"]);
const MAX_FIELDS = 32;
const MAX_OPTIONS = 64;
const MAX_LABEL_BYTES = 256;
const MAX_TEXT_CHARACTERS = 16_384;
const GREATEST_ANSWER = 1e15;

const encoder = new TextEncoder();

function isType(text: string): text is FieldType {
  return TYPES.has(text);
}

/** A label, or one of the options. */
function isLabel(text: string): boolean {
  if (text === "" || text.length > MAX_LABEL_BYTES) return false;
  return encoder.encode(text).length <= MAX_LABEL_BYTES;
}

/** Undefined where the member must not be as it is. */
function optionsOf(json: string, type: FieldType): string[] | undefined {
  if (type !== "choice") return json === "null" ? [] : undefined;
  if (!json.startsWith("[")) return undefined;
  const options = [...jsonItems(json)].map((item) => textOfJson(item) ?? "");
  return options.length >= 1 && options.length <= MAX_OPTIONS && options.every(isLabel) ? options : undefined;
}

function isBound(json: string, type: FieldType): boolean {
  if (json === "null") return true;
  const bound = numberOfJson(json) ?? Infinity;
  if (type === "number") return Math.abs(bound) <= GREATEST_ANSWER;
  return type === "text" && /^-?[0-9]+$/.test(json) && bound >= 0 && bound <= MAX_TEXT_CHARACTERS;
}

function fieldOf(json: string): GateField | undefined {
  const members = new Members(json);
  if (!members.keys().every((key) => KEYS.has(key) || key.startsWith("x-"))) return undefined;
  const name = members.textOf("name");
  const type = members.textOf("type");
  const label = members.textOf("label");
  const required = members.find("required");
  if (!isName(name) || /^[0-9]/.test(name) || !isType(type)) return undefined;
  if (members.find("label") !== "null" && !isLabel(label)) return undefined;
  if (required !== "true" && required !== "false" && required !== "null") return undefined;
  const options = optionsOf(members.find("options"), type);
  const [lower, upper] = [members.find("min"), members.find("max")];
  if (options === undefined || !isBound(lower, type) || !isBound(upper, type)) return undefined;
  const [min, max] = [numberOfJson(lower), numberOfJson(upper)];
  if (min !== undefined && max !== undefined && min > max) return undefined;
  return { name, type, label, required: required === "true", options, min, max };
}

export function readGateFields(json: string): GateField[] {
  const fields: GateField[] = [];
  if (!json.startsWith("[") || !isReadableJson(json)) return fields;
  for (const item of jsonItems(json)) {
    if (fields.length === MAX_FIELDS) break;
    const field = fieldOf(item);
    if (field !== undefined && fields.every(({ name }) => name !== field.name)) fields.push(field);
  }
  return fields;
}

function isInRange({ min, max }: GateField, value: number): boolean {
  return value >= (min ?? value) && value <= (max ?? value);
}

/** The answer in the one form that all have; undefined where it is none to this field. */
function answerJson(field: GateField, json: string): string | undefined {
  if (field.type === "boolean") return json === "true" || json === "false" ? json : undefined;
  if (field.type === "number") {
    const number = numberOfJson(json) ?? Infinity;
    return Math.abs(number) <= GREATEST_ANSWER && isInRange(field, number) ? exact(number) : undefined;
  }
  const text = textOfJson(json);
  if (text === undefined) return undefined;
  if (field.type === "choice") return field.options.includes(text) ? jsonString(text) : undefined;
  const count = [...text].length;
  return count <= MAX_TEXT_CHARACTERS && isInRange(field, count) ? jsonString(text) : undefined;
}

/** A JSON object with the answers in the order of the fields; empty for none. */
export function normalAnswers(fields: readonly GateField[], json: string): string {
  if (!isReadableJson(json)) return "";
  const given = new Members(json);
  const normal: string[] = [];
  for (const field of fields) {
    const answer = answerJson(field, given.find(field.name));
    if (answer !== undefined) normal.push(`${jsonString(field.name)}:${answer}`);
  }
  return normal.length === 0 ? "" : `{${normal.join(",")}}`;
}
