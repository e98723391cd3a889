import { useEffect, useState, type ReactElement } from "react";
import {
  LogPanel,
  makeFormatEvent,
  useJobEvents,
  useJobState,
  useLogStream,
  type JobStateView,
} from "stagelog-client/react";
import { startDemoJob } from "./demo_job.js";

// The page's own origin: its server passes requests on and adds the token.
const daemon = { url: "" };
const formatEvent = makeFormatEvent({ stage_progress: null });

interface JobRow {
  job_id: string;
  status: string;
}

/** Asked for again when a job begins or ends. */
function useJobs(): JobRow[] {
  const [jobs, setJobs] = useState<JobRow[]>([]);
  const { events } = useJobEvents({
    ...daemon,
    type: ["job_created", "job_started", "job_completed", "job_failed", "job_canceled", "gate_pause", "gate_approved"],
    limit: 1,
  });
  const newest = events.at(-1)?.seq;
  useEffect(() => {
    const abort = new AbortController();
    fetch("/api/v1/jobs?limit=20", { signal: abort.signal })
      .then((answer) => answer.json())
      .then((page: { jobs: JobRow[] }) => setJobs(page.jobs))
      .catch(() => {});
    return () => abort.abort();
  }, [newest]);
  return jobs;
}

async function decide(gate: string, job: string, verdict: "approve" | "reject", choice?: unknown): Promise<void> {
  await fetch(`/api/v1/jobs/${job}/gates/${gate}/${verdict}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(choice === undefined ? {} : { choice }),
  });
}

function Gates({ state }: { state: JobStateView }): ReactElement {
  const pending = state.gates.filter((gate) => gate.status === "pending");
  return (
    <>
      {pending.map(({ gate, prompt, options }) => (
        <div className="gate" key={gate}>
          <strong>{prompt ?? gate}</strong>
          {(options ?? [undefined]).map((option) => (
            <button key={String(option)} onClick={() => void decide(gate, state.job_id, "approve", option)}>
              {option === undefined ? "Approve" : String(option)}
            </button>
          ))}
          <button className="quiet" onClick={() => void decide(gate, state.job_id, "reject")}>
            Reject
          </button>
        </div>
      ))}
    </>
  );
}

function Job({ job, mode }: { job: string; mode: "sse" | "poll" }): ReactElement {
  const { state, error } = useJobState({ ...daemon, job });
  const { logs, active, status } = useLogStream({ ...daemon, job, mode, formatEvent });
  return (
    <section>
      <h2>
        {job} <span className={`status ${state?.status ?? ""}`}>{state?.status ?? "not begun"}</span>
      </h2>
      {error && <p className="problem">{error.message}</p>}
      {state?.stages.map((stage) => (
        <div className="stage" key={`${stage.stage}/${stage.attempt}`}>
          <span>{stage.stage}</span>
          <progress max={100} value={stage.progress?.percent ?? 0} aria-label={stage.stage} />
          <span className="quiet">{stage.status}</span>
        </div>
      ))}
      {state && <Gates state={state} />}
      <p className="quiet">
        {status.state}, {logs.length.toLocaleString("en")} lines{status.missed ? `, ${status.missed} missed` : ""}
      </p>
      <LogPanel logs={logs} active={active} showTime label={`log of ${job}`} />
    </section>
  );
}

export function App(): ReactElement {
  const jobs = useJobs();
  const [chosen, setChosen] = useState<string>();
  const [mode, setMode] = useState<"sse" | "poll">("sse");
  const [problem, setProblem] = useState("");
  const job = chosen ?? jobs[0]?.job_id;
  return (
    <main>
      <header>
        <h1>stagelog-client</h1>
        <button onClick={() => void startDemoJob(setProblem).then(setChosen)}>Run a job</button>
        <label>
          <input
            type="checkbox"
            checked={mode === "poll"}
            onChange={(event) => setMode(event.target.checked ? "poll" : "sse")}
          />
          poll
        </label>
      </header>
      {problem && <p className="problem">{problem}</p>}
      <nav aria-label="jobs">
        {jobs.map(({ job_id: id, status }) => (
          <button key={id} className={id === job ? "chosen" : "quiet"} onClick={() => setChosen(id)}>
            {id} <span className={`status ${status}`}>{status}</span>
          </button>
        ))}
      </nav>
      {job ? <Job key={job} job={job} mode={mode} /> : <p className="quiet">No job yet.</p>}
    </main>
  );
}
