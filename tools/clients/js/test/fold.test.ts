// The fold against what the C++ code makes of the same events: every vector in tests/vectors/folds, byte for byte.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { JobFold, UnreadableEvent } from "../src/fold/index.js";

const FOLDER = fileURLToPath(new URL("../../../../tests/vectors/folds/", import.meta.url));
const SUFFIX = ".state.json";

const files = readdirSync(FOLDER);
const names = files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));

function linesOf(file: string): string[] {
  // Not by a decoder that takes a byte order mark away, nor by a split at other ends of line than '\n'.
  return readFileSync(FOLDER + file)
    .toString("utf8")
    .split("\n")
    .slice(0, -1);
}

describe("the fold of a job's events", () => {
  it("is tested with vectors of every type", () => {
    expect(names.length).toBeGreaterThanOrEqual(25);
  });

  it.each(names)("%s: has the bytes of state.json", (name) => {
    const fold = new JobFold();
    for (const line of linesOf(`${name}.jsonl`)) fold.apply(line);
    expect(`${fold.stateJson()}\n`).toBe(readFileSync(FOLDER + name + SUFFIX, "utf8"));
  });

  it.each(names.filter((name) => files.includes(`${name}.states.jsonl`)))("%s: has them after each event", (name) => {
    const states = linesOf(`${name}.states.jsonl`);
    const events = linesOf(`${name}.jsonl`);
    expect(states.length).toBe(events.length);
    const fold = new JobFold();
    events.forEach((line, index) => {
      fold.apply(line);
      expect(fold.stateJson(), `after ${line}`).toBe(states[index]);
    });
  });
});

describe("JobFold", () => {
  const [first = "", second = ""] = linesOf("stage_attempts.jsonl");

  it("gives the document as an object, the same until the next event", () => {
    const fold = new JobFold();
    fold.apply(first);
    const state = fold.state();
    expect(state.status).toBe("created");
    expect(fold.state()).toBe(state);
    fold.apply(second);
    expect(fold.state()).not.toBe(state);
    expect(fold.state().stages).toMatchObject([{ stage: "s", attempt: 1, status: "running" }]);
  });

  it("does not mind a newline at the end of a line", () => {
    const fold = new JobFold();
    fold.apply(`${first}\n`);
    fold.apply(`${second}\r\n`);
    expect(fold.state().events).toBe(2);
  });

  it.each([
    ["nothing", ""],
    ["no object", "[]"],
    ["a line that was cut", second.slice(0, -80)],
    ["a type of a later version", second.replace('"stage_started"', '"stage_paused"')],
    ["a time that is none", second.replace(/"ts":"[^"]*"/, '"ts":"2026-02-29T00:00:00Z"')],
    ["a seq that is none", second.replace(/"seq":\d+/, '"seq":"7"')],
    ["half of a pair of surrogates", second.replace('"first"', '"\\ud83d"')],
    ["an invalid name behind an escape", second.replace('"stage":"s"', '"stage":"\\u002fs"')],
  ])("refuses %s and stays as it was", (_, line) => {
    const fold = new JobFold();
    fold.apply(first);
    const before = fold.stateJson();
    expect(() => fold.apply(line)).toThrow(UnreadableEvent);
    expect(fold.tryApply(line)).toBe(false);
    expect(fold.stateJson()).toBe(before);
    fold.apply(second);
    expect(fold.state().events).toBe(2);
  });

  it("keeps all digits of a seq beyond 2^53", () => {
    const fold = new JobFold();
    fold.apply(first.replace(/"seq":\d+/, '"seq":9223372036854775807'));
    expect(fold.stateJson()).toContain('"first_seq":9223372036854775807,');
  });
});
