import { useEffect, useMemo, useState } from "react";
import type { StagelogError } from "../errors.js";
import type { FeedStatus } from "../feed_types.js";
import type { JournalEvent } from "../event.js";
import { streamEvents, type EventStream, type StreamOptions } from "../stream_events.js";

export interface JobEventsOptions extends Omit<StreamOptions, "onEvent" | "onStatus" | "onEnd" | "signal"> {
  /** The latest so many are kept, and up to a tenth more; 100,000 if left out. */
  limit?: number;
  /** Nothing is followed while it is false. */
  enabled?: boolean;
}

export interface JobEvents {
  events: readonly JournalEvent[];
  status: FeedStatus;
  /** Why nothing follows. */
  error: StagelogError | undefined;
  /** Older ones that were let go. */
  discarded: number;
}

const NOTHING: JobEvents = {
  events: [],
  status: { state: "offline", missed: 0, cursor: 0 },
  error: undefined,
  discarded: 0,
};
const DEFAULT_LIMIT = 100_000;

// What comes together is shown together: at most one rendering for each frame.
function nextFrame(task: () => void): () => void {
  if (typeof requestAnimationFrame === "function" && !document.hidden) {
    const frame = requestAnimationFrame(task);
    // A tab that is hidden meanwhile has no frames.
    const timer = setTimeout(task, 250);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }
  const timer = setTimeout(task, 50);
  return () => clearTimeout(timer);
}

/** The same options, however often an object with the same values is made. `fetch` counts by identity. */
export function useStable<T extends { fetch?: typeof fetch | undefined }>(options: T): T {
  const key = JSON.stringify(options);
  return useMemo(() => options, [key, options.fetch]);
}

/**
 * The events of a job (or of all jobs), older and new. Changing the options begins anew; unmounting
 * closes. Components with the same daemon, token and filters share one connection.
 */
export function useJobEvents(given: JobEventsOptions): JobEvents {
  const options = useStable(given);
  const [seen, setSeen] = useState<{ of: JobEventsOptions; value: JobEvents }>({ of: options, value: NOTHING });
  useEffect(() => {
    const { limit = DEFAULT_LIMIT, enabled = true, ...stream } = options;
    if (!enabled) return;
    let events: JournalEvent[] = [];
    let status = NOTHING.status;
    let error: StagelogError | undefined;
    let discarded = 0;
    let cancel: (() => void) | undefined;
    const publish = () => {
      cancel?.();
      cancel = undefined;
      // A little more is kept, so that not every event moves all others.
      if (events.length > 1.1 * limit) {
        discarded += events.length - limit;
        events = events.slice(-limit);
      }
      setSeen({ of: options, value: { events: events.slice(), status, error, discarded } });
    };
    const change = () => (cancel ??= nextFrame(publish));
    let opened: EventStream | undefined;
    try {
      opened = streamEvents({
        ...stream,
        onEvent: (event) => {
          events.push(event);
          // A hidden tab may see no frame for hours.
          if (events.length > 2 * limit) publish();
          else change();
        },
        onStatus: (now) => {
          status = now;
          change();
        },
        onEnd: (why) => {
          error = why;
          change();
        },
      });
    } catch (reason) {
      error = reason as StagelogError; // an option that cannot be
      change();
    }
    return () => {
      cancel?.();
      opened?.close();
    };
  }, [options]);
  return seen.of === options ? seen.value : NOTHING;
}
