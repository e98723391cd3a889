// Sends what waits before a Node process ends: by itself, by process.exit() or by an exception.
import { spawnSync } from "node:child_process";
import { pendingAtExit, type Pending } from "./exit_flush.js";

// After process.exit() nothing asynchronous runs any more: a process of its own sends what is left.
// Events that are on their way already are sent again, by the same ids.
const SENDER = `
const { url, token, job, lines, timeout } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const headers = { 'Content-Type': 'application/x-ndjson' };
if (token) headers.Authorization = 'Bearer ' + token;
(async () => {
  for (let i = 0; i < lines.length; i += 500) {
    const body = lines.slice(i, i + 500).map((line) => line + '\\n').join('');
    const answer = await fetch(url + '/api/v1/jobs/' + job + '/events',
      { method: 'POST', headers, body, signal: AbortSignal.timeout(timeout) });
    if (!answer.ok) throw new Error(answer.status + ' ' + await answer.text());
  }
})().catch((error) => { console.error(String(error.cause || error)); process.exit(1); });
`;

function sendNow({ url, token, job, flushMillis }: Pending, lines: string[]): string {
  const input = JSON.stringify({ url, token, job: encodeURIComponent(job), lines, timeout: flushMillis });
  const sent = spawnSync(process.execPath, ["-e", SENDER], { input, timeout: flushMillis + 1000 });
  return sent.status === 0 ? "" : sent.stderr?.toString().trim() || "no answer in time";
}

const tried = new Set<Pending>();

// Comes again after what it starts has ended.
process.on("beforeExit", () => {
  for (const one of pendingAtExit) {
    if (one.lines().length === 0 || tried.has(one)) continue;
    tried.add(one);
    void one.flush(one.flushMillis);
  }
});

process.on("exit", () => {
  for (const one of pendingAtExit) {
    const lines = one.lines();
    if (lines.length === 0) continue;
    const why = tried.has(one) ? "the daemon cannot be reached" : sendNow(one, lines);
    if (why) process.stderr.write(`stagelog: ${lines.length} events of ${one.job} were not sent: ${why}\n`);
  }
});
