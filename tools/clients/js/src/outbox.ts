// Events that wait to be sent, and the sending: in batches, with the same ids at every attempt.
import { Backoff, sleep } from "./backoff.js";
import { pathOf } from "./paths.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { mayPass, ProtocolError, RefusedError, UnreachableError, type StagelogError } from "./errors.js";

export interface Waiting {
  line: string;
  /** What may be dropped where there is no room: a log, a step of a progress. */
  isDroppable: boolean;
  /** A later one of the same key says all that this one says. */
  replaceKey?: string | undefined;
  /** Called once it is taken, or refused for this reason. */
  whenDone?: ((refusal?: RefusedError) => void)[] | undefined;
  /** Somebody waits for this very event, and is told of its refusal so. */
  isAwaited?: boolean;
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
  onRefused(error: RefusedError, event: Waiting): void;
  onProblem(error: StagelogError | undefined): void;
}

const MAX_BATCH_EVENTS = 500;
const MAX_BATCH_BYTES = 1_000_000;
// About the address, not about the event.
const OF_ADDRESS = [404, 421];

export class Outbox {
  dropped = 0;
  refused = 0;

  readonly #daemon: Daemon;
  readonly #waiting: Waiting[] = [];
  #droppedSaid = 0;
  #sending = 0; // the first so many are on their way
  #run: Promise<void> | undefined;
  readonly #stopped = new AbortController();
  #hurry = new AbortController();
  #flushing = 0;
  /** Why the last attempt failed. */
  problem: StagelogError | undefined;

  constructor(private readonly options: OutboxOptions) {
    this.#daemon = new Daemon(options);
  }

  /** Everything that is not known to be taken, oldest first. */
  lines(): string[] {
    return this.#waiting.map((event) => event.line);
  }

  add(event: Waiting): void {
    const last = this.#waiting.length - 1;
    const key = event.replaceKey;
    if (key !== undefined && last >= this.#sending && this.#waiting[last]?.replaceKey === key) {
      event.whenDone = this.#waiting.pop()!.whenDone;
    }
    if (this.#waiting.length >= this.options.maxBuffered && event.isDroppable) {
      ++this.dropped;
      return this.options.onDropped(this.dropped);
    }
    this.#waiting.push(event);
    this.#run ??= this.#send();
  }

  /** True once all that waits now is taken or refused; false when `timeoutMillis` is over before. */
  async flush(timeoutMillis: number): Promise<boolean> {
    this.#hurry.abort(); // whoever waits for another attempt, or gathers, stops waiting
    this.#hurry = new AbortController();
    this.#sayDropped();
    const last = this.#waiting.at(-1);
    if (!last) return true;
    let isTaken = false;
    const over = new AbortController();
    (last.whenDone ??= []).push(() => {
      isTaken = true;
      over.abort();
    });
    ++this.#flushing;
    await sleep(timeoutMillis, over.signal);
    --this.#flushing;
    return isTaken;
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#stopped.abort();
  }

  #remove(from: number, count: number, refusal?: RefusedError): void {
    for (const { whenDone } of this.#waiting.splice(from, count)) whenDone?.forEach((tell) => tell(refusal));
  }

  async #send(): Promise<void> {
    const backoff = new Backoff(500);
    await sleep(this.options.gatherMillis, this.#hurry.signal, true);
    let batchLimit = MAX_BATCH_EVENTS;
    while (this.#waiting.length > 0 && !this.#stopped.signal.aborted) {
      const batch = this.#nextBatch(batchLimit);
      this.#sending = batch.length;
      try {
        await this.#post(batch);
        this.problem = undefined;
        this.#remove(0, batch.length);
        this.#sayDropped();
        batchLimit = MAX_BATCH_EVENTS;
        backoff.reset();
        this.options.onProblem(undefined);
      } catch (reason) {
        const error = reason as StagelogError;
        if (error instanceof RefusedError && !OF_ADDRESS.includes(error.status)) {
          batchLimit = this.#setAside(error, batch);
        } else {
          this.problem = error;
          this.options.onProblem(error);
          const atLeast = error instanceof UnreachableError ? error.retryAfterSeconds * 1000 : 0;
          const wait = backoff.next(mayPass(error) ? atLeast : 10_000);
          await sleep(this.#flushing > 0 ? Math.min(wait, 500) : wait, this.#hurry.signal, true);
        }
      } finally {
        this.#sending = 0;
      }
    }
    this.#run = undefined;
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
    const answer = await this.#daemon.json<{ durable?: unknown; job_status?: string }>(
      `${pathOf(this.options.job)}/events`,
      {
        method: "POST",
        headers: { "Content-Type": "application/x-ndjson" },
        signal: this.#stopped.signal,
        body: batch.map((event) => event.line + "\n").join(""),
      },
    );
    // The 200 of a server in the daemon's place says nothing of events.
    if (!answer?.durable) throw new ProtocolError();
    if (answer.job_status) this.options.onJobStatus(answer.job_status);
  }

  /** A batch is refused as a whole: the one that is at fault goes, the others are sent again. */
  #setAside(error: RefusedError, batch: Waiting[]): number {
    const culprit = batch.length === 1 ? 1 : (error.line ?? 0);
    if (culprit < 1 || culprit > batch.length) return 1; // one by one, then it shows
    ++this.refused;
    this.options.onRefused(error, this.#waiting[culprit - 1]!);
    this.#remove(culprit - 1, 1, error);
    return batch.length === 1 ? 1 : MAX_BATCH_EVENTS;
  }
}
