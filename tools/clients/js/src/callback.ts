/** Calls a program's own function. What it throws shows as an uncaught error, and disturbs nothing here. */
export function call(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
