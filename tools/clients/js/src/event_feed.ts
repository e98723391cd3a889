// One connection to a daemon's events: SSE, and polls where SSE does not come through. It resumes by
// cursor, so that nothing is missed and nothing comes twice, and reports what is so.
import { Backoff, sleep } from "./backoff.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { mayPass, RefusedError, UnreachableError, type StagelogError } from "./errors.js";
import type { JournalEvent } from "./event.js";
import type { FeedSelection, FeedSink, FeedState, FeedStatus, FeedTimes } from "./feed_types.js";
import { pathOf, queryOf } from "./paths.js";
import { askHead, askPage, type PollPage } from "./poll_page.js";
import type { SseFrame } from "./sse_parser.js";
import { attemptStream, type StreamEnding } from "./stream_attempt.js";

// One cut before the first frame may be a daemon that starts.
const CUTS_UNTIL_BLOCKED = 3;
const DEFAULT_TIMES: FeedTimes = { firstFrameMillis: 11_000, retryStreamMillis: 30_000, pollSeconds: 20 };

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function numberIn(object: Record<string, unknown>, key: string): number | undefined {
  const value = object[key];
  return typeof value === "number" ? value : undefined;
}

export class EventFeed {
  readonly #daemon: Daemon;
  readonly #times: FeedTimes;
  readonly #backoff = new Backoff(2000);
  readonly #stopped = new AbortController();
  #connection = new AbortController();
  #journalId = "";
  #isPolling = false;
  #cuts = 0;
  #streamTriedAt = 0;
  #told = "";
  #poll = new AbortController();
  #replayThrough = 0;

  constructor(
    endpoint: Endpoint,
    private selection: FeedSelection,
    public cursor: number,
    private readonly sink: FeedSink,
    times: Partial<FeedTimes> = {},
  ) {
    this.#daemon = new Daemon(endpoint);
    this.#times = { ...DEFAULT_TIMES, ...times };
    this.#isPolling = selection.pollsOnly;
  }

