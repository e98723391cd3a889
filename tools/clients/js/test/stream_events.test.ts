import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuthError, RefusedError, streamEvents, type FeedStatus, type JournalEvent } from "../src/index.js";
import { DaemonProcess, eventually, TOKEN } from "./daemon_process.js";
import { BufferingProxy } from "./buffering_proxy.js";

let daemon: DaemonProcess;
beforeEach(async () => {
  daemon = await DaemonProcess.start();
});
afterEach(() => daemon.stop());

const messages = (events: JournalEvent[]) => events.map((event) => Number(event.message));
const numbers = (from: number, through: number) => Array.from({ length: through - from + 1 }, (_, i) => from + i);

test("the events of a job, older and new, by for await", async () => {
  await daemon.postLogs("job", 3);
  const got: JournalEvent[] = [];
  for await (const event of streamEvents({ url: daemon.url, token: TOKEN, job: "job" })) {
    got.push(event);
    if (got.length === 3) await daemon.postLogs("job", 2, 4);
    if (got.length === 5) break;
  }
  expect(messages(got)).toEqual(numbers(1, 5));
  await eventually(async () => (await daemon.streams()) === 0, "no connection is left");
});

test("a ticket for a job is as good as a token, for that job", async () => {
  await daemon.postLogs("job", 2);
  const token = (await daemon.post("/api/v1/tickets", { job: "job" }))["ticket"] as string;
  const got: JournalEvent[] = [];
  for await (const event of streamEvents({ url: daemon.url, token, job: "job" })) {
    got.push(event);
    if (got.length === 2) await daemon.postLogs("job", 1, 3);
    if (got.length === 3) break;
  }
  expect(messages(got)).toEqual(numbers(1, 3));
  const other = streamEvents({ url: daemon.url, token, job: "other" })[Symbol.asyncIterator]();
  await expect(other.next()).rejects.toThrow(AuthError);
});

test("each event once while the daemon is killed and started again", async () => {
  const got: JournalEvent[] = [];
  const states: string[] = [];
  const stream = streamEvents({
    url: daemon.url,
    token: TOKEN,
    job: "job",
    onEvent: (event) => got.push(event),
    onStatus: (status) => states.push(status.state),
  });
  for (let round = 0; round < 4; ++round) {
    await daemon.postLogs("job", 200, round * 400 + 1);
    await daemon.kill();
    await daemon.start();
    await daemon.postLogs("job", 200, round * 400 + 201);
  }
  await eventually(() => got.length >= 1600, "all have come", 40);
  expect(messages(got)).toEqual(numbers(1, 1600));
  expect(states).toContain("offline");
  expect(stream.status).toMatchObject({ state: "live", missed: 0 });
  stream.close();
}, 60_000);

test("subscriptions of a page share one connection, also those that come later", async () => {
  const logs: Record<string, JournalEvent[]> = { a: [], b: [], late: [] };
  for (const job of ["a", "b", "late"]) await daemon.postLogs(job, 2500);
  const open = (job: string) =>
    streamEvents({ url: daemon.url, token: TOKEN, job, onEvent: (event) => logs[job]!.push(event) });
  const streams = [open("a"), open("b")];
  await eventually(() => logs["a"]!.length === 2500 && logs["b"]!.length === 2500, "two jobs");
  expect(await daemon.streams()).toBe(1);
  const more = [daemon.postLogs("a", 500, 2501), daemon.postLogs("late", 500, 2501)];
  streams.push(open("late"));
  await Promise.all(more);
  await eventually(() => logs["late"]!.length === 3000 && logs["a"]!.length === 3000, "the third job");
  await daemon.postLogs("late", 1, 3001);
  await daemon.postLogs("b", 1, 2501);
  await eventually(() => logs["late"]!.length === 3001 && logs["b"]!.length === 2501, "live events");
  for (const [job, count] of [
    ["a", 3000],
    ["b", 2501],
    ["late", 3001],
  ] as const) {
    expect(messages(logs[job]!)).toEqual(numbers(1, count));
  }
  expect(await daemon.streams()).toBe(1);
  for (const stream of streams) stream.close();
  await eventually(async () => (await daemon.streams()) === 0, "no connection is left");
});

