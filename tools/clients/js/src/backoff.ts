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

/**
 * The delay before the next attempt: doubles from a first one up to half a minute. Up to half of it
 * is cut at random, so that the many clients of one daemon do not come back in the same instant.
 */
export class Backoff {
  #failures = 0;
  constructor(
    private firstMillis = 500,
    private readonly longestMillis = 30_000,
  ) {}

  /** What the daemon asked for (`retry:`). */
  setFirst(millis: number): void {
    this.firstMillis = millis;
  }
  reset(): void {
    this.#failures = 0;
  }
  next(atLeastMillis = 0): number {
    const doubled = this.firstMillis * 2 ** Math.min(this.#failures++, 20);
    const longest = Math.max(this.longestMillis, this.firstMillis);
    return Math.max(Math.min(doubled, longest) * (1 - Math.random() / 2), atLeastMillis);
  }
}
