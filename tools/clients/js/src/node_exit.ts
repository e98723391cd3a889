// Sends what waits before a Node process ends: by itself, by process.exit(), by an exception or a signal.
import { spawnSync } from "node:child_process";
import { pendingAtExit, type Pending } from "./exit_flush.js";

// Where nothing asynchronous runs any more, a process of its own sends what is left, and tries again
// until the time is over. Events that are on their way already are sent again, by the same ids. One
// that is refused goes, the others are sent.
const SENDER = `
const { url, token, job, lines, deadline } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const headers = { 'Content-Type': 'application/x-ndjson' };
if (token) headers.Authorization = 'Bearer ' + token;
const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
let why = 'no answer in time', size = 500;
const attempt = async (batch) => {
  const answer = await fetch(url + '/api/v1/jobs/' + encodeURIComponent(job) + '/events', {
    method: 'POST', headers, body: batch.map((line) => line + '\\n').join(''),
    signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())) });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok && body && body.durable) return lines.splice(0, batch.length);
  why = answer.status + ' ' + (body.code || '') + ': ' + (body.detail || 'not the answer of a stagelog daemon');
  const line = batch.length === 1 ? 1 : body.line;
  const isOfEvent = body.code && answer.status < 500 && ![401, 404, 408, 421, 429].includes(answer.status) &&
    (answer.status !== 403 || body.line);
  if (isOfEvent && line) { console.error(why); lines.splice(line - 1, 1); }
  else if (isOfEvent) size = 1;
  else await pause();
};
(async () => {
  while (lines.length > 0 && Date.now() < deadline) {
    try { await attempt(lines.slice(0, size)); }
    catch (error) { why = String(error.cause?.message || error.cause?.code || error.message); await pause(); }
  }
  console.log(JSON.stringify({ left: lines.length, why }));
})();
`;

function sendNow({ url, token, job, flushMillis }: Pending, lines: string[]): { left: number; why: string } {
  const input = JSON.stringify({ url, token, job, lines, deadline: Date.now() + flushMillis });
  const sent = spawnSync(process.execPath, ["-e", SENDER], { input, timeout: flushMillis + 1000 });
  const refusals = sent.stderr?.toString().trim();
  if (refusals) complain(job, refusals.split("\n")[0]!);
  try {
    return JSON.parse(sent.stdout.toString()) as { left: number; why: string };
  } catch {
    return { left: lines.length, why: "no answer in time" };
  }
}

function complain(job: string, why: string): void {
  process.stderr.write(`stagelog: events of ${job} were refused: ${why}\n`);
}

const tried = new Set<Pending>();

function end(): void {
  for (const one of pendingAtExit) {
    pendingAtExit.delete(one);
    const { job, outbox } = one;
    if (one.complaint()) complain(job, one.complaint());
    const lines = outbox.lines();
    if (lines.length === 0) continue;
    const why = outbox.problem?.message ?? "no answer in time";
    const result = tried.has(one) ? { left: lines.length, why } : sendNow(one, lines);
    if (result.left > 0)
      process.stderr.write(`stagelog: ${result.left} events of ${job} were not sent: ${result.why}\n`);
  }
}

// Comes again after what it starts has ended.
process.on("beforeExit", () => {
  for (const one of pendingAtExit) {
    if (one.outbox.lines().length === 0 || tried.has(one)) continue;
    tried.add(one);
    void one.outbox.flush(one.flushMillis).then(() => one.stop());
  }
});

process.on("exit", end);

// By default these end a program at once. They still do, after what waits; but as soon as anybody else
// listens for one, that one decides, and process.exit() comes here by "exit".
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  if (process.listenerCount(signal) > 0) continue;
  const onSignal = () => {
    process.off(signal, onSignal);
    end();
    process.kill(process.pid, signal);
  };
  process.on(signal, onSignal);
  process.on("newListener", (event) => {
    // Later: with none at all in between, Node would not listen for the signal any more.
    if (event === signal) queueMicrotask(() => process.off(signal, onSignal));
  });
}
