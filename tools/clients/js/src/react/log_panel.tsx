import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { keptOf, placeOf } from "./growing_list.js";
import type { LogEntry } from "./use_log_stream.js";

export interface LogPanelProps {
  logs: readonly LogEntry[];
  /** Something may follow. */
  active: boolean;
  /** Of one line, in CSS pixels; the style sheet's is 20. */
  rowHeight?: number;
  /** Shows when each event happened. */
  showTime?: boolean;
  className?: string;
  label?: string;
}

interface Row {
  seq: number;
  entry: LogEntry;
  text: string;
  isFirst: boolean;
}

const SPARE_ROWS = 20; // above and below what is seen
const BOTTOM_PIXELS = 4;

interface Split {
  logs: readonly LogEntry[];
  rows: Row[];
  /** Rises where other logs begin. */
  series: number;
  /** Rows of this series that were let go at the front. */
  removed: number;
}

// What moves the cursor of a terminal, and what turns the direction of text, could show a line that is none.
function harmless(text: string): string {
  return text
    .replace(/\r?\n$/, "")
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, "")
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

// Rows have one height, so that any of 100,000 can be found without measuring: an entry of several
// lines is several rows.
function extend(before: Split | undefined, logs: readonly LogEntry[]): Split {
  const kept = before ? keptOf(before.logs, logs) : 0;
  const gone = kept > 0 ? placeOf(before!.rows, logs[0]!.seq) : 0;
  const rows = kept > 0 ? before!.rows.slice(gone) : [];
  for (const entry of logs.slice(kept)) {
    const { seq } = entry;
    const text = harmless(entry.text);
    if (!text.includes("\n")) {
      rows.push({ seq, entry, text, isFirst: true });
      continue;
    }
    text.split(/\r?\n/).forEach((line, i) => rows.push({ seq, entry, text: line, isFirst: i === 0 }));
  }
  const goesOn = kept > 0 || !before || before.logs.length === 0;
  const series = (before?.series ?? 0) + (goesOn ? 0 : 1);
  return { logs, rows, series, removed: goesOn ? (before?.removed ?? 0) + gone : 0 };
}

function useRows(logs: readonly LogEntry[]): Split {
  const before = useRef<Split | undefined>(undefined);
  const split = useMemo(() => extend(before.current, logs), [logs]);
  before.current = split;
  return split;
}

/**
 * Log lines that follow the end until somebody scrolls up. Only what is seen is in the document.
 * Nothing at all when there is nothing and nothing is to come.
 */
export function LogPanel(props: LogPanelProps): ReactElement | null {
  const { logs, active, rowHeight = 20, showTime = false, className = "", label = "log" } = props;
  const { rows, series, removed } = useRows(logs);
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  const [heldAt, setHeldAt] = useState<number | undefined>(undefined); // rows when following was let go
  const isEmpty = rows.length === 0;

  const measure = useCallback(() => {
    const element = box.current;
    if (!element) return;
    setView((now) => {
      const next = { top: element.scrollTop, height: element.clientHeight };
      return now.top === next.top && now.height === next.height ? now : next;
    });
  }, []);

  const count = rows.length;
  const onScroll = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    setHeldAt((held) => (below <= BOTTOM_PIXELS ? undefined : (held ?? count)));
    measure();
  }, [count, measure]);

  // Other logs are followed from their end; what is read stays where it is when older lines go.
  const shown = useRef({ series, removed });
  useLayoutEffect(() => {
    const before = shown.current;
    shown.current = { series, removed };
    if (before.series !== series) return setHeldAt(undefined);
    const gone = removed - before.removed;
    if (gone === 0 || heldAt === undefined || !box.current) return;
    box.current.scrollTop = Math.max(0, box.current.scrollTop - gone * rowHeight);
    setHeldAt(Math.max(0, heldAt - gone));
  }, [series, removed, heldAt, rowHeight]);

  const isFollowing = heldAt === undefined;
  useLayoutEffect(() => {
    if (box.current && isFollowing) box.current.scrollTop = box.current.scrollHeight;
    measure();
  }, [count, isFollowing, measure, isEmpty]);

  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => {
      if (isFollowing) element.scrollTop = element.scrollHeight;
      measure();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [isFollowing, measure, isEmpty]);

  if (isEmpty && !active) return null;
  const classes = `stagelog-log ${className}`.trim();
  if (isEmpty) {
    return (
      <div className={classes} role="log" aria-label={label} aria-busy="true">
        <span className="stagelog-pulse" aria-label="waiting for events" />
      </div>
    );
  }
  const first = Math.max(0, Math.floor(view.top / rowHeight) - SPARE_ROWS);
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + SPARE_ROWS);
  const fresh = isFollowing ? 0 : Math.max(0, count - heldAt);
  return (
    <div className={classes}>
      <div className="stagelog-log-box" ref={box} onScroll={onScroll} role="log" aria-label={label} tabIndex={0}>
        <div style={{ height: count * rowHeight, position: "relative" }}>
          <div style={{ transform: `translateY(${first * rowHeight}px)` }}>
            {rows.slice(first, end).map((row, i) => (
              <LogRow key={first + i} row={row} height={rowHeight} showTime={showTime} />
            ))}
          </div>
        </div>
      </div>
      {!isFollowing && (
        <button type="button" className="stagelog-log-new" onClick={() => setHeldAt(undefined)}>
          {fresh > 0 ? `${fresh.toLocaleString("en")} new` : "to the end"}
        </button>
      )}
    </div>
  );
}

function LogRow({ row, height, showTime }: { row: Row; height: number; showTime: boolean }): ReactElement {
  const { entry, text, isFirst } = row;
  return (
    <div
      className={`stagelog-log-entry stagelog-log-entry--${entry.level}`}
      style={{ height, lineHeight: `${height}px` }}
      title={entry.event.ts}
    >
      {showTime && <time dateTime={entry.event.ts}>{isFirst ? entry.event.ts.slice(11, 19) : ""}</time>}
      {text || "\u00a0"}
    </div>
  );
}
