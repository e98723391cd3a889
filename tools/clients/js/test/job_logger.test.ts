import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  AuthError,
  createJobLogger,
  ProtocolError,
  JobLogger,
  type JournalEvent,
  type RefusedError,
} from "../src/index.js";
import { DaemonProcess, eventually, TOKEN } from "./daemon_process.js";

let daemon: DaemonProcess;
beforeEach(async () => {
  daemon = await DaemonProcess.start();
});
afterEach(() => daemon.stop());

async function events(job = "job"): Promise<JournalEvent[]> {
  const all: JournalEvent[] = [];
  for (let after = 0, hasMore = true; hasMore; ) {
    const page = await daemon.get<{ events: JournalEvent[]; next_after: number; has_more: boolean }>(
      `/api/v1/jobs/${job}/events?after=${after}&limit=10000`,
    );
    all.push(...page.events);
    ({ next_after: after, has_more: hasMore } = page);
  }
  return all;
}

const summary = (all: JournalEvent[]) =>
  all.map((event) => [event.type, event.stage, event.message].filter(Boolean).join(" "));
const logger = (more = {}): JobLogger => createJobLogger({ url: daemon.url, token: TOKEN, job: "job", ...more });

test("stages, progress, logs and the end", async () => {
  const log = logger({ pipeline: "release", labels: { team: "film" } });
  await log.stage("train", async (stage) => {
    stage.log("begins", { level: "debug", payload: { lr: 0.1 } });
    stage.progress(40, 100, "frames");
    await stage.stage("epoch-1", () => {});
  });
  await expect(
    log.stage("encode", () => {
      throw new TypeError("no codec");
    }),
  ).rejects.toThrow("no codec");
  expect(await log.fail(new Error("gave up"))).toBe(true);
  const all = await events();
  expect(summary(all)).toEqual([
    "job_created",
    "job_started",
    "stage_started train",
    "log train begins",
    "stage_progress train",
    "stage_started train/epoch-1",
    "stage_completed train/epoch-1",
    "stage_completed train",
    "stage_started encode",
    "stage_failed encode no codec",
    "job_failed gave up",
  ]);
  expect(all.find((event) => event.type === "stage_failed")!.payload!["stack"]).toContain("TypeError: no codec");
  expect(all.flatMap((event) => event.violations ?? [])).toEqual([]);
  const state = await daemon.get<{ status: string; labels: unknown }>("/api/v1/jobs/job");
  expect(state).toMatchObject({ status: "failed", pipeline: "release", labels: { team: "film" } });
});

