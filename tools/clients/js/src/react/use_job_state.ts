import { useEffect, useState } from "react";
import { Daemon, refusalOf, type Endpoint } from "../daemon.js";
import { AuthError, RefusedError, StagelogError } from "../errors.js";
import type { FeedStatus } from "../feed_types.js";
import { streamEvents, type EventStream } from "../stream_events.js";
import { useStable } from "./use_events.js";

export interface ProgressView {
  current?: number;
  total?: number;
  percent?: number;
  unit?: string;
  seconds_left?: number;
  [more: string]: unknown;
}

/** As GET /api/v1/jobs/{job} answers; the guide lists all members. */
export interface JobStateView {
  job_id: string;
  status: string;
  reason?: string;
  progress?: ProgressView;
  stages: { stage: string; status: string; attempt: number; progress?: ProgressView; [more: string]: unknown }[];
  gates: { gate: string; status: string; prompt?: string; options?: unknown[]; [more: string]: unknown }[];
  as_of_seq: number;
  [more: string]: unknown;
}

export interface JobStateOptions extends Endpoint {
  job: string;
  enabled?: boolean;
}

export interface JobStateResult {
  /** undefined: not here yet, or there is no such job yet. */
  state: JobStateView | undefined;
  status: FeedStatus;
  error: StagelogError | undefined;
}

const NOTHING: JobStateResult = {
  state: undefined,
  status: { state: "offline", missed: 0, cursor: 0 },
  error: undefined,
};
const REFRESH_MILLIS = 200;

/** A job's state, asked for again when its events say that it has changed. */
class StateWatch {
  #result = NOTHING;
  #etag = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stream: EventStream | undefined;
  #isAsking = false;
  #isStale = false;
  readonly #abort = new AbortController();
  readonly #daemon: Daemon;

  constructor(
    private readonly options: JobStateOptions,
    private readonly publish: (result: JobStateResult) => void,
  ) {
    this.#daemon = new Daemon(options);
    const { enabled: _, ...endpoint } = options;
    try {
      this.#stream = streamEvents({
        ...endpoint,
        after: "now",
        onEvent: () => this.#refreshSoon(),
        onStatus: (status) => {
          this.#change({ status });
          if (status.state !== "offline") this.#refreshSoon(); // what came while it was away
        },
        onEnd: (error) => this.#change({ error }),
      });
    } catch (reason) {
      this.#result = { ...NOTHING, error: reason as StagelogError }; // a name that cannot be
      queueMicrotask(() => this.#change({}));
      return;
    }
    void this.#refresh();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#stream?.close();
  }

  #change(more: Partial<JobStateResult>): void {
    if (this.#abort.signal.aborted) return;
    this.#result = { ...this.#result, ...more };
    this.publish(this.#result);
  }

  #refreshSoon(): void {
    this.#timer ??= setTimeout(() => void this.#refresh(), REFRESH_MILLIS);
  }

  async #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isAsking) {
      this.#isStale = true;
      return;
    }
    this.#isAsking = true;
    try {
      await this.#ask();
    } catch (reason) {
      const isFinal = reason instanceof AuthError || reason instanceof RefusedError;
      if (isFinal) this.#change({ error: reason });
      else if (!this.#abort.signal.aborted) this.#timer ??= setTimeout(() => void this.#refresh(), 10 * REFRESH_MILLIS);
    } finally {
      this.#isAsking = false;
      if (this.#isStale && !this.#abort.signal.aborted) {
        this.#isStale = false;
        this.#refreshSoon();
      }
    }
  }

  async #ask(): Promise<void> {
    const response = await this.#daemon.send(`/api/v1/jobs/${encodeURIComponent(this.options.job)}`, {
      signal: this.#abort.signal,
      headers: this.#etag ? { "If-None-Match": this.#etag } : {},
    });
    if (response.status === 304) return;
    if (!response.ok) {
      const error = await refusalOf(response);
      if (error instanceof RefusedError && error.code === "unknown_job") return;
      throw error;
    }
    this.#etag = response.headers.get("ETag") ?? "";
    this.#change({ state: (await response.json()) as JobStateView, error: undefined });
  }
}

export function useJobState(given: JobStateOptions): JobStateResult {
  const options = useStable(given);
  const [seen, setSeen] = useState<{ of: JobStateOptions; value: JobStateResult }>({ of: options, value: NOTHING });
  useEffect(() => {
    if (options.enabled === false) return;
    const watch = new StateWatch(options, (value) => setSeen({ of: options, value }));
    return () => watch.close();
  }, [options]);
  return seen.of === options ? seen.value : NOTHING;
}