test("a slow consumer gets all, in order, and holds up nobody", async () => {
  await daemon.postLogs("job", 10);
  const fast: JournalEvent[] = [];
  const quick = streamEvents({ url: daemon.url, token: TOKEN, job: "job", onEvent: (event) => fast.push(event) });
  const slow = streamEvents({ url: daemon.url, token: TOKEN, job: "job" });
  await daemon.postLogs("job", 19_990, 11);
  await eventually(() => fast.length === 20_000, "the fast one has all");
  const got: JournalEvent[] = [];
  for await (const event of slow) {
    got.push(event);
    if (got.length === 20_000) break;
  }
  expect(messages(got)).toEqual(numbers(1, 20_000));
  quick.close();
}, 60_000);

test("a proxy that buffers: polls take over and give way again", async () => {
  const proxy = await BufferingProxy.start(daemon.port);
  const states: FeedStatus[] = [];
  const got: JournalEvent[] = [];
  const stream = streamEvents({
    url: proxy.url,
    token: TOKEN,
    job: "job",
    onEvent: (event) => got.push(event),
    onStatus: (status) => states.push(status),
    times: { firstFrameMillis: 300, retryStreamMillis: 500, pollSeconds: 1 },
  });
  await daemon.postLogs("job", 20);
  await eventually(() => got.length === 20 && stream.status.state === "polling", "polls");
  expect(states.find((status) => status.state === "polling")?.problem).toContain("held back");
  proxy.buffers = false;
  await daemon.postLogs("job", 20, 21);
  await eventually(() => stream.status.state === "live", "the stream is back");
  await daemon.postLogs("job", 20, 41);
  await eventually(() => got.length === 60, "all of them");
  expect(messages(got)).toEqual(numbers(1, 60));
  stream.close();
  await proxy.stop();
});

test("connections that are cut anywhere, within a character too", async () => {
  const proxy = await BufferingProxy.start(daemon.port);
  proxy.buffers = false;
  const texts = Array.from({ length: 60 }, (_, i) => `${i} żółć 🎬`);
  await daemon.post(
    "/api/v1/jobs/job/events",
    texts.map((message) => ({ type: "log", message })),
  );
  const got: JournalEvent[] = [];
  const stream = streamEvents({
    url: proxy.url,
    token: TOKEN,
    job: "job",
    onEvent: (event) => got.push(event),
    onStatus: () => (proxy.cutAfter = 700 + 13 * proxy.cuts),
    times: { firstFrameMillis: 2000 },
  });
  proxy.cutAfter = 700;
  await eventually(() => proxy.cuts >= 3, "some cuts", 60);
  proxy.cutAfter = Infinity;
  await eventually(() => got.length === texts.length, "all", 60);
  expect(got.map((event) => event.message)).toEqual(texts);
  stream.close();
  await proxy.stop();
}, 90_000);

