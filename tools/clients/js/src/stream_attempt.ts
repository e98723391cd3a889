// One attempt at a stream of server-sent events, and how it ended.
import { sleep } from "./backoff.js";
import { refusalOf } from "./daemon.js";
import { AuthError, RefusedError, type StagelogError } from "./errors.js";
import { SseParser, type SseFrame } from "./sse_parser.js";

/**
 * `stopped`: by whoever called; `ended`: nothing follows; `broken`: it had come through, or `error`
 * says why it never will; `blocked`: something keeps it away; `cut`: it ended before its first frame.
 */
export interface StreamEnding {
  kind: "stopped" | "ended" | "broken" | "blocked" | "cut";
  why?: string;
  error?: StagelogError;
}

export interface StreamAttempt {
  /** Without a frame for so long the attempt is over, until a frame says how often heartbeats come. */
  firstFrameMillis: number;
  open(signal: AbortSignal): Promise<Response>;
  onFirstFrame(): void;
  /** The seconds between heartbeats where the frame says them; 'end' after the last frame. */
  onFrame(frame: SseFrame): number | "end" | undefined;
  /** The daemon's `retry:`. */
  onRetry(millis: number): void;
}

const MISSED_HEARTBEATS = 2;
const SLICE_MILLIS = 12;

/** Aborting `connection` stops it. Never rejects. */
export async function attemptStream(connection: AbortController, attempt: StreamAttempt): Promise<StreamEnding> {
  let isSilent = false;
  let frames = 0;
  let silenceMillis = attempt.firstFrameMillis;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isSilent = true;
      connection.abort();
    }, silenceMillis);
  };
  // Before fetch hears of it: Node 18 keeps a connection open whose body has been read in part.
  connection.signal.addEventListener("abort", () => void reader?.cancel().catch(() => {}));
  watch();
  try {
    const response = await attempt.open(connection.signal);
    if (response.status === 204) return { kind: "ended" };
    if (response.status !== 200) return await judgeRefusal(response);
    if (!(response.headers.get("Content-Type") ?? "").startsWith("text/event-stream") || !response.body) {
      return { kind: "blocked", why: "no event stream comes" };
    }
    const parser = new SseParser();
    reader = response.body.getReader();
    let sliceBegan = Date.now();
    while (true) {
      // A replay comes faster than a page is drawn: it gets a turn now and then.
      if (Date.now() - sliceBegan > SLICE_MILLIS) {
        await sleep(0);
        sliceBegan = Date.now();
      }
      const { done, value } = await reader.read();
      if (connection.signal.aborted) throw new Error();
      const got = value ? parser.feed(value) : [];
      if (parser.retryMillis !== undefined) attempt.onRetry(parser.retryMillis);
      for (const frame of got) {
        if (connection.signal.aborted) break;
        if (frames++ === 0) attempt.onFirstFrame();
        const beat = attempt.onFrame(frame);
        if (beat === "end") return { kind: "ended" };
        if (beat) silenceMillis = (MISSED_HEARTBEATS + 0.5) * beat * 1000;
      }
      if (got.length > 0) watch();
      // A daemon that has too much to do says `retry:` and closes.
      const hasComeThrough = frames > 0 || parser.retryMillis !== undefined;
      if (done) return { kind: hasComeThrough ? "broken" : "cut", why: "the stream was cut" };
    }
  } catch (reason) {
    if (isSilent && frames === 0) return { kind: "blocked", why: "streams are held back" };
    if (isSilent) return { kind: "broken", why: `no heartbeat for ${silenceMillis / 1000} s` };
    if (connection.signal.aborted) return { kind: "stopped" };
    return { kind: frames > 0 ? "broken" : "cut", why: (reason as Error).message };
  } finally {
    clearTimeout(timer);
    connection.abort();
  }
}

async function judgeRefusal(response: Response): Promise<StreamEnding> {
  const error = await refusalOf(response);
  if (error instanceof RefusedError && error.code === "job_deleted") return { kind: "ended" };
  if (error instanceof AuthError || error instanceof RefusedError) return { kind: "broken", error };
  return { kind: "blocked", why: error.message };
}
