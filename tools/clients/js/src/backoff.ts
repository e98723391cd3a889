/** A timer that does not keep a Node process alive. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  (timer as { unref?: () => void }).unref?.();
}

/**
 * Resolves after `millis`, or at once when `signal` is aborted. Never rejects. `isIdle`: a Node
 * process may end meanwhile.
 */
export function sleep(millis: number, signal?: AbortSignal, isIdle = false): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    if (isIdle) unref(timer);
    signal?.addEventListener("abort", done);
  });
}

const LONGEST_MILLIS = 30_000;

/**
 * The delay before the next attempt: doubles from `first` up to half a minute, or `first` if that is
 * longer. Up to half of it is cut at random, so that the many clients of one daemon do not come back
 * in the same instant.
 */
export class Backoff {
  #failures = 0;

  /** Milliseconds; a daemon may ask for another one (`retry:`). */
  constructor(public first = 500) {}

  reset(): void {
    this.#failures = 0;
  }

  next(atLeastMillis = 0): number {
    const longest = Math.max(LONGEST_MILLIS, this.first);
    const millis = Math.min(this.first * 2 ** Math.min(this.#failures++, 20), longest);
    return Math.max(millis * (1 - Math.random() / 2), atLeastMillis);
  }
}
