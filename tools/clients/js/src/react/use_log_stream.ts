import { useMemo, useRef } from "react";
import { TERMINAL_TYPES, type JournalEvent, type Level } from "../event.js";
import type { StagelogError } from "../errors.js";
import type { FeedStatus } from "../feed_types.js";
import { makeFormatEvent } from "./format_event.js";
import { keptOf, placeOf } from "./growing_list.js";
import { useJobEvents, type JobEventsOptions } from "./use_events.js";

export interface LogEntry {
  seq: number;
  level: Level;
  text: string;
  event: JournalEvent;
}

export interface LogStreamOptions extends Omit<JobEventsOptions, "transport"> {
  /** 'sse' if left out. */
  mode?: "sse" | "poll";
  /** See makeFormatEvent(). Keep it between renderings. */
  formatEvent?: (event: JournalEvent) => string | null;
}

export interface LogStream {
  logs: readonly LogEntry[];
  /** Something may follow: the job is not over, and the daemon has not refused. */
  active: boolean;
  status: FeedStatus;
  error: StagelogError | undefined;
}

const formatByDefault = makeFormatEvent();

interface Formatted {
  formatEvent: (event: JournalEvent) => string | null;
  events: readonly JournalEvent[];
  logs: LogEntry[];
  isOver: boolean;
}

// Only what is new is formatted.
function extend(
  before: Formatted | undefined,
  formatEvent: Formatted["formatEvent"],
  events: Formatted["events"],
): Formatted {
  const kept = before?.formatEvent === formatEvent ? keptOf(before.events, events) : 0;
  const logs = kept > 0 ? before!.logs.slice(placeOf(before!.logs, events[0]!.seq)) : [];
  let isOver = kept > 0 ? before!.isOver : false;
  for (const event of events.slice(kept)) {
    if (TERMINAL_TYPES.has(event.type)) isOver = true;
    if (event.type === "job_resumed") isOver = false;
    const text = formatEvent(event);
    if (text !== null) logs.push({ seq: event.seq, level: event.level ?? "info", text, event });
  }
  return { formatEvent, events, logs, isOver };
}

/** A job's events as lines for a LogPanel. */
export function useLogStream(given: LogStreamOptions): LogStream {
  const { mode, formatEvent = formatByDefault, ...options } = given;
  const { events, status, error } = useJobEvents(mode === "poll" ? { ...options, transport: "poll" } : options);
  const before = useRef<Formatted | undefined>(undefined);
  const formatted = useMemo(() => extend(before.current, formatEvent, events), [formatEvent, events]);
  before.current = formatted;
  const active = given.enabled !== false && !formatted.isOver && status.state !== "ended" && error === undefined;
  return { logs: formatted.logs, active, status, error };
}
