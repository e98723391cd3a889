// One connection to a daemon's events: SSE, and polls where SSE does not come through. It resumes by
// cursor, so that nothing is missed and nothing comes twice, and reports what is so.
import { Backoff, sleep } from "./backoff.js";
import { Daemon, refusalOf, type Endpoint } from "./daemon.js";
import { AuthError, ProtocolError, RefusedError, UnreachableError, type StagelogError } from "./errors.js";
import { readPollPage, type PollPage } from "./poll_page.js";
import { SseParser, type SseFrame } from "./sse_parser.js";

/**
 * `replaying`: older events come; `live`: as they are committed; `polling`: asked for, as something
 * keeps streams away; `gap`: the journal cannot go on where this left off; `offline`: trying to
 * reach the daemon; `ended`: nothing will follow.
 */
export type FeedState = "replaying" | "live" | "polling" | "gap" | "offline" | "ended";

export interface FeedStatus {
  state: FeedState;
  /** Events that gaps have skipped since the start; NaN where nobody can tell (another journal). */
  missed: number;
  /** Everything up to here was looked at. */
  cursor: number;
  /** Why it is offline or polling. */
  problem?: string;
}

/** Which events. Each list is one of `or`. */
export interface EventFilter {
  type?: readonly string[];
  stage?: readonly string[];
  level?: readonly string[];
  q?: string;
}

export interface FeedSelection extends EventFilter {
  /** Empty: all jobs. */
  jobs: readonly string[];
  /** Ends when the one job is over and all that matches was sent. */
  untilTerminal: boolean;
  /** No stream is tried. */
  pollsOnly: boolean;
}

export interface FeedTimes {
  /** Without any frame for so long the connection counts as dead before `connected` says more. */
  firstFrameMillis: number;
  /** While polling, a stream is tried again so often. */
  retryStreamMillis: number;
  /** How long a poll waits at the daemon, seconds. */
  pollSeconds: number;
}

export interface FeedSink {
  onEvent(seq: number, line: string): void;
  onStatus(status: FeedStatus): void;
  /** Nothing follows. Without an error: the job is over or was deleted. */
  onEnd(error?: StagelogError): void;
}

/** How an attempt at a stream ended. */
interface StreamEnding {
  kind: "stopped" | "ended" | "broken" | "blocked";
  why?: string;
  error?: StagelogError;
}

const PAGE_EVENTS = 1000;
const SLICE_MILLIS = 12;
const MISSED_HEARTBEATS = 2;
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