  /** Runs until stop(), the end or an error that will not pass. Call it once. */
  async run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        const goesOn = this.#isPolling ? await this.#pollUntilStream() : await this.#follow();
        if (!goesOn) return;
      } catch (reason) {
        if (this.#stopped.signal.aborted) return;
        const error = reason as StagelogError;
        if (error instanceof RefusedError && error.code === "job_deleted") return void this.#end();
        if (!mayPass(error)) {
          this.#tell("ended");
          return this.sink.onEnd(error);
        }
        this.#tell("offline", error.message);
        const atLeast = error instanceof UnreachableError ? error.retryAfterSeconds * 1000 : 0;
        await sleep(this.#backoff.next(atLeast), this.#stopped.signal);
      }
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#connection.abort();
    this.#poll.abort();
  }

  /** Other jobs from now on, after what was looked at. */
  select(selection: FeedSelection): void {
    this.selection = selection;
    this.#connection.abort();
    this.#poll.abort();
    this.#poll = new AbortController();
  }

  // --- Server-sent events ---

  async #follow(): Promise<boolean> {
    return this.#conclude(await this.#stream(() => {}));
  }

  /** What follows from the end of a connection. False: nothing. */
  async #conclude(ending: StreamEnding): Promise<boolean> {
    if (ending.error) throw ending.error;
    if (ending.kind === "ended") return this.#end();
    if (ending.kind === "broken") throw new UnreachableError(ending.why!);
    if (ending.kind === "blocked") {
      const page = await this.#ask(0); // rejects if it is the daemon that is away
      this.#isPolling = true;
      this.#takePage(page, ending.why);
    }
    return true;
  }

  /** `onFirstFrame` is called once the stream has come through. */
  async #stream(onFirstFrame: () => void): Promise<StreamEnding> {
    this.#streamTriedAt = Date.now();
    this.#connection = new AbortController();
    if (this.#stopped.signal.aborted) return { kind: "stopped" };
    const ending = await attemptStream(this.#connection, {
      firstFrameMillis: this.#times.firstFrameMillis,
      open: (signal) => {
        const headers = { Accept: "text/event-stream", "Last-Event-ID": String(this.cursor) };
        return this.#daemon.send(this.#streamPath(), { headers, signal });
      },
      onFirstFrame: () => {
        this.#cuts = 0;
        this.#backoff.reset();
        onFirstFrame();
      },
      onFrame: (frame) => this.#takeFrame(frame),
      onRetry: (millis) => (this.#backoff.first = millis),
    });
    if (ending.kind !== "cut") return ending;
    return { ...ending, kind: ++this.#cuts < CUTS_UNTIL_BLOCKED ? "broken" : "blocked" };
  }

  #streamPath(): string {
    const query = queryOf(this.selection);
    if (this.#journalId) query.set("journal", this.#journalId);
    if (this.selection.untilTerminal) query.set("until", "terminal");
    return `${this.#eventsPath(query)}/stream?${query}`;
  }

  /** Seconds between heartbeats where the frame says them; 'end' after the last frame. */
  #takeFrame(frame: SseFrame): number | "end" | undefined {
    if (frame.event === "" || frame.event === "message") {
      this.#takeEvent(frame.data);
      if (this.cursor >= this.#replayThrough) this.#tell("live");
      return undefined;
    }
    const data = parse(frame.data);
    if (frame.event === "end") return "end";
    if (frame.event === "gap") {
      this.#takeGap(data);
    } else if (frame.event === "connected") {
      this.#journalId = typeof data["journal_id"] === "string" ? data["journal_id"] : "";
      this.#replayThrough = numberIn(data, "head_seq") ?? 0;
      this.#tell(this.cursor < this.#replayThrough ? "replaying" : "live");
      return numberIn(data, "heartbeat_seconds");
    } else if (frame.event === "heartbeat") {
      this.cursor = Math.max(this.cursor, numberIn(data, "sent_through") ?? 0);
      if (this.cursor >= this.#replayThrough) this.#tell("live");
    }
    return undefined; // a frame of a later daemon
  }

  #takeGap(data: Record<string, unknown>): void {
    const resumed = numberIn(data, "resumed_after") ?? this.cursor;
    const isOtherJournal = data["reason"] === "other_journal" || resumed < this.cursor;
    const missed = isOtherJournal ? NaN : Math.max(0, resumed - this.cursor);
    const problem = `the journal cannot go on after ${this.cursor}: ${String(data["reason"])}`;
    this.cursor = resumed;
    this.#tell("gap", problem, missed);
  }

  // --- Polls ---

  /** One poll, or a stream with polls beside it until it comes through. False: nothing follows. */
  async #pollUntilStream(): Promise<boolean> {
    const isTooEarly = Date.now() - this.#streamTriedAt < this.#times.retryStreamMillis;
    if (isTooEarly || this.selection.pollsOnly) {
      this.#takePage(await this.#ask(this.#times.pollSeconds));
      return this.selection.untilTerminal && (await this.#isOver()) ? this.#end() : true;
    }
    let isTrying = true;
    let problem: unknown;
    const streaming = this.#stream(() => {
      isTrying = false;
      this.#isPolling = false;
    });
    const polling = this.#pollWhile(() => isTrying).catch((reason: unknown) => {
      problem = reason;
      this.#connection.abort();
    });
    const ending = await streaming;
    isTrying = false;
    await polling;
    if (!this.#isPolling) return this.#conclude(ending); // it came through, and is over now
    if (problem !== undefined) throw problem;
    return ending.error || ending.kind === "ended" ? this.#conclude(ending) : true;
  }

  async #pollWhile(goesOn: () => boolean): Promise<void> {
    while (goesOn() && !this.#stopped.signal.aborted) this.#takePage(await this.#ask(1));
  }

  async #ask(seconds: number): Promise<PollPage> {
    const { selection } = this;
    const query = queryOf(selection);
    const path = this.#eventsPath(query);
    const nothing = () => ({ lines: [], nextAfter: this.cursor, hasMore: true });
    try {
      const page = await askPage(this.#daemon, path, query, this.cursor, seconds, this.#poll.signal);
      this.#backoff.reset();
      // A page of other jobs says nothing of those that were chosen meanwhile.
      return this.selection === selection ? page : nothing();
    } catch (reason) {
      if (this.selection !== selection) return nothing();
      if (reason instanceof RefusedError && reason.code === "unknown_job") {
        if (seconds > 0) await sleep(1000, this.#poll.signal);
        return { lines: [], nextAfter: this.cursor, hasMore: false };
      }
      if (reason instanceof RefusedError && reason.code === "cursor_beyond_head") {
        const head = await askHead(this.#daemon);
        this.#takeGap({ resumed_after: head, reason: "beyond_head" });
        return { lines: [], nextAfter: head, hasMore: false };
      }
      throw reason;
    }
  }

  #takePage(page: PollPage, why?: string): void {
    page.lines.forEach((line) => this.#takeEvent(line));
    this.cursor = Math.max(this.cursor, page.nextAfter);
    if (this.#isPolling) this.#tell(page.hasMore ? "replaying" : "polling", why);
  }

  /** What the `end` frame of a stream says must be asked for here. */
  async #isOver(): Promise<boolean> {
    const request = { signal: this.#stopped.signal };
    const state = await this.#daemon
      .json<{ status?: string; as_of_seq?: number }>(pathOf(this.selection.jobs[0]), request)
      .catch((reason: unknown): { status?: string; as_of_seq?: number } => {
        if (reason instanceof RefusedError) return {}; // there is no such job yet
        throw reason;
      });
    const isTerminal = ["completed", "failed", "canceled"].includes(state.status ?? "");
    return isTerminal && (state.as_of_seq ?? Infinity) <= this.cursor;
  }

  // --- Both ---

  /** The path up to `/stream`; adds `job` to the query where there are several. */
  #eventsPath(query: URLSearchParams): string {
    const [first, ...others] = this.selection.jobs;
    if (first !== undefined && others.length === 0) return `${pathOf(first)}/events`;
    if (first !== undefined) query.set("job", this.selection.jobs.join());
    return `${pathOf()}/events`;
  }

  #takeEvent(line: string): void {
    const event = parse(line) as unknown as JournalEvent;
    if (!(event.seq > this.cursor)) return;
    this.cursor = event.seq;
    this.sink.onEvent(event, line);
  }

  #end(): boolean {
    this.#tell("ended");
    this.sink.onEnd();
    return false;
  }

  #tell(state: FeedState, problem?: string, missed = 0): void {
    const words = `${state} ${problem ?? ""}`;
    if (words === this.#told && state !== "gap") return;
    this.#told = words;
    const status: FeedStatus = { state, missed, cursor: this.cursor };
    this.sink.onStatus(problem === undefined ? status : { ...status, problem });
  }
}
