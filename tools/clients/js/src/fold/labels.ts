// Labels of a job, as in src/core/labels.h.
import { isReadableJson, jsonMembers, textOfJson } from "./json_text.js";

/** In the order of their keys. */
export type Labels = ReadonlyMap<string, string>;

const MAX_LABELS = 32;
const MAX_VALUE_BYTES = 256;
const KEY = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

const encoder = new TextEncoder();

function isLabelValue(text: string): boolean {
  if (text === "" || text.length > MAX_VALUE_BYTES || CONTROL_CHARACTER.test(text)) return false;
  return encoder.encode(text).length <= MAX_VALUE_BYTES;
}

/** The labels in a JSON object. Total: what is no label is left out; of a key that comes twice, the last one counts. */
export function decodeLabels(json: string): Labels {
  if (!json.startsWith("{") || !isReadableJson(json)) return new Map();
  const members = new Map<string, string | undefined>();
  for (const { key, value } of jsonMembers(json)) {
    members.set(textOfJson(`"${key}"`) ?? "", textOfJson(value));
  }
  const labels = new Map<string, string>();
  for (const key of [...members.keys()].filter((each) => KEY.test(each)).sort()) {
    const value = members.get(key);
    if (labels.size < MAX_LABELS && value !== undefined && isLabelValue(value)) {
      labels.set(key, value);
    }
  }
  return labels;
}