export function seqOf(line: string): number {
  return numberIn(parse(line), "seq") ?? 0;
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
  #missed = 0;
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
        const mayPass = error instanceof UnreachableError || error instanceof ProtocolError;
        if (!mayPass) {
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
  }

  /** Other jobs from now on, after what was looked at. */
  select(selection: FeedSelection): void {
    this.selection = selection;
    this.#connection.abort();
  }

  // --- Server-sent events ---

  async #follow(): Promise<boolean> {
    return this.#conclude(await this.#stream(() => {}));
  }

  /** What follows from the end of a connection. False: nothing. */
  async #conclude(ending: StreamEnding): Promise<boolean> {
    if (ending.error) throw ending.error;
    if (ending.kind === "ended") return this.#end();
    if (ending.kind === "broken") throw new UnreachableError(ending.why ?? "the connection was lost");
    if (ending.kind === "blocked") {
      const page = await this.#poll(0); // rejects if it is the daemon that is away
      this.#isPolling = true;
      this.#takePage(page, ending.why);
    }
    return true;
  }

  /** `onFirstFrame` is called once the stream has come through. */
  async #stream(onFirstFrame: () => void): Promise<StreamEnding> {
    this.#streamTriedAt = Date.now();
    const connection = new AbortController();
    this.#connection = connection;
    if (this.#stopped.signal.aborted) return { kind: "stopped" };
    let isSilent = false;
    let frames = 0;
    let silenceMillis = this.#times.firstFrameMillis;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isSilent = true;
        connection.abort();
      }, silenceMillis);
    };
    watch();
    try {
      const response = await this.#daemon.send(this.#streamPath(), {
        headers: { Accept: "text/event-stream", "Last-Event-ID": String(this.cursor) },
        signal: connection.signal,
      });
      if (response.status === 204) return { kind: "ended" };
      if (response.status !== 200) return await this.#judgeRefusal(response);
      if (!(response.headers.get("Content-Type") ?? "").startsWith("text/event-stream") || !response.body) {
        return { kind: "blocked", why: "what comes is no event stream" };
      }
      const parser = new SseParser();
      const reader = response.body.getReader();
      let sliceBegan = Date.now();
      while (true) {
        // A replay comes faster than a page is drawn: it gets a turn now and then.
        if (Date.now() - sliceBegan > SLICE_MILLIS) {
          await sleep(0);
          sliceBegan = Date.now();
        }
        const { done, value } = await reader.read();
        const got = value ? parser.feed(value) : [];
        if (parser.retryMillis !== undefined) this.#backoff.setFirst(parser.retryMillis);
        for (const frame of got) {
          if (connection.signal.aborted) break;
          if (frames++ === 0) {
            this.#cuts = 0;
            this.#backoff.reset();
            onFirstFrame();
          }
          const beat = this.#takeFrame(frame);
          if (beat === "end") return { kind: "ended" };
          if (beat) silenceMillis = (MISSED_HEARTBEATS + 0.5) * beat * 1000;
        }
        if (got.length > 0) watch();
        if (done) return this.#judgeCut(frames > 0 || parser.retryMillis !== undefined, "the stream was cut");
      }
    } catch (reason) {
      if (isSilent && frames === 0) return { kind: "blocked", why: "streams are held back (a proxy that buffers?)" };
      if (isSilent) return { kind: "broken", why: `no heartbeat for ${silenceMillis / 1000} s` };
      if (connection.signal.aborted) return { kind: "stopped" };
      return this.#judgeCut(frames > 0, reason instanceof Error ? reason.message : String(reason));
    } finally {
      clearTimeout(timer);
      connection.abort();
    }
  }

  #judgeCut(hasComeThrough: boolean, why: string): StreamEnding {
    if (hasComeThrough || ++this.#cuts < CUTS_UNTIL_BLOCKED) return { kind: "broken", why };
    return { kind: "blocked", why };
  }

  async #judgeRefusal(response: Response): Promise<StreamEnding> {
    const error = await refusalOf(response);
    if (error instanceof AuthError) return { kind: "broken", error };
    if (error instanceof RefusedError && error.code === "job_deleted") return { kind: "ended" };
    if (error instanceof RefusedError) return { kind: "broken", error };
    return { kind: "blocked", why: error.message };
  }

  #streamPath(): string {
    const query = this.#query();
    if (this.#journalId) query.set("journal", this.#journalId);
    if (this.selection.untilTerminal) query.set("until", "terminal");
    return `${this.#eventsPath(query)}/stream?${query}`;
  }

  /** Seconds between heartbeats where the frame says them; 'end' after the last frame. */
  #takeFrame(frame: SseFrame): number | "end" | undefined {
    if (frame.event === "" || frame.event === "message") {
      this.#takeEvent(Number(frame.id ?? seqOf(frame.data)), frame.data);
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
    this.#missed += isOtherJournal ? NaN : Math.max(0, resumed - this.cursor);
    this.cursor = resumed;
    this.#tell("gap", `the journal cannot go on after ${String(data["requested"])}: ${String(data["reason"])}`);
  }

  // --- Polls ---

  /** One poll, or a stream with polls beside it until it comes through. False: nothing follows. */
  async #pollUntilStream(): Promise<boolean> {
    const isTooEarly = Date.now() - this.#streamTriedAt < this.#times.retryStreamMillis;
    if (isTooEarly || this.selection.pollsOnly) {
      this.#takePage(await this.#poll(this.#times.pollSeconds));
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
    while (goesOn() && !this.#stopped.signal.aborted) this.#takePage(await this.#poll(1));
  }

  async #poll(seconds: number): Promise<PollPage> {
    const query = this.#query();
    query.set("after", String(this.cursor));
    query.set("limit", String(PAGE_EVENTS));
    if (seconds > 0) query.set("wait", String(seconds));
    const path = `${this.#eventsPath(query)}?${query}`;
    try {
      const text = await this.#daemon.text(path, {
        signal: this.#stopped.signal,
        timeoutMillis: (seconds + 15) * 1000,
      });
      this.#backoff.reset();
      return readPollPage(text);
    } catch (reason) {
      if (reason instanceof RefusedError && reason.code === "unknown_job") {
        if (seconds > 0) await sleep(1000, this.#stopped.signal);
        return { lines: [], nextAfter: this.cursor, hasMore: false, headSeq: this.cursor };
      }
      throw reason;
    }
  }

  #takePage(page: PollPage, why?: string): void {
    for (const line of page.lines) this.#takeEvent(seqOf(line), line);
    this.cursor = Math.max(this.cursor, page.nextAfter);
    if (this.#isPolling) this.#tell(page.hasMore ? "replaying" : "polling", why);
  }

  /** What the `end` frame of a stream says must be asked for here. */
  async #isOver(): Promise<boolean> {
    const state = await this.#daemon.json<{ status?: string; as_of_seq?: number }>(
      `/api/v1/jobs/${encodeURIComponent(this.selection.jobs[0] ?? "")}`,
      { signal: this.#stopped.signal },
    );
    const isTerminal = ["completed", "failed", "canceled"].includes(state.status ?? "");
    return isTerminal && (state.as_of_seq ?? Infinity) <= this.cursor;
  }

  // --- Both ---

  #query(): URLSearchParams {
    const query = new URLSearchParams();
    for (const key of ["type", "stage", "level"] as const) {
      const words = this.selection[key];
      if (words && words.length > 0) query.set(key, words.join(","));
    }
    if (this.selection.q) query.set("q", this.selection.q);
    return query;
  }

  /** The path up to `/stream`; adds `job` to the query where there are several. */
  #eventsPath(query: URLSearchParams): string {
    const [first, ...others] = this.selection.jobs;
    if (first !== undefined && others.length === 0) return `/api/v1/jobs/${encodeURIComponent(first)}/events`;
    if (first !== undefined) query.set("job", this.selection.jobs.join(","));
    return "/api/v1/events";
  }

  #takeEvent(seq: number, line: string): void {
    if (!(seq > this.cursor)) return;
    this.cursor = seq;
    this.sink.onEvent(seq, line);
  }

  #end(): boolean {
    this.#tell("ended");
    this.sink.onEnd();
    return false;
  }

  #tell(state: FeedState, problem?: string): void {
    const words = `${state} ${problem ?? ""}`;
    if (words === this.#told && state !== "gap") return;
    this.#told = words;
    const status: FeedStatus = { state, missed: this.#missed, cursor: this.cursor };
    this.sink.onStatus(problem === undefined ? status : { ...status, problem });
  }
}
