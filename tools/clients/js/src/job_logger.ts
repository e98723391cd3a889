// A pipeline's own events: three lines in a program.
import { Backoff, sleep, unref } from "./backoff.js";
import { pathOf } from "./paths.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { AuthError, RefusedError, StagelogError, UnreachableError } from "./errors.js";
import type { EventDraft } from "./event.js";
import { flushAtExit } from "./exit_flush.js";
import type { GateDecision, GateOptions, JobLoggerOptions } from "./job_logger_options.js";
import { Outbox } from "./outbox.js";
import { makeEventId } from "./random_id.js";
import { failurePayload, Stage, type LogOptions } from "./stage.js";

function environment(name: string): string | undefined {
  return (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env[name] || undefined;
}

function lineOf(draft: EventDraft): string {
  return JSON.stringify({ ...draft, event_id: makeEventId(), occurred_at: new Date().toISOString() });
}

// The journal has it too that something is missing.
function droppedLine(count: number): string {
  const message = `${count} events were dropped: the buffer was full`;
  return lineOf({ type: "log", level: "warning", message, payload: { dropped: count } });
}

export class JobLogger {
  readonly job: string;
  /** Aborted when the job was canceled: hand it to what should stop then. */
  readonly canceled: AbortSignal;

  readonly #daemon: Daemon;
  readonly #outbox: Outbox;
  readonly #cancel = new AbortController();
  readonly #forget: () => void;
  /** Lines that open gates, and why they were refused. */
  readonly #gates = new Map<string, RefusedError | undefined>();
  #heart: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: JobLoggerOptions) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(options.job)) {
      throw new StagelogError(`'${options.job}' cannot be the name of a job`);
    }
    const url = (options.url ?? environment("STAGELOG_URL") ?? "http://127.0.0.1:8008").replace(/\/+$/, "");
    const token = options.token ?? environment("STAGELOG_TOKEN");
    const endpoint: Endpoint = { url, token, fetch: options.fetch };
    this.job = options.job;
    this.canceled = this.#cancel.signal;
    this.#daemon = new Daemon(endpoint);
    this.#outbox = new Outbox({
      ...endpoint,
      job: options.job,
      maxBuffered: options.maxBuffered ?? 10_000,
      gatherMillis: options.gatherMillis ?? 50,
      onJobStatus: (status) => this.#learn(status),
      onDropped: (count) => options.onDropped?.(count),
      droppedLine,
      onRefused: (error, line) => this.#onRefused(error, line),
      onProblem: (error) => options.onProblem?.(error),
    });
    this.#forget = flushAtExit({
      url,
      token,
      job: options.job,
      flushMillis: options.exitFlushMillis ?? 5_000,
      lines: () => this.#outbox.lines(),
      flush: (timeoutMillis) => this.flush(timeoutMillis),
    });
    const payload: Record<string, unknown> = {};
    if (options.pipeline !== undefined) payload["pipeline"] = options.pipeline;
    if (options.labels !== undefined) payload["labels"] = options.labels;
    const hasPayload = Object.keys(payload).length > 0;
    if (hasPayload) this.emit({ type: "job_created", payload });
    this.emit({ type: "job_started" });
    const seconds = options.heartbeatSeconds ?? 10;
    if (seconds > 0) {
      this.#heart = setInterval(() => void this.#beat(), seconds * 1000);
      unref(this.#heart);
    }
  }

  /** Events dropped for want of room. */
  get dropped(): number {
    return this.#outbox.dropped;
  }
  /** Events that the daemon has refused for good. */
  get refused(): number {
    return this.#outbox.refused;
  }

  /** Notes any event; it gets an id and the time of now. */
  emit(draft: EventDraft): void {
    this.#add(draft, lineOf(draft));
  }

  #add(draft: EventDraft, line: string): void {
    const isProgress = draft.type === "stage_progress";
    const isDroppable = isProgress || draft.type === "log";
    const key = isProgress ? { replaceKey: `${draft.stage}` } : {};
    this.#outbox.add({ line, isDroppable, ...key });
  }

  log(message: string, options: LogOptions = {}): void {
    this.emit({ type: "log", message, ...options });
  }

  /**
   * Begins a stage. With `work` the stage ends with it: completed, or failed with what was thrown,
   * which is thrown on.
   */
  stage(name: string): Stage;
  stage<T>(name: string, work: (stage: Stage) => Promise<T> | T): Promise<T>;
  stage<T>(name: string, work?: (stage: Stage) => Promise<T> | T): Stage | Promise<T> {
    return this.begin(name, work);
  }

  /** @internal */
  begin<T>(path: string, work?: (stage: Stage) => Promise<T> | T): Stage | Promise<T> {
    const stage = new Stage(this, path);
    this.emit({ type: "stage_started", stage: path });
    return work ? this.#within(stage, work) : stage;
  }

  async #within<T>(stage: Stage, work: (stage: Stage) => Promise<T> | T): Promise<T> {
    try {
      const result = await work(stage);
      stage.complete();
      return result;
    } catch (error) {
      stage.fail(error);
      throw error;
    }
  }

  /**
   * Opens a gate and resolves once it is decided, by whomever. Rejects with AuthError or
   * RefusedError; waits as long as the daemon is away.
   */
  async gate(name: string, options: GateOptions = {}): Promise<GateDecision> {
    const { prompt, options: choices, timeoutSeconds, onTimeout, approvers, stage } = options;
    const given: [string, unknown][] = [
      ["prompt", prompt],
      ["options", choices],
      ["timeout_seconds", timeoutSeconds],
      ["on_timeout", onTimeout],
      ["approvers", approvers],
    ];
    const payload = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    const hasPayload = Object.keys(payload).length > 0;
    const draft = { type: "gate_pause", gate: name, ...(stage ? { stage } : {}), ...(hasPayload ? { payload } : {}) };
    const line = lineOf(draft);
    this.#gates.set(line, undefined);
    this.#add(draft, line);
    while (!(await this.flush(30_000)));
    const refusal = this.#gates.get(line);
    this.#gates.delete(line);
    if (refusal) throw refusal;
    const backoff = new Backoff();
    const path = `${pathOf(this.job)}/gates/${encodeURIComponent(name)}`;
    while (true) {
      try {
        const gate = await this.#daemon.json<GateDecision | { status: "pending" }>(`${path}?wait=50`, {
          timeoutMillis: 65_000,
        });
        if (gate.status !== "pending") return gate;
        backoff.reset();
      } catch (reason) {
        if (reason instanceof AuthError || reason instanceof RefusedError) throw reason;
        await sleep(backoff.next());
      }
    }
  }

  complete(message?: string, payload?: Record<string, unknown>): Promise<boolean> {
    return this.#end({
      type: "job_completed",
      ...(message === undefined ? {} : { message }),
      ...(payload ? { payload } : {}),
    });
  }

  fail(error: unknown): Promise<boolean> {
    return this.#end({ type: "job_failed", ...failurePayload(error) });
  }

  /** True once the daemon has everything; false when the time is over before. Never rejects. */
  async flush(timeoutMillis = 30_000): Promise<boolean> {
    return this.#outbox.flush(timeoutMillis);
  }

  /** No heartbeats from now on, and nothing is sent at exit. What waits is sent first. */
  async close(timeoutMillis = 30_000): Promise<boolean> {
    clearInterval(this.#heart);
    const isFlushed = await this.flush(timeoutMillis);
    this.#forget();
    return isFlushed;
  }

  async #end(draft: EventDraft): Promise<boolean> {
    clearInterval(this.#heart);
    this.emit(draft);
    return this.flush();
  }

  #onRefused(error: RefusedError, line: string): void {
    if (this.#gates.has(line)) this.#gates.set(line, error);
    this.options.onRefused?.(error, line);
  }

  async #beat(): Promise<void> {
    const path = pathOf(this.job);
    try {
      await this.#daemon.text(`${path}/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: '{"type":"heartbeat"}',
      });
      const state = await this.#daemon.json<{ status?: string }>(path);
      this.#learn(state.status ?? "");
    } catch (reason) {
      const isExpected = reason instanceof UnreachableError || reason instanceof RefusedError;
      if (!isExpected) this.options.onProblem?.(reason as StagelogError);
    }
  }

  #learn(status: string): void {
    if (status !== "canceled" || this.canceled.aborted) return;
    this.#cancel.abort();
    this.options.onCancel?.();
  }
}

export function createJobLogger(options: JobLoggerOptions): JobLogger {
  return new JobLogger(options);
}
