// What the events of a stage change: the part "Stages" of src/core/job_fold.cc.
import type { Fold } from "./job_fold.js";
import {
  doneOfStage,
  newProgress,
  type FoldedJob,
  type Progress,
  type StageState,
  type StageStatus,
} from "./job_state.js";
import { readProgressPayload, type ProgressPayload } from "./payload.js";

function changed(state: FoldedJob, index: number): void {
  const stage = stageAt(state, index);
  state.tree.setLastAttempt(stage.path, index);
  state.tree.setDone(stage.path, doneOfStage(stage));
}

function stageAt(state: FoldedJob, index: number): StageState {
  const stage = state.stages[index];
  if (stage === undefined) throw new RangeError("no such attempt");
  return stage;
}

function closeStage(state: FoldedJob, index: number, status: StageStatus, atMicros: number): void {
  const stage = stageAt(state, index);
  stage.status = status;
  stage.endedMicros = Math.max(atMicros, stage.startedMicros);
  changed(state, index);
}

export function abandonStages(state: FoldedJob, atMicros: number): void {
  state.stages.forEach((stage, index) => {
    if (stage.status === "running") closeStage(state, index, "abandoned", atMicros);
  });
}

function openAttempt({ state, draft, now }: Fold): number {
  const last = state.findStage(draft.stage);
  state.stages.push({
    path: draft.stage,
    attempt: draft.attempt ?? (last === undefined ? 1 : last.attempt + 1),
    epoch: state.epoch,
    status: "running",
    startedMicros: now,
    endedMicros: 0,
    message: "",
    progress: newProgress(),
  });
  return state.stages.length - 1;
}

// The attempt that the event is about: the one that runs, or (where the event is flagged) a new one.
function runningAttempt(fold: Fold): number {
  const last = fold.state.tree.lastAttempt(fold.draft.stage);
  const runs = last !== undefined && fold.state.stages[last]?.status === "running";
  return runs ? last : openAttempt(fold);
}

export function startStage(fold: Fold): void {
  const { state, draft, now } = fold;
  const index = openAttempt(fold);
  stageAt(state, index).message = draft.message;
  changed(state, index);
  if (state.status === "created") fold.start();
  // A stage that starts while the first gate is still pending: the job runs once it may.
  if (state.status === "paused") state.statusBeforePause = "running";
  if (state.startedAtMicros === 0) state.startedAtMicros = now;
}

export function reportProgress(fold: Fold): void {
  const { state, draft, now } = fold;
  const index = runningAttempt(fold);
  const stage = stageAt(state, index);
  if (draft.message !== "") stage.message = draft.message;
  report(readProgressPayload(draft.payload), stage.progress, now);
  changed(state, index);
}

function report(payload: ProgressPayload, progress: Progress, now: number): void {
  // Figures are not percent: who changes from these to those begins anew.
  if (payload.current !== undefined && progress.current === undefined) {
    progress.firstFigure = undefined;
  }
  progress.current = payload.current ?? progress.current;
  progress.total = payload.total ?? progress.total;
  if (payload.unit !== "") progress.unit = payload.unit;
  if (payload.percent !== undefined) {
    progress.percent = payload.percent;
  } else if (progress.current !== undefined && progress.total !== undefined && progress.total > 0) {
    progress.percent = Math.min(100, (100 * progress.current) / progress.total);
  }
  const figure = progress.current ?? progress.percent;
  if (figure === undefined) return;
  if (progress.firstFigure === undefined) {
    progress.firstFigure = figure;
    progress.firstMicros = now;
  }
  progress.lastMicros = Math.max(progress.lastMicros, now);
}

export function endStage(fold: Fold, status: StageStatus): void {
  const { state, draft, now } = fold;
  const index = runningAttempt(fold);
  if (draft.message !== "") stageAt(state, index).message = draft.message;
  closeStage(state, index, status, now);
}
