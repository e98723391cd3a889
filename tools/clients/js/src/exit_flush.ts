// What a process still has to say when it ends. Where there are processes: node_exit.ts.

export interface Pending {
  url: string;
  token: string | undefined;
  job: string;
  /** Milliseconds that the end of the process may wait. */
  flushMillis: number;
  /** Everything that is not known to be taken. */
  lines(): string[];
  flush(timeoutMillis: number): Promise<boolean>;
}

export const pendingAtExit = new Set<Pending>();

/** Has what waits sent before the process ends. The result takes it back. */
export function flushAtExit(one: Pending): () => void {
  pendingAtExit.add(one);
  return () => pendingAtExit.delete(one);
}
