// A job's state as JSON: byte for byte what EncodeJobState() in src/core/job_state_json.h writes, compact, without a
// newline. Durations of what still runs extend to the job's last event, so that the same events give the same bytes.
import { gateJson } from "./gate_json.js";
import { rounded } from "./json_number.js";
import { jsonArray, JsonObject } from "./json_object.js";
import { jsonString } from "./json_text.js";
import { FOLD_VERSION, type FoldedJob, type Progress, type StageState, type StageStatus } from "./job_state.js";
import type { Labels } from "./labels.js";
import { StageTree } from "./stage_tree.js";

function labelsJson(labels: Labels): string {
  const object = new JsonObject();
  for (const [key, value] of labels) object.put(key, jsonString(value));
  return object.toString();
}

// Rate per second and seconds left, from the first report with a figure to the last.
function putRate(object: JsonObject, progress: Progress, status: StageStatus): void {
  const figure = progress.current ?? progress.percent;
  if (figure === undefined || progress.firstFigure === undefined) return;
  if (progress.lastMicros <= progress.firstMicros) return;
  const seconds = (progress.lastMicros - progress.firstMicros) / 1e6;
  const rate = (figure - progress.firstFigure) / seconds;
  if (rate <= 0) return;
  object.put("rate_per_second", rounded(rate));
  const goal = progress.current === undefined ? 100 : progress.total;
  if (goal === undefined || status !== "running") return;
  const secondsLeft = Math.max(0, goal - figure) / rate;
  if (Number.isFinite(secondsLeft)) object.put("seconds_left", rounded(secondsLeft));
}

function progressJson(progress: Progress, status: StageStatus): JsonObject {
  const object = new JsonObject();
  object.putFigure("current", progress.current).putFigure("total", progress.total);
  if (progress.percent !== undefined) object.put("percent", rounded(progress.percent));
  object.putText("unit", progress.unit);
  putRate(object, progress, status);
  return object;
}

function stageJson(stage: StageState, latestMicros: number): string {
  const end = stage.endedMicros === 0 ? latestMicros : stage.endedMicros;
  const object = new JsonObject()
    .put("stage", jsonString(stage.path))
    .putCount("attempt", stage.attempt)
    .putCount("epoch", stage.epoch)
    .put("status", jsonString(stage.status))
    .putTime("started_at", stage.startedMicros)
    .putTime("ended_at", stage.endedMicros)
    .putMillis("duration_ms", end - stage.startedMicros)
    .putText("message", stage.message);
  const progress = progressJson(stage.progress, stage.status);
  if (!progress.isEmpty) object.put("progress", progress.toString());
  return object.toString();
}

function pendingStageJson(path: string): string {
  return new JsonObject().put("stage", jsonString(path)).put("status", jsonString("pending")).toString();
}

function putSummary(object: JsonObject, state: FoldedJob): void {
  object
    .put("job_id", jsonString(state.jobId))
    .put("status", jsonString(state.status))
    .putText("reason", state.reason)
    .putText("pipeline", state.pipeline);
  if (state.labels.size > 0) object.put("labels", labelsJson(state.labels));
  if (state.implicitCreate) object.put("implicit_create", true);
  object.putCount("epoch", state.epoch);
  if (state.strict) object.put("strict", true);
  object
    .putTime("created_at", state.createdAtMicros)
    .putTime("started_at", state.startedAtMicros)
    .putTime("ended_at", state.endedAtMicros)
    .putTime("updated_at", state.updatedAtMicros);
  putDurations(object, state);
  const done = state.done();
  if (done !== undefined) {
    const percent = rounded((done * 100) / StageTree.WHOLE);
    object.put("progress", new JsonObject().put("percent", percent).toString());
  }
  object.put("events", state.jobSeq).putCount("violations", state.violationCount);
}

function putDurations(object: JsonObject, state: FoldedJob): void {
  const end = state.endedAtMicros === 0 ? state.latestMicros : state.endedAtMicros;
  const isPaused = state.status === "paused";
  const waited = state.waitedMicros + (isPaused ? end - state.pausedSinceMicros : 0);
  const duration = end - state.createdAtMicros;
  object
    .putMillis("duration_ms", duration)
    .putMillis("waited_ms", waited)
    .putMillis("stopped_ms", state.stoppedMicros)
    .putMillis("worked_ms", duration - waited - state.stoppedMicros);
}

/** The document of GET /jobs/{job} and of state.json. */
export function encodeJobState(state: FoldedJob): string {
  const object = new JsonObject();
  putSummary(object, state);
  const stages = state.stages.map((stage) => stageJson(stage, state.latestMicros));
  const pending = state.pendingStages().map(pendingStageJson);
  return object
    .put("stages", jsonArray([...stages, ...pending]))
    .put("gates", jsonArray(state.gates.map(gateJson)))
    .put("first_seq", state.firstSeq)
    .put("as_of_seq", state.asOfSeq)
    .put("last_hash", jsonString(state.lastHash))
    .putCount("fold_version", FOLD_VERSION)
    .toString();
}
