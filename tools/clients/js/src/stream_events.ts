import type { Endpoint } from "./daemon.js";
import { StagelogError } from "./errors.js";
import type { JournalEvent } from "./event.js";
import type { EventFilter, FeedStatus, FeedTimes } from "./feed_types.js";
import { checkJobName } from "./paths.js";
import { StreamHub } from "./stream_hub.js";

export interface StreamOptions extends Endpoint, EventFilter {
  /** One job; left out: all jobs. */
  job?: string;
  /**
   * Events later than this `seq`. Left out: of a job all, of all jobs what comes from now on.
   * 'now' is the latter for a job too.
   */
  after?: number | "now";
  /** 'terminal': ends when the job is over and all that matches was sent. */
  until?: "terminal";
  /** 'poll': no stream is tried. Left out: SSE, and polls while that does not come through. */
  transport?: "poll";
  onEvent?: (event: JournalEvent, line: string) => void;
  onStatus?: (status: FeedStatus) => void;
  /** Nothing follows. With an error (AuthError, RefusedError): why. */
  onEnd?: (error?: StagelogError) => void;
  /** Closes the stream. */
  signal?: AbortSignal;
  times?: Partial<FeedTimes>;
}

/** Events as they come: `for await`, or callbacks. */
export interface EventStream extends AsyncIterableIterator<JournalEvent> {
  readonly status: FeedStatus;
  close(): void;
}

const hubs = new Map<string, StreamHub>();

function hubOf(options: StreamOptions): StreamHub {
  const { url, token, type, stage, level, q, until, times, transport } = options;
  const key = JSON.stringify([url, token, type, stage, level, q, times, transport]);
  // Somebody's own fetch cannot be compared; what ends with its job has a connection of its own.
  const isShared = !options.fetch && !until;
  let hub = isShared ? hubs.get(key) : undefined;
  if (!hub) {
    const kind = { untilTerminal: until !== undefined, pollsOnly: transport === "poll" };
    hub = new StreamHub({ ...options, ...kind, times: times ?? {} }, () => {
      if (hubs.get(key) === hub) hubs.delete(key);
    });
    if (isShared) hubs.set(key, hub);
  }
  return hub;
}

/**
 * Follows events by SSE over `fetch`, so that the token travels in a header. Resumes by cursor after
 * whatever happens, notices silence, polls where streams do not come through. Subscriptions with the
 * same daemon, token and filters share one connection.
 */
export function streamEvents(options: StreamOptions): EventStream {
  if (options.until && options.job === undefined) throw new StagelogError("'until' needs a job");
  const start = options.after ?? (options.job === undefined ? "now" : 0);
  if (start !== "now" && !(Number.isSafeInteger(start) && start >= 0)) {
    throw new StagelogError("'after' must be a seq or 'now'");
  }
  if (options.job !== undefined) checkJobName(options.job);
  const stream = hubOf(options).add(options.job, start, options);
  const { signal } = options;
  const close = () => stream.close();
  stream.onOver = () => signal?.removeEventListener("abort", close);
  signal?.addEventListener("abort", close);
  if (signal?.aborted) close();
  return stream;
}
