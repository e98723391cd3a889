import type { Daemon } from "./daemon.js";
import { ProtocolError } from "./errors.js";

export interface PollPage {
  /** The events' own bytes, oldest first. */
  lines: string[];
  nextAfter: number;
  hasMore: boolean;
}

/** The elements of the array that begins at `start`, as they are spelled; and where it ends. */
function sliceArray(text: string, start: number): { elements: string[]; end: number } {
  const elements: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let i = start; i < text.length; ++i) {
    const c = text[i];
    if (c === '"') {
      for (++i; i < text.length && text[i] !== '"'; ++i) if (text[i] === "\\") ++i;
    } else if (c === "[" || c === "{") {
      ++depth;
    } else if (c === "]" || c === "}") {
      --depth;
    }
    if ((depth === 1 && c === ",") || depth === 0) {
      if (i > from) elements.push(text.slice(from, i));
      from = i + 1;
      if (depth === 0) return { elements, end: i + 1 };
    }
  }
  throw new SyntaxError();
}

/** Reads the answer of a poll. Throws a ProtocolError where it is none. */
function readPollPage(text: string): PollPage {
  const opening = '{"events":[';
  try {
    const { elements, end } = sliceArray(text.startsWith(opening) ? text : "", opening.length - 1);
    const rest = JSON.parse(`{"events":[]${text.slice(end)}`) as Record<string, unknown>;
    const { next_after: nextAfter, has_more: hasMore } = rest;
    if (typeof nextAfter === "number" && typeof hasMore === "boolean") {
      return { lines: elements, nextAfter, hasMore };
    }
  } catch {
    // Below.
  }
  throw new ProtocolError();
}

const PAGE_EVENTS = 1000;

/** The page after `cursor`; waits `seconds` at the daemon for one that is not empty. `path`: up to `/events`. */
export async function askPage(
  daemon: Daemon,
  path: string,
  query: URLSearchParams,
  cursor: number,
  seconds = 0,
  signal?: AbortSignal,
): Promise<PollPage> {
  query.set("after", String(cursor));
  query.set("limit", String(PAGE_EVENTS));
  if (seconds > 0) query.set("wait", String(seconds));
  return readPollPage(await daemon.text(`${path}?${query}`, { signal, timeoutMillis: (seconds + 15) * 1000 }));
}

/** The seq of the latest event of the journal. */
export async function askHead(daemon: Daemon): Promise<number> {
  const { head_seq: head } = await daemon.json<{ head_seq?: unknown }>("/api/v1/events?limit=1");
  if (typeof head !== "number") throw new ProtocolError();
  return head;
}
