// A pipeline's own events: three lines in a program.
import { unref } from "./backoff.js";
import { checkJobName, pathOf } from "./paths.js";
import { call } from "./callback.js";
import { Daemon, endpointOf } from "./daemon.js";
import { AuthError, type RefusedError } from "./errors.js";
import type { EventDraft } from "./event.js";
import { flushAtExit } from "./exit_flush.js";
import { waitForGate } from "./gate_wait.js";
import type { GateDecision, GateOptions, JobLoggerOptions } from "./job_logger_options.js";
import { Outbox, type Waiting } from "./outbox.js";
import { makeEventId } from "./random_id.js";
import { failurePayload, Stage, type LogOptions } from "./stage.js";

function lineOf(draft: EventDraft, id = makeEventId()): string {
  const event = { ...draft, event_id: id, occurred_at: new Date().toISOString() };
  try {
    return JSON.stringify(event);
  } catch (reason) {
    // A bigint or a circle in the payload: what JSON has no words for must not stop a pipeline.
    return JSON.stringify({ ...event, payload: { "x-payload-lost": String(reason) } });
  }
}

// The journal has it too that something is missing.
function droppedLine(count: number): string {
  const message = `${count} events were dropped: the buffer was full`;
  return lineOf({ type: "log", level: "warning", message });
}

export class JobLogger {
  readonly job: string;
  /** Aborted when the job was canceled: hand it to what should stop then. */
  readonly canceled: AbortSignal;

  readonly #daemon: Daemon;
  readonly #outbox: Outbox;
  readonly #cancel = new AbortController();
  readonly #forget: () => void;
  #complaint = ""; // about events that were refused, where nobody was told
  #isBeating = false;
  #heart: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: JobLoggerOptions) {
    checkJobName(options.job);
    const endpoint = endpointOf(options);
    this.job = options.job;
    this.canceled = this.#cancel.signal;
    this.#daemon = new Daemon(endpoint);
    this.#outbox = new Outbox({
      ...endpoint,
      job: options.job,
      maxBuffered: options.maxBuffered ?? 10_000,
      gatherMillis: options.gatherMillis ?? 50,
      onJobStatus: (status) => this.#learn(status),
      onDropped: (count) => call(() => options.onDropped?.(count)),
      droppedLine,
      onRefused: (error, event) => this.#onRefused(error, event),
      onProblem: (error) => call(() => options.onProblem?.(error)),
    });
    this.#forget = flushAtExit({
      ...endpoint,
      job: options.job,
      flushMillis: options.exitFlushMillis ?? 5_000,
      outbox: this.#outbox,
      stop: () => {
        clearInterval(this.#heart);
        this.#outbox.stop();
      },
      complaint: () => this.#complaint,
    });
    const { pipeline, labels, resume } = options;
    if (resume) {
      this.emit({ type: "job_resumed", payload: { new_epoch: true } });
    } else {
      if (pipeline ?? labels) this.emit({ type: "job_created", payload: { pipeline, labels } });
      this.emit({ type: "job_started" });
    }
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

  #add(draft: EventDraft, line: string, whenDone?: (refusal?: RefusedError) => void): void {
    const isProgress = draft.type === "stage_progress";
    this.#outbox.add({
      line,
      isDroppable: isProgress || draft.type === "log",
      replaceKey: isProgress ? draft.stage : undefined,
      whenDone: whenDone && [whenDone],
      isAwaited: whenDone !== undefined,
    });
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
    const { timeoutSeconds, onTimeout, allowSelf, stage, ...same } = options;
    const draft: EventDraft = {
      type: "gate_pause",
      gate: name,
      stage,
      payload: { ...same, timeout_seconds: timeoutSeconds, on_timeout: onTimeout, allow_self: allowSelf },
    };
    const id = makeEventId();
    await this.#sendGate(draft, lineOf(draft, id));
    return waitForGate(this.#daemon, this.job, name, id);
  }

  /** Resolves once the daemon has the event that opens a gate. */
  async #sendGate(draft: EventDraft, line: string): Promise<void> {
    let isDone = false;
    let refusal: RefusedError | undefined;
    this.#add(draft, line, (error) => {
      isDone = true;
      refusal = error;
    });
    while (!isDone) {
      await this.flush(1_000);
      if (this.#outbox.problem instanceof AuthError) throw this.#outbox.problem;
    }
    if (refusal) throw refusal;
  }

  complete(message?: string, payload?: Record<string, unknown>): Promise<boolean> {
    return this.#end({ type: "job_completed", message, payload });
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
    const isFlushed = await this.flush();
    if (isFlushed && !this.#complaint) this.#forget();
    return isFlushed;
  }

  #onRefused(error: RefusedError, { line, isAwaited }: Waiting): void {
    const { onRefused } = this.options;
    call(() => onRefused?.(error, line));
    if (!isAwaited && !onRefused) this.#complaint ||= error.message;
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const timeoutMillis = 5_000; // it keeps a program from ending
    try {
      await this.#daemon.text(`${pathOf(this.job)}/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: '{"type":"heartbeat"}',
        timeoutMillis,
      });
      const state = await this.#daemon.json<{ status?: string }>(pathOf(this.job), { timeoutMillis });
      this.#learn(state.status ?? "");
    } catch {
      // The events themselves tell what is wrong.
    }
    this.#isBeating = false;
  }

  #learn(status: string): void {
    if (status !== "canceled" || this.canceled.aborted) return;
    this.#cancel.abort();
    call(() => this.options.onCancel?.());
  }
}

export function createJobLogger(options: JobLoggerOptions): JobLogger {
  return new JobLogger(options);
}
