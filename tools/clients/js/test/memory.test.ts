// Many events through a stream, in a process of its own: what it holds at the end is what it held
// after a tenth of them.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { DaemonProcess, TOKEN } from "./daemon_process.js";

// STAGELOG_MEMORY_EVENTS=1000000 for a long run.
const EVENTS = Number(process.env["STAGELOG_MEMORY_EVENTS"] ?? 300_000);

test("memory does not grow with the events", async () => {
  const daemon = await DaemonProcess.start();
  const batch = JSON.stringify(
    Array.from({ length: 5000 }, () => ({ type: "log", message: "a line of some length, as they are" })),
  );
  for (let sent = 0; sent < EVENTS; sent += 5000) {
    await fetch(`${daemon.url}/api/v1/jobs/job/events`, {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
      body: batch,
    });
  }
  const program = `
    import { streamEvents } from '${new URL("../dist/index.js", import.meta.url).href}';
    const held = () => { gc(); return process.memoryUsage().heapUsed; };
    let count = 0, early = 0;
    for await (const event of streamEvents({ url: '${daemon.url}', token: '${TOKEN}', job: 'job' })) {
      if (event.job_seq !== ++count) throw new Error('expected ' + count + ', got ' + event.job_seq);
      if (count === ${EVENTS / 10}) early = held();
      if (count === ${EVENTS}) break;
    }
    console.log(JSON.stringify({ early, late: held() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", "--input-type=module", "-e", program]);
  const { early, late } = JSON.parse(stdout) as { early: number; late: number };
  expect(late).toBeLessThan(early + 8_000_000);
  await daemon.stop();
}, 180_000);
