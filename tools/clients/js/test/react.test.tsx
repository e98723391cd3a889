import { StrictMode, type ReactElement } from "react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mount, perform } from "./dom.js";
import type { JournalEvent } from "../src/index.js";
import {
  LogPanel,
  makeFormatEvent,
  useJobEvents,
  useJobState,
  useLogStream,
  type LogEntry,
} from "../src/react/index.js";
import { DaemonProcess, eventually, TOKEN } from "./daemon_process.js";

let daemon: DaemonProcess;
beforeEach(async () => {
  daemon = await DaemonProcess.start();
});
afterEach(() => daemon.stop());

const Events = ({ job, tag = "" }: { job: string; tag?: string }): ReactElement => {
  const { events, status } = useJobEvents({ url: daemon.url, token: TOKEN, job });
  return <p>{`${tag}${events.map((event) => event.message).join(",")} ${status.state}`}</p>;
};

test("strict mode, another job and unmounting leave one connection, then none", async () => {
  await daemon.postLogs("a", 3);
  await daemon.postLogs("b", 2, 11);
  const page = mount(
    <StrictMode>
      <Events job="a" />
      <Events job="a" tag="again " />
    </StrictMode>,
  );
  await eventually(() => page.element.textContent === "1,2,3 liveagain 1,2,3 live", "both show them");
  expect(await daemon.streams()).toBe(1);
  page.render(
    <StrictMode>
      <Events job="b" />
    </StrictMode>,
  );
  await eventually(() => page.element.textContent === "11,12 live", "the other job");
  await eventually(async () => (await daemon.streams()) === 1, "one connection");
  await daemon.postLogs("a", 1, 4);
  await daemon.postLogs("b", 1, 13);
  await eventually(() => page.element.textContent === "11,12,13 live", "no event of the job before");
  page.unmount();
  await eventually(async () => (await daemon.streams()) === 0, "none");
});

test("one of several approvals is not called the decision", () => {
  const format = makeFormatEvent();
  const approved = { type: "gate_approved", gate: "deploy", message: "fine" } as JournalEvent;
  const texts = [1, 2].map((count) => format({ ...approved, approval: { count, required: 2 } }));
  expect(texts).toEqual(["gate deploy approved (1 of 2): fine", "gate deploy approved: fine"]);
  expect(format(approved)).toBe("gate deploy approved: fine");
});

test("a state follows its events over a restart of the daemon", async () => {
  const State = (): ReactElement => {
    const { state } = useJobState({ url: daemon.url, token: TOKEN, job: "job" });
    return <p>{state ? `${state.status} ${state.gates.map((gate) => gate.status).join()}` : "nothing"}</p>;
  };
  const page = mount(<State />);
  expect(page.element.textContent).toBe("nothing");
  await daemon.post("/api/v1/jobs/job/events", { type: "job_started" });
  await eventually(() => page.element.textContent === "running ", "started");
  await daemon.post("/api/v1/jobs/job/events", { type: "gate_pause", gate: "g" });
  await eventually(() => page.element.textContent === "paused pending", "paused");
  await daemon.kill();
  await daemon.start();
  await daemon.post("/api/v1/jobs/job/gates/g/approve", {});
  await eventually(() => page.element.textContent === "running approved", "approved meanwhile");
  page.unmount();
});

for (const mode of ["sse", "poll"] as const) {
  test(`a log panel by ${mode}: idle and empty, active, with lines, over`, async () => {
    const format = makeFormatEvent({ job_started: "here we go", stage_progress: null, "x-own": () => "my own" });
    const Panel = ({ enabled }: { enabled: boolean }): ReactElement => {
      const { logs, active } = useLogStream({
        url: daemon.url,
        token: TOKEN,
        job: "job",
        mode,
        enabled,
        formatEvent: format,
      });
      return <LogPanel logs={logs} active={active} />;
    };
    const page = mount(<Panel enabled={false} />);
    expect(page.element.innerHTML).toBe("");
    page.render(<Panel enabled />);
    expect(page.element.querySelector(".stagelog-pulse")).not.toBeNull();
    await daemon.post("/api/v1/jobs/job/events", [
      { type: "job_started" },
      { type: "stage_progress", stage: "s", payload: { current: 1 } },
      { type: "log", message: "two\nlines", level: "error" },
      { type: "x-own" },
      { type: "stage_failed", stage: "s", message: "no" },
    ]);
    const rows = () => [...page.element.querySelectorAll(".stagelog-log-entry")].map((row) => row.textContent);
    await eventually(() => rows().length === 5, "the lines");
    expect(rows()).toEqual(["here we go", "two", "lines", "my own", "s failed: no"]);
    expect(page.element.querySelectorAll(".stagelog-log-entry--error").length).toBe(3);
    if (mode === "poll") expect(await daemon.streams()).toBe(0);
    page.unmount();
  });
}

