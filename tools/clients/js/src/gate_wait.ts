import { Backoff, sleep } from "./backoff.js";
import type { Daemon } from "./daemon.js";
import { mayPass, ProtocolError, StagelogError } from "./errors.js";
import type { GateDecision } from "./job_logger_options.js";
import { pathOf } from "./paths.js";

interface GateAnswer extends GateDecision {
  decided_seq?: number;
}

/** The seq of the event of that id, which the daemon has. */
async function seqOfEvent(daemon: Daemon, job: string, id: string): Promise<number> {
  const path = `${pathOf(job)}/events?type=gate_pause`; // the newest 100
  const { events } = await daemon.json<{ events?: { event_id: string; seq: number }[] }>(path);
  const event = events?.find(({ event_id: other }) => other === id);
  if (!event) throw new ProtocolError();
  return event.seq;
}

/**
 * Resolves once the gate is decided that the event of that id has opened, or found open. Rejects where
 * it has opened nothing: it came after the job's end, and the decision there is of an older gate.
 * Waits as long as the daemon is away.
 */
export async function waitForGate(daemon: Daemon, job: string, name: string, eventId: string): Promise<GateDecision> {
  const path = `${pathOf(job)}/gates/${encodeURIComponent(name)}?wait=50`;
  const backoff = new Backoff();
  let opened: number | undefined;
  while (true) {
    try {
      opened ??= await seqOfEvent(daemon, job, eventId);
      const gate = await daemon.json<GateAnswer>(path, { timeoutMillis: 65_000 });
      const decided = gate.decided_seq; // none while it is pending
      if (decided !== undefined && decided > opened) return gate;
      if (decided !== undefined) throw new StagelogError(`gate ${name} was not opened: the job is over`);
      backoff.reset();
    } catch (reason) {
      if (!mayPass(reason)) throw reason;
      await sleep(backoff.next());
    }
  }
}