test("a daemon of a later version: unknown frames, types and keys are passed over or on", async () => {
  const event = { seq: 7, job_id: "job", job_seq: 1, type: "job_paused", future: { key: 1 }, hash: "" };
  const server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    response.write('id: 0\nevent: connected\ndata: {"head_seq":7,"heartbeat_seconds":5,"future":[]}\n\n');
    response.write('event: weather\ndata: "no JSON object"\n\nevent: heartbeat\ndata: not even JSON\n\n');
    response.write(`id: 7\nfuture: field\ndata: ${JSON.stringify(event)}\n\n`);
    request.on("close", () => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for await (const got of streamEvents({ url, job: "job" })) {
    expect(got).toEqual(event);
    break;
  }
  server.closeAllConnections();
  server.close();
});

test("something else that answers is no daemon, and is tried again", async () => {
  let answers = 0;
  const server = createServer((_, response) => {
    ++answers;
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end("<h1>Please sign in</h1>");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const problems: string[] = [];
  const stream = streamEvents({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    job: "job",
    onEvent: () => {},
    onStatus: (status) => problems.push(`${status.state}: ${status.problem ?? ""}`),
  });
  await eventually(() => answers >= 4, "another attempt");
  expect(problems[0]).toContain("offline: not the answer of a stagelog daemon");
  stream.close();
  server.close();
});

test("a subscription that joins while others are polled misses nothing", async () => {
  await daemon.postLogs("a", 2);
  const got: Record<string, JournalEvent[]> = { a: [], b: [] };
  const open = (job: string) =>
    streamEvents({ url: daemon.url, token: TOKEN, job, transport: "poll", onEvent: (event) => got[job]!.push(event) });
  const streams = [open("a")];
  await eventually(() => got["a"]!.length === 2, "the first job");
  await daemon.postLogs("b", 2);
  streams.push(open("b"));
  await eventually(() => got["b"]!.length === 2, "the second, at once", 5);
  for (let i = 0; i < 20; ++i) await daemon.postLogs(i % 3 === 0 ? "a" : "b", 1, 100 + i);
  await eventually(() => got["a"]!.length === 9 && got["b"]!.length === 15, "all of both");
  for (const stream of streams) stream.close();
});

test("a slow consumer gets all of a job that is over", async () => {
  await daemon.postLogs("job", 12_000);
  await daemon.post("/api/v1/jobs/job/events", { type: "job_completed" });
  let count = 0;
  for await (const event of streamEvents({ url: daemon.url, token: TOKEN, job: "job", until: "terminal" })) {
    expect(event.job_seq).toBe(++count);
    if (count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(count).toBe(12_001);
});

test("what a callback throws shows, and disturbs no other subscription", async () => {
  await daemon.postLogs("job", 10);
  const thrown: unknown[] = [];
  const note = (error: unknown) => thrown.push(error);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", note);
  const got: JournalEvent[] = [];
  const fail = () => {
    throw new Error("mine");
  };
  const options = { url: daemon.url, token: TOKEN, job: "job" };
  const bad = streamEvents({ ...options, onEvent: fail, onStatus: fail });
  const good = streamEvents({ ...options, onEvent: (event) => got.push(event) });
  await eventually(() => got.length === 10 && thrown.length >= 10, "all events, all errors");
  process.removeListener("uncaughtException", note);
  for (const listener of before) process.on("uncaughtException", listener);
  expect(messages(got)).toEqual(numbers(1, 10));
  expect(good.status.state).toBe("live");
  bad.close();
  good.close();
});

test("more jobs than a URL has room for, and a name that cannot be", async () => {
  const got: JournalEvent[] = [];
  const names = Array.from({ length: 300 }, (_, i) => `job-with-a-name-of-some-length-${i}`);
  expect(() => streamEvents({ url: daemon.url, token: TOKEN, job: "a b" })).toThrow("cannot be the name of a job");
  const streams = names.map((job) =>
    streamEvents({ url: daemon.url, token: TOKEN, job, onEvent: (event) => got.push(event) }),
  );
  for (const job of names.slice(0, 20)) await daemon.postLogs(job, 1);
  await eventually(() => got.length === 20, "an event of each");
  await daemon.postLogs("nobody-asked", 1);
  await daemon.postLogs(names[299]!, 1, 7);
  await eventually(() => got.length === 21, "the last");
  expect(got.at(-1)!.message).toBe("7");
  for (const stream of streams) stream.close();
});

test("a job that joins before its first event", async () => {
  await daemon.postLogs("busy", 1);
  const got: JournalEvent[] = [];
  const options = { url: daemon.url, token: TOKEN };
  const busy = streamEvents({ ...options, job: "busy", onEvent: () => {} });
  await eventually(() => busy.status.state === "live", "live");
  const late = streamEvents({ ...options, job: "late", onEvent: (event) => got.push(event) });
  await eventually(() => late.status.state === "live", "live without an event");
  await daemon.postLogs("late", 3);
  await eventually(() => got.length === 3, "its events", 5);
  const aborted = streamEvents({ ...options, signal: AbortSignal.abort(), onEvent: () => got.push(null as never) });
  await daemon.postLogs("late", 1, 4);
  await eventually(() => got.length === 4, "only once", 5);
  for (const stream of [busy, late, aborted]) stream.close();
});

test("silence is noticed", async () => {
  const proxy = await BufferingProxy.start(daemon.port);
  proxy.buffers = false;
  const states: string[] = [];
  const got: JournalEvent[] = [];
  const stream = streamEvents({
    url: proxy.url,
    token: TOKEN,
    job: "job",
    onEvent: (event) => got.push(event),
    onStatus: (status) => states.push(`${status.state} ${status.problem ?? ""}`),
  });
  await eventually(() => stream.status.state === "live", "live");
  proxy.isFrozen = true; // the connection stays open, and nothing comes any more
  await eventually(() => states.some((state) => state.includes("no heartbeat")), "noticed", 30);
  proxy.isFrozen = false;
  await daemon.postLogs("job", 3);
  await eventually(() => got.length === 3, "it goes on");
  stream.close();
  await proxy.stop();
}, 60_000);

test("errors that do not pass are typed", async () => {
  const wrong = streamEvents({ url: daemon.url, token: "nobody-has-this-one", job: "job" });
  await expect(wrong.next()).rejects.toBeInstanceOf(AuthError);
  const badFilter = streamEvents({ url: daemon.url, token: TOKEN, job: "job", type: ["Log!"] });
  await expect(badFilter.next()).rejects.toBeInstanceOf(RefusedError);
  expect(() => streamEvents({ url: daemon.url, token: TOKEN, after: -1 })).toThrow("'after'");
});

test("until the job is over", async () => {
  await daemon.post("/api/v1/jobs/job/events", { type: "job_started" });
  const types: string[] = [];
  const stream = streamEvents({ url: daemon.url, token: TOKEN, job: "job", until: "terminal" });
  for await (const event of stream) {
    types.push(event.type);
    if (types.length === 1) await daemon.post("/api/v1/jobs/job/events", { type: "job_completed" });
  }
  expect(types).toEqual(["job_started", "job_completed"]);
  expect(stream.status.state).toBe("ended");
});

test("filters, all jobs, and from now on", async () => {
  await daemon.postLogs("old", 5);
  const got: JournalEvent[] = [];
  const stream = streamEvents({
    url: daemon.url,
    token: TOKEN,
    type: ["job_started"],
    onEvent: (event) => got.push(event),
  });
  await eventually(() => stream.status.state === "live", "live");
  await daemon.postLogs("new", 5);
  await daemon.post("/api/v1/jobs/new/events", { type: "job_started" });
  await eventually(() => got.length === 1, "the one that matches");
  expect(got[0]).toMatchObject({ job_id: "new", type: "job_started" });
  stream.close();
});

test("a cursor beyond the journal is a gap", async () => {
  await daemon.postLogs("job", 2);
  const states: FeedStatus[] = [];
  const got: JournalEvent[] = [];
  const stream = streamEvents({
    url: daemon.url,
    token: TOKEN,
    job: "job",
    after: 1000,
    onEvent: (event) => got.push(event),
    onStatus: (status) => states.push(status),
  });
  await eventually(() => states.some((status) => status.state === "gap"), "a gap");
  expect(states.find((status) => status.state === "gap")!.missed).toBeNaN();
  await daemon.postLogs("job", 1, 3);
  await eventually(() => got.length === 1, "it goes on from there");
  stream.close();
});
