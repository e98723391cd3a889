"""Gates: the job waits until somebody has decided."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional, Protocol, Tuple

from .backoff import Backoff
from .errors import AuthError, DroppedError, StagelogError, UnreachableError
from .http_client import ANSWER_SECONDS, Answer, HttpClient, error_of, job_target, quote
from .json_text import clean, compact
from .times import now_micros, uuid7

_PENDING = ("pending", "")
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Approval:
    """One of several that a gate requires."""

    by: str = ""
    seq: int = 0
    at: str = ""
    comment: str = ""
    via: str = ""


@dataclass(frozen=True)
class Decision:
    status: str  # approved, rejected, auto_approved, expired, canceled
    choice: str = ""
    comment: str = ""
    decided_by: str = ""
    via: str = ""
    # By the names of the gate's fields.
    answers: Mapping[str, Any] = field(default_factory=dict, hash=False)
    approvals: Tuple[Approval, ...] = ()  # none of a gate that requires one

    @property
    def is_approved(self) -> bool:
        return self.status in ("approved", "auto_approved")

    def __bool__(self) -> bool:
        return self.is_approved


class Gate(Protocol):
    name: str

    def wait(self, timeout: Optional[float] = None) -> Decision:
        """Returns once the gate is decided, however. TimeoutError after `timeout` seconds. A
        daemon that is away is waited for."""

    def approve(self, choice: str = "", comment: str = "",
                answers: Optional[Mapping[str, Any]] = None) -> None: ...

    def reject(self, comment: str) -> None: ...


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    return value if isinstance(value, str) else ""


def _approvals(document: Mapping[str, Any]) -> Tuple[Approval, ...]:
    listed = document.get("approvals")
    if not isinstance(listed, list):
        return ()
    return tuple(_approval(each) for each in listed if isinstance(each, dict))


def _approval(document: Mapping[str, Any]) -> Approval:
    seq = document.get("seq")
    return Approval(_text(document, "by"), seq if isinstance(seq, int) else 0,
                    _text(document, "at"), _text(document, "comment"), _text(document, "via"))


def decision_of(document: Mapping[str, Any]) -> Optional[Decision]:
    """None while it is pending."""
    status = _text(document, "status")
    if status in _PENDING:
        return None
    answers = document.get("answers")
    return Decision(status, _text(document, "choice"), _text(document, "comment"),
                    _text(document, "decided_by"), _text(document, "via"),
                    answers if isinstance(answers, dict) else {}, _approvals(document))


class DaemonGate:
    """A gate of a job that a daemon keeps."""

    def __init__(self, client: HttpClient, job: str, name: str, event_id: str,
                 flush: Callable[[Optional[float]], bool],
                 problem: Callable[[], Optional[StagelogError]]) -> None:
        self.name = name
        self._client = client
        self._job = job_target(job)
        self._target = f"{self._job}/gates/{quote(name)}"
        self._event_id = event_id
        self._flush = flush
        self._problem = problem

    def wait(self, timeout: Optional[float] = None) -> Decision:
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            # First the event that opens it must be there: an older gate of this name may be
            # decided.
            self._flush_own(deadline)
            return self._ask(self._own_seq(deadline), deadline)
        finally:
            self._client.close()

    def _flush_own(self, deadline: Optional[float]) -> None:
        while True:
            left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if left > 0 and self._flush(left):
                return
            problem = self._problem()
            if isinstance(problem, AuthError):
                raise problem
            if left <= 0:
                raise TimeoutError(f"gate {self.name}: the daemon has not taken its event in time")

    def _own_seq(self, deadline: Optional[float]) -> int:
        """The seq of the event that opens it: what was flushed may have been refused, or dropped
        before."""
        backoff = Backoff(0.1, 2.0)
        while True:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"gate {self.name}: no answer about its event in time")
            try:
                answer = self._client.get(f"{self._job}/events?type=gate_pause&limit=1000")
                if answer.ok:
                    events = answer.json().get("events", [])
                    for event in events:
                        if event.get("event_id") == self._event_id:
                            return int(event["seq"])
                    raise self._problem() or DroppedError(f"gate {self.name} was not opened")
                self._judge(answer)
            except UnreachableError:
                pass
            time.sleep(backoff.next())

    def _ask(self, own_seq: int, deadline: Optional[float]) -> Decision:
        backoff, is_known = Backoff(0.1, 2.0), False
        while True:
            left = _WAIT_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"gate {self.name} is not decided")
            wait = min(int(left), _WAIT_SECONDS) if is_known else 0
            pause = backoff.next()
            try:
                answer = self._client.get(f"{self._target}?wait={wait}", wait + ANSWER_SECONDS)
                if answer.ok:
                    document = answer.json()
                    decision = decision_of(document)
                    if decision is not None:
                        if document.get("decided_seq", 0) < own_seq:  # of an older gate
                            raise DroppedError(f"gate {self.name} was not opened: the job is over")
                        return decision
                    backoff.reset()
                    is_known, pause = True, 0.0 if wait > 0 else min(pause, 0.1)
                else:
                    pause = max(pause, self._judge(answer))
            except UnreachableError:
                pass
            time.sleep(min(pause, left))

    def _judge(self, answer: Answer) -> float:
        """How long to wait at least; raises what no time will mend."""
        error = error_of(answer, self._client.settings.url)
        code = _text(answer.json(), "code")
        if isinstance(error, AuthError) or (code and 400 <= answer.status < 500
                                            and answer.status not in (408, 429)):
            raise error  # unknown_gate: its event was refused, or came after the job's end
        return answer.retry_after or 0.0

    def approve(self, choice: str = "", comment: str = "",
                answers: Optional[Mapping[str, Any]] = None) -> None:
        """AuthError where the token may not decide, RefusedError where it is decided, and where
        an answer is missing or wrong. One of several where the gate requires several."""
        self._decide("approve", {"choice": choice, "comment": comment,
                                 "answers": dict(answers or {})})

    def reject(self, comment: str) -> None:
        self._decide("reject", {"comment": comment})

    def _decide(self, command: str, body: Dict[str, Any]) -> None:
        self._flush(ANSWER_SECONDS)
        given = {key: clean(value) for key, value in body.items() if value}
        answer = self._client.post(f"{self._target}/{command}", compact(given).encode(),
                                   key=uuid7(now_micros()))
        self._client.close()
        if not answer.ok:
            raise error_of(answer, self._client.settings.url)
