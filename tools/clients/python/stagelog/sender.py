"""Sends the events of an outbox in order, and judges the answers. Has no thread of its own: the
worker's thread and a caller of flush() take turns."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Callable, List, Optional

from .errors import StagelogError, UnreachableError
from .http_client import ANSWER_SECONDS, NDJSON, Answer, HttpClient, job_target
from .outbox import Batch, Outbox
from .run_beginning import Lines, beginning_size, beginning_variants, begins_run
from .verdict import Verdict, VerdictKind, classify

MAX_BATCH_EVENTS = 500
MAX_BATCH_BYTES = 1 << 20


class Step(enum.Enum):
    SENT = "a batch is done, go on"
    NOTHING = "nothing waits"
    BUSY = "another process sends this job's events"
    UNAVAILABLE = "no daemon, or none that takes us"
    LATER = "the daemon asks for patience"


@dataclass
class SenderCallbacks:
    """Called on the thread that sends."""

    on_job_status: Callable[[str], None]
    say: Callable[[str, str], None]  # topic, messages for people


class Sender:
    def __init__(self, client: HttpClient, job: str, outbox: Outbox,
                 callbacks: SenderCallbacks) -> None:
        self._client = client
        self._job = job
        self._outbox = outbox
        self._callbacks = callbacks
        self._batch_limit = MAX_BATCH_EVENTS
        self._sent_as_it_is = b""  # a run's first event that is to be sent unchanged
        self.refused = 0
        self.last_refusal: Optional[StagelogError] = None
        self.problem: Optional[StagelogError] = None  # why the last step did not send
        self.retry_after: Optional[float] = None
        self.has_answered = False

    def step(self, seconds: float = ANSWER_SECONDS) -> Step:
        """One request at most, or two where a run begins."""
        self.retry_after = None
        try:
            batch = self._next_batch()
            if batch.is_busy:
                return Step.BUSY
            if not batch.lines:
                return Step.NOTHING
            if self._begins_run(batch):
                return self._send_beginning(batch, seconds)
            answer = self._post(batch.lines, seconds)
        except UnreachableError as problem:
            self.problem = problem
            return Step.UNAVAILABLE
        except OSError as problem:
            self.problem = StagelogError(f"cannot read the spool: {problem}")
            self._callbacks.say("spool", str(self.problem))
            return Step.UNAVAILABLE
        return self._judge(batch, self._classify(answer, len(batch.lines)))

    def _begins_run(self, batch: Batch) -> bool:
        return begins_run(batch.lines[0]) and batch.lines[0] != self._sent_as_it_is

    def _next_batch(self) -> Batch:
        """The beginning of a run is a batch of its own: it depends on what the job is then."""
        batch = self._outbox.next(max(self._batch_limit, 2), MAX_BATCH_BYTES)
        if not batch.lines:
            return batch
        count = min(len(batch.lines), self._batch_limit)
        if self._begins_run(batch):
            count = beginning_size(batch.lines)
        else:
            for index in range(1, count):
                if begins_run(batch.lines[index]):
                    count = index
                    break
        return batch if count == len(batch.lines) else self._outbox.next(count, MAX_BATCH_BYTES)

    def _post(self, lines: Lines, seconds: float) -> Answer:
        body = b"".join(line + b"\n" for line in lines)
        answer = self._client.post(job_target(self._job) + "/events", body, NDJSON, seconds)
        self.has_answered = True
        return answer

    def _classify(self, answer: Answer, lines: int) -> Verdict:
        verdict = classify(answer, lines, self._client.settings.url)
        if verdict.kind is VerdictKind.LATER:
            self.retry_after = answer.retry_after
        return verdict

    def _send_beginning(self, batch: Batch, seconds: float) -> Step:
        answer = self._client.get(job_target(self._job), seconds)
        self.has_answered = True
        if not answer.ok and answer.json().get("code") != "unknown_job":
            verdict = self._classify(answer, 1)
            if verdict.kind is VerdictKind.REFUSED:
                return self._unchanged(batch)
            return self._judge(batch, verdict)
        status = str(answer.json().get("status", "")) if answer.ok else ""
        for lines in beginning_variants(batch.lines, status):
            if not lines:
                return self._take(batch, Verdict(VerdictKind.TAKEN))
            posted = self._post(lines, seconds)
            if posted.json().get("code") == "event_id_conflict":
                continue
            verdict = self._classify(posted, len(lines))
            if verdict.kind is VerdictKind.REFUSED:
                return self._unchanged(batch)
            return self._judge(batch, verdict)
        return self._unchanged(batch)

    def _unchanged(self, batch: Batch) -> Step:
        """What is refused in any form goes as it is, to be refused with a reason."""
        self._sent_as_it_is = batch.lines[0]
        return Step.SENT

    def _judge(self, batch: Batch, verdict: Verdict) -> Step:
        self.problem = verdict.error
        if verdict.kind is VerdictKind.TAKEN:
            return self._take(batch, verdict)
        if verdict.kind is VerdictKind.REFUSED:
            self._refuse(batch, verdict)
            return Step.SENT
        if verdict.kind is VerdictKind.LATER:
            return Step.LATER
        self._callbacks.say("away", f"keeping events until they can be sent: {verdict.error}")
        return Step.UNAVAILABLE

    def _take(self, batch: Batch, verdict: Verdict) -> Step:
        self._batch_limit = MAX_BATCH_EVENTS
        self._outbox.taken(batch)
        if verdict.flagged:
            self._callbacks.say("flagged", "the journal has flagged events of this job as illegal in its "
                                f"state; see `violations` in the events of job {self._job}")
        if verdict.job_status:
            self._callbacks.on_job_status(verdict.job_status)
        return Step.SENT

    def _refuse(self, batch: Batch, verdict: Verdict) -> None:
        """A batch is refused as a whole for one event: what stands before that one goes first,
        then it stands at the front and can be taken out. Where the daemon does not say which one
        it is, by halves."""
        size = len(batch.lines)
        culprit = size // 2 if verdict.culprit is None else verdict.culprit
        if size > 1:
            self._batch_limit = max(culprit, 1)
            return
        self._outbox.refused(batch, verdict.reason)
        self._batch_limit = MAX_BATCH_EVENTS
        self.refused += 1
        self.last_refusal = verdict.error
        self._callbacks.say("refused", f"the daemon refused an event ({verdict.error}); refused events are "
                            f"saved in {self._outbox.refused_path}")

    # --- Beside the events ---

    def send_heartbeat(self, interval_seconds: int) -> None:
        """One that is lost says what it should: that nothing was heard of us."""
        body = f'{{"type":"heartbeat","payload":{{"interval_seconds":{interval_seconds}}}}}'
        self._client.post(job_target(self._job) + "/events", body.encode())

    def ask_job_status(self, etag: List[str]) -> None:
        """Tells on_job_status() unless nothing has changed since the last time. `etag` is kept by
        the caller between calls."""
        fields = {"If-None-Match": etag[0]} if etag else {}
        answer = self._client.get(job_target(self._job), fields=fields)
        if answer.status == 304 or not answer.ok:
            return
        etag[:] = [answer.headers["etag"]] if "etag" in answer.headers else []
        status = answer.json().get("status")
        if isinstance(status, str):
            self._callbacks.on_job_status(status)

    def close(self) -> None:
        self._client.close()

    def after_fork_in_child(self) -> None:
        self._client = self._client.abandon()
