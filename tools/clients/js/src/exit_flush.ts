// What a process still has to say when it ends. Where there are processes: node_exit.ts.
import type { Outbox } from "./outbox.js";

export interface Pending {
  url: string;
  token?: string | undefined;
  job: string;
  /** Milliseconds that the end of the process may wait. */
  flushMillis: number;
  outbox: Outbox;
  /** Nothing is sent any more. */
  stop(): void;
  /** About events that were refused, where nobody was told; empty: none. */
  complaint(): string;
}

export const pendingAtExit = new Set<Pending>();

/** Has what waits sent before the process ends. The result takes it back. */
export function flushAtExit(one: Pending): () => void {
  pendingAtExit.add(one);
  return () => pendingAtExit.delete(one);
}