test("each event once, in order, while the daemon is killed again and again", async () => {
  const log = logger();
  for (let round = 0; round < 5; ++round) {
    for (let i = 1; i <= 400; ++i) {
      log.log(String(round * 400 + i));
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await daemon.kill();
    log.log(`away ${round}`);
    await daemon.start();
  }
  expect(await log.complete()).toBe(true);
  const texts = (await events()).filter((event) => event.type === "log").map((event) => event.message);
  const expected = Array.from({ length: 5 }, (_, round) => [
    ...Array.from({ length: 400 }, (_, i) => String(round * 400 + i + 1)),
    `away ${round}`,
  ]).flat();
  expect(texts).toEqual(expected);
}, 60_000);

test("ten thousand events at once", async () => {
  const log = logger({ maxBuffered: 20_000 });
  for (let i = 0; i < 10_000; ++i) log.log(String(i));
  expect(await log.complete()).toBe(true);
  expect((await events()).length).toBe(10_002);
  expect(log.dropped).toBe(0);
});

test("a full buffer drops logs, counts them, and says so; what counts is kept", async () => {
  await daemon.kill();
  const counts: number[] = [];
  const log = logger({ maxBuffered: 100, onDropped: (count: number) => counts.push(count) });
  for (let i = 0; i < 300; ++i) log.log(String(i));
  const stage = log.stage("late");
  stage.complete();
  expect(log.dropped).toBe(201);
  expect(counts.at(-1)).toBe(201);
  await daemon.start();
  expect(await log.complete()).toBe(true);
  const all = summary(await events());
  expect(all.filter((line) => /^log \d+$/.test(line)).length).toBe(99);
  expect(all).toContain("stage_completed late");
  expect(all).toContain("log 201 events were dropped: the buffer was full");
});

test("a gate is opened, decided by somebody, and the choice comes back", async () => {
  const log = logger();
  const decided = log.gate("deploy", { prompt: "Ship it?", options: ["all", "half"] });
  await eventually(
    async () => (await events().catch(() => [])).some((event) => event.type === "gate_pause"),
    "the gate",
  );
  await daemon.kill();
  await daemon.start();
  await daemon.post("/api/v1/jobs/job/gates/deploy/approve", { choice: "half" });
  expect(await decided).toMatchObject({ status: "approved", choice: "half", decided_by: "admin" });
  await expect(log.gate("bad", { timeoutSeconds: -1 })).rejects.toMatchObject({ name: "RefusedError" });
  await log.complete();
});

test("a gate after the job's end is not the older one of its name", async () => {
  const log = logger();
  const first = log.gate("deploy");
  await eventually(async () => (await events().catch(() => [])).length === 2, "the gate");
  await daemon.post("/api/v1/jobs/job/gates/deploy/approve", {});
  expect((await first).status).toBe("approved");
  await daemon.post("/api/v1/jobs/job/cancel", {});
  await expect(log.gate("deploy")).rejects.toThrow("gate deploy was not opened: the job is over");
  await log.close();
});

test("another server's 200 takes no event", async () => {
  const server = createServer((_, response) => response.end('{"status":"ok"}')).listen(0, "127.0.0.1");
  await once(server, "listening");
  const problems: unknown[] = [];
  const log = logger({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    onProblem: (problem: unknown) => problems.push(problem),
  });
  expect(await log.flush(300)).toBe(false);
  expect(problems[0]).toBeInstanceOf(ProtocolError);
  server.closeAllConnections();
  server.close();
});

test("another run of a job resumes it", async () => {
  await logger().complete();
  const again = logger({ resume: true });
  await again.stage("train", () => {});
  await again.complete();
  expect(await daemon.get("/api/v1/jobs/job")).toMatchObject({ status: "completed", epoch: 2, violations: 0 });
});

test("a refused event is set aside with its reason, the others arrive", async () => {
  const refusals: [string, string][] = [];
  const log = logger({
    onRefused: (error: RefusedError, line: string) =>
      refusals.push([error.code, (JSON.parse(line) as JournalEvent).type]),
  });
  log.log("before");
  log.emit({ type: "no_such_type" });
  log.emit({ type: "log", message: "m".repeat(300_000) });
  log.log("after");
  expect(await log.complete()).toBe(true);
  expect(refusals.sort()).toEqual([
    ["event_too_large", "log"],
    ["unknown_type", "no_such_type"],
  ]);
  expect(summary(await events())).toEqual(["job_started", "log before", "log after", "job_completed"]);
  expect(log.refused).toBe(2);
});

test("a cancel is learnt of", async () => {
  let calls = 0;
  const log = logger({ heartbeatSeconds: 0.05, onCancel: () => ++calls });
  await log.flush();
  await daemon.post("/api/v1/jobs/job/cancel", {});
  await eventually(() => log.canceled.aborted, "learnt");
  expect(calls).toBe(1);
  await log.close();
});

test("a wrong token is said, and nothing is lost", async () => {
  const problems: unknown[] = [];
  const log = logger({ token: "nobody-has-this-one", onProblem: (problem: unknown) => problems.push(problem) });
  log.log("kept");
  expect(await log.flush(500)).toBe(false);
  expect(problems[0]).toBeInstanceOf(AuthError);
});

test("a gate with a wrong token is an AuthError; one in a busy program is there at once", async () => {
  const wrong = logger({ token: "nobody-has-this-one" });
  await expect(wrong.gate("deploy")).rejects.toBeInstanceOf(AuthError);
  const log = logger({ maxBuffered: 100_000 });
  const timer = setInterval(() => {
    for (let i = 0; i < 50; ++i) log.log("busy");
  }, 5);
  const decided = log.gate("deploy");
  const isOpen = async () => (await events().catch(() => [])).some((event) => event.type === "gate_pause");
  await eventually(isOpen, "the gate");
  await daemon.post("/api/v1/jobs/job/gates/deploy/approve", {});
  expect((await decided).status).toBe("approved");
  clearInterval(timer);
  await log.complete();
});

test("callbacks that throw and payloads that JSON cannot say stop nothing", async () => {
  const before = process.listeners("uncaughtException");
  const thrown: unknown[] = [];
  process.removeAllListeners("uncaughtException").on("uncaughtException", (error) => thrown.push(error));
  const fail = () => {
    throw new Error("mine");
  };
  const log = logger({ onProblem: fail, onRefused: fail });
  log.emit({ type: "no_such_type" });
  log.log("big", { payload: { big: 2n ** 64n } });
  expect(await log.complete()).toBe(true);
  process.removeAllListeners("uncaughtException");
  for (const listener of before) process.on("uncaughtException", listener);
  expect(thrown.length).toBeGreaterThan(1);
  expect(summary(await events())).toEqual(["job_started", "log big", "job_completed"]);
});

// --- The end of the process ---

async function run(script: string): Promise<{ code: number | null; stderr: string }> {
  const source = new URL("../dist/index.node.js", import.meta.url).href;
  const program = `import { createJobLogger } from '${source}';
    const log = createJobLogger({ url: '${daemon.url}', token: '${TOKEN}', job: 'job', exitFlushMillis: 2000 });
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr };
}

test("a program that ends, exits or throws has sent everything", async () => {
  expect(await run("log.log('by itself');")).toEqual({ code: 0, stderr: "" });
  expect(await run("log.log('by exit'); process.exit(3);")).toEqual({ code: 3, stderr: "" });
  expect((await run("log.log('thrown'); throw new Error('oops');")).code).toBe(1);
  const texts = (await events()).filter((event) => event.type === "log").map((event) => event.message);
  expect(texts).toEqual(["by itself", "by exit", "thrown"]);
});

test("a signal ends a program as it would, after what waits; what is refused is said", async () => {
  const source = new URL("../dist/index.node.js", import.meta.url).href;
  const program = `import { createJobLogger } from '${source}';
    const log = createJobLogger({ url: '${daemon.url}', token: '${TOKEN}', job: 'job', gatherMillis: 60000 });
    log.log('before the signal');
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect([code, signal]).toEqual([null, "SIGTERM"]);
  expect(summary(await events())).toContain("log before the signal");
  const decided = await run(
    "process.on('SIGTERM', () => process.exit(5)); log.log('its own way'); process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);",
  );
  expect(decided).toEqual({ code: 5, stderr: "" });
  expect(summary(await events())).toContain("log its own way");
  const refused = await run("log.emit({type:'nothing'}); log.log('kept'); process.exit(0);");
  expect(refused.stderr).toContain("events of job were refused: 422 unknown_type");
  expect(summary(await events())).toContain("log kept");
  const quiet = await run("log.emit({type:'nothing'}); await log.complete();");
  expect(quiet.stderr).toContain("events of job were refused: 422 unknown_type");
});

test("a daemon that accepts and never answers does not keep a program from ending", async () => {
  const { createServer } = await import("node:net");
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = daemon.url;
  const { port } = server.address() as { port: number };
  Object.defineProperty(daemon, "url", { value: `http://127.0.0.1:${port}`, configurable: true });
  const { code, stderr } = await run("log.log('a');");
  Object.defineProperty(daemon, "url", { value: url, configurable: true });
  expect(code).toBe(0);
  expect(stderr).toContain("2 events of job were not sent");
  server.close();
}, 60_000);

test("without a daemon a program ends, and says what is lost", async () => {
  await daemon.kill();
  for (const script of ["log.log('a');", "log.log('a'); process.exit(0);"]) {
    const { code, stderr } = await run(script);
    expect(code).toBe(0);
    expect(stderr).toContain("stagelog: 2 events of job were not sent");
  }
  await daemon.start();
});
