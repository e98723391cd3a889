// Gates with rules in lines that no daemon would write: they are read all the same, as the C++ code reads them. The
// vectors have the others.
import { expect, test } from "vitest";
import { type GateIteration, JobFold } from "../src/fold/index.js";

let seq = 0;

/** A line as the journal has it; the fold does not verify hashes. */
function line(type: string, payload: string, more = "", actor = "w"): string {
  ++seq;
  const time = `2026-11-30T13:54:${String(seq % 60).padStart(2, "0")}.000000Z`;
  const members = `"seq":${seq},"job_id":"j","job_seq":${seq},"event_id":"e${seq}","ts":"${time}","occurred_at":"${time}"`;
  const rest = `"type":"${type}","gate":"g","payload":${payload}${more},"actor":"${actor}"`;
  return `{${members},${rest},"hash":"${"0".repeat(64)}"}`;
}

function approval(count: number | string, required: number | string): string {
  return `,"approval":{"count":${count},"required":${required}}`;
}

function gateOf(...lines: string[]): GateIteration {
  const fold = new JobFold();
  for (const each of lines) fold.apply(each);
  return fold.state().gates[0]!;
}

const fieldsOf = (fields: string) => gateOf(line("gate_pause", `{"fields":${fields}}`)).fields;

function answersOf(fields: string, answers: string): string | undefined {
  const fold = new JobFold();
  fold.apply(line("gate_pause", `{"fields":${fields}}`));
  fold.apply(line("gate_approved", `{"answers":${answers}}`));
  return /"answers":(\{.*?\}),"via"/.exec(fold.stateJson())?.[1];
}

test("names that every object has are names as any other", () => {
  const fields = '[{"name":"toString","type":"text"},{"name":"constructor","type":"number"}]';
  expect(answersOf(fields, "{}")).toBeUndefined();
  expect(answersOf(fields, '{"constructor":1,"toString":"a","valueOf":2}')).toBe('{"toString":"a","constructor":1}');
});

test("an answer that breaks the field's rules is none", () => {
  const number = '[{"name":"n","type":"number","min":-1.5}]';
  const numbers = ["-1.5", "-1.6", "1e15", "1000000000000001", "1e-7", "-0.0", "0.1e1", '"1"', "true", "null"];
  expect(numbers.map((answer) => answersOf(number, `{"n":${answer}}`))).toEqual([
    '{"n":-1.5}',
    undefined,
    '{"n":1000000000000000}',
    undefined,
    '{"n":1e-07}',
    '{"n":0}',
    '{"n":1}',
    undefined,
    undefined,
    undefined,
  ]);
  // The C++ code cannot read the object as a whole.
  const two = '[{"name":"n","type":"number"},{"name":"t","type":"text"}]';
  expect(answersOf(two, '{"n":1e400,"t":"a"}')).toBeUndefined();
});

test("characters of a text are code points", () => {
  const text = '[{"name":"t","type":"text","min":2,"max":2}]';
  expect(answersOf(text, '{"t":"🎬"}')).toBeUndefined();
  expect(answersOf(text, '{"t":"é🎬"}')).toBe('{"t":"é🎬"}');
  expect(answersOf('[{"name":"t","type":"text"}]', `{"t":"${"é".repeat(16385)}"}`)).toBeUndefined();
});

test("a field that breaks the rules is left out", () => {
  expect(
    fieldsOf(
      `[{"name":"1a","type":"text"},{"name":"a","type":"date"},{"name":"b","type":"choice"},
        {"name":"c","type":"text","max":1.5},{"name":"d","type":"number","min":2,"max":1},
        {"name":"e","type":"text","other":1},{"name":"f","type":"boolean","min":0},7,
        {"name":"g","type":"text","options":["x"]},{"name":"h","type":"text","label":""},
        {"x-hint":1,"required":false,"label":null,"type":"boolean","name":"ok"},{"name":"ok","type":"text"}]`.replace(
        /\n\s*/g,
        "",
      ),
    ),
  ).toEqual([{ name: "ok", type: "boolean" }]);
  const many = Array.from({ length: 40 }, (_, i) => `{"name":"n${i}","type":"text"}`);
  expect(fieldsOf(`[${many.join()}]`)).toHaveLength(32);
  expect(fieldsOf("{}")).toBeUndefined();
});

test.each(["2.0", "0", "65", '"2"', "18446744073709551617", "null"])("%s is no number of approvals", (required) => {
  const gate = gateOf(line("gate_pause", `{"required":${required}}`));
  expect(gate.required).toBeUndefined();
  expect(gate.approvals).toBeUndefined();
});

test("the event says which approval it is; the first fixes choice and answers", () => {
  const open = line("gate_pause", '{"required":2,"options":["a","b"],"fields":[{"name":"n","type":"number"}]}');
  const first = line("gate_approved", '{"choice":"a","answers":{"n":1}}', approval(1, 2), "alice");
  const last = line("gate_approved", '{"choice":"b","answers":{"n":2},"comment":"c"}', approval(2, 2), "bob");
  expect(gateOf(open, first)).toMatchObject({ status: "pending", choice: "a", answers: { n: 1 } });
  expect(gateOf(open, first, last)).toMatchObject({
    status: "approved",
    decided_by: "bob",
    comment: "c",
    choice: "a",
    answers: { n: 1 },
    approvals: [
      { by: "alice", seq: seq - 1 },
      { by: "bob", seq, comment: "c" },
    ],
  });
  // Of a version that did not know `required`: it decides alone.
  expect(gateOf(open, line("gate_approved", "{}"))).toMatchObject({ status: "approved", approvals: [] });
  expect(gateOf(open, line("gate_approved", "{}", approval(0, 2)))).toMatchObject({ status: "approved" });
});
