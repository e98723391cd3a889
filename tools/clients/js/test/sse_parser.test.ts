// The parser over the byte streams that the C++ reader is held to as well, cut at every place.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SseParser } from "../src/sse_parser.js";
import { repository } from "./daemon_process.js";

const folder = join(repository, "tests/vectors/sse");
const names = readdirSync(folder).filter((name) => name.endsWith(".sse"));
// Longer streams are cut at some places only, and their data is told by size and digest.
const MAX_CUT_EVERYWHERE = 4096;

function read(bytes: Uint8Array, cut: number): unknown[] {
  const parser = new SseParser();
  const frames: unknown[] = [];
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    for (const { event, data, id } of parser.feed(piece)) {
      const isLong = bytes.length > MAX_CUT_EVERYWHERE && Buffer.byteLength(data) > MAX_CUT_EVERYWHERE;
      const digest = () => createHash("sha256").update(data).digest("hex");
      const shown = isLong ? { data_bytes: Buffer.byteLength(data), data_sha256: digest() } : { data };
      frames.push({ event, id: id ?? null, ...shown });
    }
  }
  return frames;
}

test.each(names)("%s", (name) => {
  const bytes = readFileSync(join(folder, name));
  const expected = (JSON.parse(readFileSync(join(folder, name.replace(".sse", ".json")), "utf8")) as object[]).map(
    (frame) => {
      const { retry: _, ...others } = frame as { retry: unknown };
      return others;
    },
  );
  const step = bytes.length > MAX_CUT_EVERYWHERE ? Math.ceil(bytes.length / 50) : 1;
  for (let cut = 0; cut <= bytes.length; cut += step) expect(read(bytes, cut), `cut at ${cut}`).toEqual(expected);
});

test("the time to wait before another attempt", () => {
  const parser = new SseParser();
  parser.feed(new TextEncoder().encode("retry: 1500\nretry: soon\nretry: -1\n\n"));
  expect(parser.retryMillis).toBe(1500);
});

test("there are vectors", () => expect(names.length).toBeGreaterThan(5));
