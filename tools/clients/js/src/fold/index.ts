// The state of a job from its events, without the daemon: the rules of src/core/state-machine.md.
import { readStoredEvent, storedHash } from "./event_codec.js";
import type { JobState } from "./job_document.js";
import { apply } from "./job_machine.js";
import { FoldedJob } from "./job_state.js";
import { encodeJobState } from "./job_state_json.js";

export type {
  GateApproval,
  GateIteration,
  GateQuestion,
  JobState,
  PendingStage,
  ProgressView,
  StageAttempt,
} from "./job_document.js";
export type { GateStatus, JobStatus, StageStatus } from "./job_state.js";
export { FOLD_VERSION } from "./job_state.js";
export { isViolation, violationCounts } from "./job_machine.js";

/** A line that is no event, or an event of a type which this version does not know. */
export class UnreadableEvent extends Error {
  override readonly name = "UnreadableEvent";
}

/** Folds the events of one job, in the order of their `seq`, each once. */
export class JobFold {
  readonly #job = new FoldedJob();
  #json: string | undefined;
  #state: JobState | undefined;

  /**
   * Folds the next event. `line` is a line of events.jsonl or the data of an SSE frame, which are the same bytes; a
   * newline at its end does not matter. Does not verify the chain of hashes. Throws UnreadableEvent, and changes
   * nothing, where the line cannot be read: the state is then that of the events before it.
   */
  apply(line: string): void {
    if (!this.tryApply(line)) throw new UnreadableEvent("not an event of this version");
  }

  /** The same; false where the line cannot be read. */
  tryApply(line: string): boolean {
    const text = line.replace(/\r?\n$/, "");
    const hash = storedHash(text);
    const event = readStoredEvent(text, hash);
    if (event === undefined) return false;
    apply(this.#job, event, hash);
    this.#json = undefined;
    this.#state = undefined;
    return true;
  }

  /**
   * The job document: the bytes of state.json without the newline at its end. Before the first event it describes no
   * job, and is of no use.
   */
  stateJson(): string {
    this.#json ??= encodeJobState(this.#job);
    return this.#json;
  }

  /** The same document as an object, for user interfaces. The same object until the next event; do not change it. */
  state(): JobState {
    this.#state ??= JSON.parse(this.stateJson()) as JobState;
    return this.#state;
  }
}
