// Server-sent events as the WHATWG describes them (html.spec.whatwg.org, section 9.2.6).

export interface SseFrame {
  /** Empty for an unnamed frame. */
  event: string;
  data: string;
  /** What this frame says; undefined where it has none. */
  id: string | undefined;
}

export class SseParser {
  /** The latest `retry:`, milliseconds. */
  retryMillis: number | undefined;

  readonly #decoder = new TextDecoder(); // drops a byte order mark
  #text = "";
  #endsInCarriageReturn = false;
  #event = "";
  #data: string[] = [];
  #id: string | undefined;

  /** The frames that `chunk` completes. Chunks may be cut anywhere, also within a character. */
  feed(chunk: Uint8Array): SseFrame[] {
    const frames: SseFrame[] = [];
    let text = this.#decoder.decode(chunk, { stream: true });
    if (this.#endsInCarriageReturn && text.startsWith("\n")) text = text.slice(1);
    if (text) this.#endsInCarriageReturn = text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#text + lines[0]!;
    this.#text = lines.pop()!;
    for (const line of lines) {
      const frame = this.#takeLine(line);
      if (frame) frames.push(frame);
    }
    return frames;
  }

  #takeLine(line: string): SseFrame | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    if (field === "id" && !value.includes("\0")) this.#id = value;
    if (field === "retry" && /^[0-9]+$/.test(value)) this.retryMillis = Number(value);
    return undefined;
  }

  #dispatch(): SseFrame | undefined {
    const frame = { event: this.#event, data: this.#data.join("\n"), id: this.#id };
    const hasData = this.#data.length > 0;
    this.#event = "";
    this.#data = [];
    this.#id = undefined;
    return hasData ? frame : undefined;
  }
}
