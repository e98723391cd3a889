// The members of a JSON object (compact) as their own bytes, for the readers of payloads.
import { isReadableJson, jsonItems, jsonMembers, textOfJson } from "./json_text.js";

/** A key by itself, its escapes resolved. `key` is what stands between the quotes. */
export function payloadKey(key: string): string {
  return key.includes("\\") ? (textOfJson(`"${key}"`) ?? "") : key;
}

/** Of a key that comes twice, the last one counts. Empty for what is no object. */
export class Members {
  readonly #values = new Map<string, string>();

  constructor(object: string) {
    if (!object.startsWith("{")) return;
    for (const { key, value } of jsonMembers(object)) this.#values.set(payloadKey(key), value);
  }

  keys(): string[] {
    return [...this.#values.keys()];
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
