import type { EventDraft, Level } from "./event.js";

export interface LogOptions {
  level?: Level | undefined;
  payload?: Record<string, unknown> | undefined;
}

/** What a stage belongs to. */
interface StageOwner {
  emit(draft: EventDraft): void;
  begin<T>(path: string, work?: (stage: Stage) => Promise<T> | T): Stage | Promise<T>;
}

/** What was thrown, for an event: its message, and its stack in the payload. */
export function failurePayload(error: unknown): { message: string; payload?: Record<string, unknown> } {
  if (!(error instanceof Error)) return { message: String(error) };
  const payload: Record<string, unknown> = { error: error.name };
  if (error.stack) payload["stack"] = error.stack.slice(0, 32_768);
  return { message: error.message || error.name, payload };
}

/** A stage under way. Its methods only note events: nothing waits for the daemon. */
export class Stage {
  #isOver = false;

  constructor(
    private readonly logger: StageOwner,
    /** A path: `train/epoch-3`. */
    readonly path: string,
  ) {}

  progress(current: number, total?: number, unit?: string): void {
    this.logger.emit({ type: "stage_progress", stage: this.path, payload: { current, total, unit } });
  }

  log(message: string, options: LogOptions = {}): void {
    this.logger.emit({ type: "log", stage: this.path, message, ...options });
  }

  /** A stage within this one. */
  stage(name: string): Stage;
  stage<T>(name: string, work: (stage: Stage) => Promise<T> | T): Promise<T>;
  stage<T>(name: string, work?: (stage: Stage) => Promise<T> | T): Stage | Promise<T> {
    return this.logger.begin(`${this.path}/${name}`, work);
  }

  complete(message?: string, payload?: Record<string, unknown>): void {
    this.#end("stage_completed", message, payload);
  }

  /** `error`: a text or what was thrown; its stack goes into the payload. */
  fail(error: unknown): void {
    const { message, payload } = failurePayload(error);
    this.#end("stage_failed", message, payload);
  }

  #end(type: string, message?: string, payload?: Record<string, unknown>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.logger.emit({ type, stage: this.path, message, payload });
  }
}
