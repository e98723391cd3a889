// Gates that ask for more than one decision: several approvals, not by who opened it, and fields.
import { afterEach, beforeEach, expect, test } from "vitest";
import { createJobLogger, type GateOptions, type JobLogger, type JournalEvent } from "../src/index.js";
import { JobFold } from "../src/fold/index.js";
import { DaemonProcess, eventually, TOKEN } from "./daemon_process.js";

const ALICE = "a-token-of-the-tests-for-alice";
const BOB = "a-token-of-the-tests-for-bob";
const CONFIG = `
auth:
  tokens:
    - {name: admin, token: ${TOKEN}, roles: [admin]}
    - {name: alice, token: ${ALICE}, roles: [approver]}
    - {name: bob, token: ${BOB}, roles: [approver]}
`;
const GATE = "/api/v1/jobs/job/gates/deploy";

let daemon: DaemonProcess;
let log: JobLogger;
beforeEach(async () => {
  daemon = await DaemonProcess.start(CONFIG);
  log = createJobLogger({ url: daemon.url, token: TOKEN, job: "job" });
});
afterEach(async () => {
  await log.close(0);
  await daemon.stop();
});

/** Its promise is not what this one resolves to: that would wait for the decision. */
async function open(options: GateOptions) {
  const decided = log.gate("deploy", options);
  await eventually(async () => (await daemon.get<object>(GATE).catch(() => undefined)) !== undefined, "the gate");
  return { decided };
}

const approve = (body: object, token = TOKEN) => daemon.post(`${GATE}/approve`, body, token);

test("two approve, and the opener may not", async () => {
  const { decided } = await open({ required: 2, allowSelf: false });
  await expect(approve({})).rejects.toThrow("forbidden");
  expect(await approve({ comment: "fine" }, ALICE)).toMatchObject({ gate_status: "pending" });
  await expect(approve({}, ALICE)).rejects.toThrow("already_approved");
  await approve({}, BOB);
  expect(await decided).toMatchObject({
    status: "approved",
    decided_by: "bob",
    approvals: [{ by: "alice", comment: "fine" }, { by: "bob" }],
  });
  const { events } = await daemon.get<{ events: JournalEvent[] }>("/api/v1/jobs/job/events?type=gate_approved");
  expect(events.map(({ approval }) => approval)).toEqual([
    { count: 1, required: 2 },
    { count: 2, required: 2 },
  ]);
});

test("answers to the fields come back", async () => {
  const { decided } = await open({
    fields: [
      { name: "percent", type: "number", label: "How many percent?", required: true, min: 0, max: 100 },
      { name: "region", type: "choice", options: ["eu", "us"] },
      { name: "note", type: "text", max: 200 },
      { name: "dry-run", type: "boolean" },
    ],
  });
  await expect(approve({})).rejects.toThrow("answer_required");
  await approve({ answers: { "dry-run": true, percent: 12.5 } });
  const decision = await decided;
  expect(decision.answers).toEqual({ percent: 12.5, "dry-run": true });
  expect(decision.approvals).toBeUndefined();
});

test("what a gate cannot have is refused", async () => {
  const refused = (options: object) => expect(log.gate("bad", options)).rejects;
  await refused({ required: 3, approvers: ["alice", "bob"] }).toMatchObject({ code: "invalid_field" });
  await refused({ fields: [{ name: "n", type: "date" }] }).toMatchObject({ field: "payload.fields[0].type" });
  await refused({ aprovers: ["alice"] }).toMatchObject({ code: "unknown_key" });
});

test("the fold has the daemon's document after each approval", async () => {
  const { decided } = await open({ required: 2, fields: [{ name: "n", type: "number" }] });
  const path = "/api/v1/jobs/job";
  for (const token of [ALICE, BOB]) {
    await approve({ answers: { n: 1.0 } }, token);
    const fold = new JobFold();
    const { events } = await daemon.get<{ events: JournalEvent[] }>(`${path}/events?after=0`);
    for (const event of events) fold.apply(JSON.stringify(event));
    expect(fold.state().gates).toEqual((await daemon.get<{ gates: unknown }>(path)).gates);
  }
  expect((await decided).answers).toEqual({ n: 1 });
});
