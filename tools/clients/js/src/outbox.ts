// Events that wait to be sent, and the sending: in batches, with the same ids at every attempt.
import { Backoff, sleep } from "./backoff.js";
import { pathOf } from "./paths.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { AuthError, RefusedError, UnreachableError, type StagelogError } from "./errors.js";

export interface Waiting {
  line: string;
  /** What may be dropped where there is no room: a log, a step of a progress. */
  isDroppable: boolean;
  /** A later one of the same key says all that this one says. */
  replaceKey?: string;
}

export interface OutboxOptions extends Endpoint {
  job: string;
  /** Events in memory; beyond, what may be dropped is dropped. */
  maxBuffered: number;
  /** How long to gather, milliseconds. */
  gatherMillis: number;
  onJobStatus(status: string): void;
  onDropped(count: number): void;
  /** The event that says that `count` were dropped. */
  droppedLine(count: number): string;
  onRefused(error: RefusedError, line: string): void;
  onProblem(error: StagelogError | undefined): void;
}

const MAX_BATCH_EVENTS = 500;
const MAX_BATCH_BYTES = 1_000_000;
// What is about the event and not about the moment or the sender.
const FOR_GOOD: ReadonlySet<number> = new Set([400, 409, 410, 413, 415, 422, 431]);

export class Outbox {
  dropped = 0;
  refused = 0;

  readonly #daemon: Daemon;
  readonly #waiting: Waiting[] = [];
  #droppedSaid = 0;
  #sending = 0; // the first so many are on their way
  #run: Promise<void> | undefined;
  readonly #hurry = { now: new AbortController() };
  #idle: (() => void)[] = [];

  constructor(private readonly options: OutboxOptions) {
    this.#daemon = new Daemon(options);
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Everything that is not known to be taken, oldest first. */
  lines(): string[] {
    return this.#waiting.map((event) => event.line);
  }

  add(event: Waiting): void {
    if (event.replaceKey !== undefined) {
      const last = this.#waiting.length - 1;
      const isLast = last >= this.#sending && this.#waiting[last]?.replaceKey === event.replaceKey;
      if (isLast) this.#waiting.pop();
    }
    if (this.#waiting.length >= this.options.maxBuffered && event.isDroppable) {
      ++this.dropped;
      return this.options.onDropped(this.dropped);
    }
    this.#waiting.push(event);
    this.#run ??= this.#send();
  }

  /** True once all is taken or refused; false when `timeoutMillis` is over before. */
  async flush(timeoutMillis: number): Promise<boolean> {
    this.#hurry.now.abort(); // whoever waits for another attempt, or gathers, stops waiting
    this.#hurry.now = new AbortController();
    if (this.#waiting.length === 0) return true;
    const over = new AbortController();
    await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), sleep(timeoutMillis, over.signal)]);
    over.abort();
    return this.#waiting.length === 0;
  }

  async #send(): Promise<void> {
    const backoff = new Backoff(500);
    await sleep(this.options.gatherMillis, this.#hurry.now.signal, true);
    let batchLimit = MAX_BATCH_EVENTS;
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch(batchLimit);
      this.#sending = batch.length;
      try {
        await this.#post(batch);
        this.#waiting.splice(0, batch.length);
        this.#sayDropped();
        batchLimit = MAX_BATCH_EVENTS;
        backoff.reset();
        this.options.onProblem(undefined);
      } catch (reason) {
        const error = reason as StagelogError;
        if (error instanceof RefusedError && FOR_GOOD.has(error.status)) {
          batchLimit = this.#setAside(error, batch);
        } else {
          this.options.onProblem(error);
          const atLeast = error instanceof UnreachableError ? error.retryAfterSeconds * 1000 : 0;
          const isOfSender = error instanceof AuthError || error instanceof RefusedError;
          await sleep(backoff.next(isOfSender ? 10_000 : atLeast), this.#hurry.now.signal, true);
        }
      } finally {
        this.#sending = 0;
      }
    }
    this.#run = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #sayDropped(): void {
    if (this.dropped === this.#droppedSaid) return;
    this.#waiting.push({ line: this.options.droppedLine(this.dropped - this.#droppedSaid), isDroppable: false });
    this.#droppedSaid = this.dropped;
  }

  #nextBatch(limit: number): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { line } of this.#waiting) {
      bytes += 3 * line.length; // at most, as UTF-8
      if (count > 0 && (bytes > 3 * MAX_BATCH_BYTES || count >= limit)) break;
      ++count;
    }
    return this.#waiting.slice(0, count);
  }

  async #post(batch: Waiting[]): Promise<void> {
    const answer = await this.#daemon.json<{ job_status?: string }>(`${pathOf(this.options.job)}/events`, {
      method: "POST",
      headers: { "Content-Type": "application/x-ndjson" },
      body: batch.map((event) => event.line + "\n").join(""),
    });
    if (answer.job_status) this.options.onJobStatus(answer.job_status);
  }

  /** A batch is refused as a whole: the one that is at fault goes, the others are sent again. */
  #setAside(error: RefusedError, batch: Waiting[]): number {
    const culprit = batch.length === 1 ? 1 : (error.line ?? 0);
    if (culprit < 1 || culprit > batch.length) return 1; // one by one, then it shows
    const [refused] = this.#waiting.splice(culprit - 1, 1);
    ++this.refused;
    this.options.onRefused(error, refused!.line);
    return batch.length === 1 ? 1 : MAX_BATCH_EVENTS;
  }
}
