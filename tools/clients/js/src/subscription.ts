// One consumer of events: its place, what waits for it, and how it gets it.
import { call } from "./callback.js";
import type { JournalEvent } from "./event.js";
import type { FeedStatus } from "./feed_types.js";
import type { StagelogError } from "./errors.js";

export interface SubscriptionSink {
  onEvent?: ((event: JournalEvent, line: string) => void) | undefined;
  onStatus?: ((status: FeedStatus) => void) | undefined;
  /** Nothing follows. With an error: why. */
  onEnd?: ((error?: StagelogError) => void) | undefined;
}

// What waits for an iterator that is slow. Beyond, it is read from the journal again.
const MAX_WAITING = 5_000;

export class Subscription implements AsyncIterableIterator<JournalEvent> {
  status: FeedStatus = { state: "offline", missed: 0, cursor: 0 };
  /** It takes what comes; otherwise it is behind and reads pages. */
  isLive = false;
  /** Called where it could take more again. */
  onRoom: (() => void) | undefined;
  /** Called once when nothing comes any more. */
  onOver: (() => void) | undefined;
  /** An event of its job went by while it was behind. */
  wasPassedOver = false;

  readonly #waiting: JournalEvent[] = [];
  #wake: (() => void)[] = [];
  #isIterated: boolean;
  #isOver = false;
  #error: StagelogError | undefined;

  constructor(
    /** undefined: all jobs. */
    readonly job: string | undefined,
    public cursor: number,
    private readonly sink: SubscriptionSink,
    private readonly onClose: (subscription: Subscription) => void,
  ) {
    this.status = { ...this.status, cursor };
    this.#isIterated = sink.onEvent === undefined; // somebody will ask for them
  }

  get isClosed(): boolean {
    return this.#isOver;
  }

  hasRoom(): boolean {
    return this.#waiting.length < MAX_WAITING;
  }

  take(event: JournalEvent, line: string): void {
    if (this.#isOver || event.seq <= this.cursor) return;
    this.cursor = event.seq;
    call(() => this.sink.onEvent?.(event, line));
    if (!this.#isIterated) return;
    this.#waiting.push(event);
    if (!this.hasRoom()) this.isLive = false;
    this.#wakeUp();
  }

  tell(status: FeedStatus): void {
    if (this.#isOver) return;
    const isSame = status.state === this.status.state && status.problem === this.status.problem;
    const missed = this.status.missed + (status.state === "gap" ? status.missed : 0);
    this.status = { ...status, missed, cursor: this.cursor };
    if (!isSame || status.state === "gap") call(() => this.sink.onStatus?.(this.status));
  }

  end(error?: StagelogError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.status = { ...this.status, state: "ended", cursor: this.cursor };
    this.onOver?.();
    call(() => this.sink.onStatus?.(this.status));
    call(() => this.sink.onEnd?.(error));
    this.#wakeUp();
  }

  /** No event comes after this. Idempotent. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting.length = 0;
    this.onOver?.();
    this.onClose(this);
    this.#wakeUp();
  }

  #wakeUp(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  // --- for await ---

  [Symbol.asyncIterator](): this {
    this.#isIterated = true;
    return this;
  }

  async next(): Promise<IteratorResult<JournalEvent>> {
    this.#isIterated = true;
    while (true) {
      const event = this.#waiting.shift();
      if (event) {
        if (!this.isLive && this.#waiting.length === 0) this.onRoom?.();
        return { done: false, value: event };
      }
      if (this.#error) throw this.#error;
      if (this.#isOver) return { done: true, value: undefined };
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async return(): Promise<IteratorResult<JournalEvent>> {
    this.close();
    return { done: true, value: undefined };
  }
}
