// JSON objects as the state's document has them: compact, their members in the order in which they are put.
import { exact } from "./json_number.js";
import { jsonString } from "./json_text.js";
import { formatTimestamp } from "./timestamp.js";

/** An object that is being written. */
export class JsonObject {
  readonly #members: string[] = [];

  /** `json` is the value as it will stand there. */
  put(key: string, json: string | bigint | boolean): this {
    this.#members.push(`${jsonString(key)}:${json}`);
    return this;
  }

  putCount(key: string, count: number): this {
    return this.put(key, String(count));
  }

  /** Text and times that are not there are left out. */
  putText(key: string, text: string): this {
    return text === "" ? this : this.put(key, jsonString(text));
  }

  putTime(key: string, micros: number): this {
    return micros === 0 ? this : this.put(key, jsonString(formatTimestamp(micros)));
  }

  putFigure(key: string, figure: number | undefined): this {
    return figure === undefined ? this : this.put(key, exact(figure));
  }

  /** Whole milliseconds, rounded towards 0. */
  putMillis(key: string, micros: number): this {
    // Remainders are exact, quotients of doubles are not.
    return this.putCount(key, (micros - (micros % 1000)) / 1000);
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  toString(): string {
    return `{${this.#members.join(",")}}`;
  }
}

export function jsonArray(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}