// --- The panel alone ---

const entry = (seq: number): LogEntry => ({
  seq,
  level: "info",
  text: `line ${seq}`,
  event: { seq, ts: "2026-11-21T07:41:02.123456Z" } as JournalEvent,
});

// jsdom has no layout.
function layOut(box: HTMLElement, rows: () => number): { scrollTo(top: number): void } {
  let top = 0;
  Object.defineProperties(box, {
    clientHeight: { get: () => 200 },
    scrollHeight: { get: () => rows() * 20 },
    scrollTop: { get: () => top, set: (value: number) => (top = Math.max(0, Math.min(value, rows() * 20 - 200))) },
  });
  return {
    scrollTo: (value) =>
      perform(() => {
        box.scrollTop = value;
        box.dispatchEvent(new window.Event("scroll", { bubbles: true }));
      }),
  };
}

test("a hundred thousand lines have few elements; scrolling up lets go, the button comes back", () => {
  let logs = Array.from({ length: 100_000 }, (_, i) => entry(i + 1));
  const page = mount(<LogPanel logs={logs} active />);
  const box = page.element.querySelector<HTMLElement>(".stagelog-log-box")!;
  const scroll = layOut(box, () => logs.length);
  page.render(<LogPanel logs={(logs = [...logs, entry(100_001)])} active />);
  const texts = () => [...page.element.querySelectorAll(".stagelog-log-entry")].map((row) => row.textContent);
  expect(texts().at(-1)).toBe("line 100001");
  expect(texts().length).toBeLessThan(100);
  scroll.scrollTo(1000);
  expect(texts()).toContain("line 51");
  expect(page.element.querySelector("button")!.textContent).toBe("to the end");
  page.render(
    <LogPanel logs={(logs = [...logs, ...Array.from({ length: 312 }, (_, i) => entry(100_002 + i))])} active />,
  );
  expect(page.element.querySelector("button")!.textContent).toBe("312 new");
  expect(box.scrollTop).toBe(1000);
  perform(() => page.element.querySelector("button")!.click());
  expect(texts().at(-1)).toBe("line 100313");
  expect(page.element.querySelector("button")).toBeNull();
  page.unmount();
});

test("other logs are followed from their end; what is read stays where it is", () => {
  const series = (first: number, count: number) => Array.from({ length: count }, (_, i) => entry(first + i));
  let logs = series(1, 1000);
  const page = mount(<LogPanel logs={logs} active />);
  const box = page.element.querySelector<HTMLElement>(".stagelog-log-box")!;
  const scroll = layOut(box, () => logs.length);
  page.render(<LogPanel logs={(logs = [...logs, entry(1001)])} active />);
  scroll.scrollTo(10_000);
  const top = () => box.scrollTop / 20;
  // 300 older lines go, 300 new ones come: the same line is at the top.
  page.render(<LogPanel logs={(logs = [...logs.slice(300), ...series(1002, 300)])} active />);
  expect(top()).toBe(200);
  expect(page.element.querySelector("button")!.textContent).toBe("300 new");
  page.render(<LogPanel logs={(logs = series(5000, 800))} active />);
  expect(page.element.querySelector("button")).toBeNull();
  expect(page.element.querySelector(".stagelog-log-entry:last-child")!.textContent).toBe("line 5799");
  page.unmount();
});

test("what a terminal would obey is not shown, and an option that cannot be is an error", async () => {
  const text = "\u001b[31mred\u001b[0m and \u202efdp.exe\n";
  const page = mount(<LogPanel logs={[{ ...entry(1), text }]} active />);
  const rows = [...page.element.querySelectorAll(".stagelog-log-entry")].map((row) => row.textContent);
  expect(rows).toEqual(["red and \ufffdfdp.exe"]);
  const Wrong = (): ReactElement => <p>{useJobEvents({ url: daemon.url, token: TOKEN, job: "a b" }).error?.message}</p>;
  page.render(<Wrong />);
  await eventually(() => page.element.textContent!.includes("cannot be the name of a job"), "the error");
  page.unmount();
});
