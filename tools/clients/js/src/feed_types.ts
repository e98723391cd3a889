// What a feed of events is asked for, and what it reports.
import type { StagelogError } from "./errors.js";
import type { JournalEvent } from "./event.js";

/**
 * `replaying`: older events come; `live`: as they are committed; `polling`: asked for, as something
 * keeps streams away; `gap`: the journal cannot go on where this left off; `offline`: trying to
 * reach the daemon; `ended`: nothing will follow.
 */
export type FeedState = "replaying" | "live" | "polling" | "gap" | "offline" | "ended";

export interface FeedStatus {
  state: FeedState;
  /** Events that gaps have skipped; NaN where nobody can tell (another journal). */
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
  onEvent(event: JournalEvent, line: string): void;
  onStatus(status: FeedStatus): void;
  /** Nothing follows. Without an error: the job is over or was deleted. */
  onEnd(error?: StagelogError): void;
}
