// A pipeline as a program of its own would have it.
import { createJobLogger } from "stagelog-client";

const wait = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** Runs until its gate is decided. Resolves to the job's name once the daemon has its first events. */
export async function startDemoJob(onProblem: (message: string) => void): Promise<string> {
  const job = `demo-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}`;
  const logger = createJobLogger({
    url: "",
    job,
    pipeline: "demo",
    onProblem: (problem) => onProblem(problem?.message ?? ""),
  });
  const run = async () => {
    for (const name of ["fetch", "render"]) {
      await logger.stage(name, async (stage) => {
        for (let frame = 1; frame <= 60; ++frame) {
          stage.progress(frame, 60, "frames");
          stage.log(`frame ${frame} is there`, { level: frame % 20 === 0 ? "warning" : "debug" });
          await wait(50);
          if (logger.canceled.aborted) throw new Error("canceled");
        }
      });
    }
    const decision = await logger.gate("publish", { prompt: "Publish the film?", options: ["today", "tomorrow"] });
    if (decision.status !== "approved") throw new Error(`not published: ${decision.status}`);
    await logger.complete(`published ${decision.choice}`);
  };
  run().catch((error) => logger.fail(error));
  await logger.flush();
  return job;
}
