"""Gates: the job waits until somebody has decided."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Protocol

from .backoff import Backoff
from .errors import AuthError, DroppedError, RefusedError, StagelogError, UnreachableError
from .http_client import ANSWER_SECONDS, Answer, HttpClient, error_of, job_target, quote
from .json_text import clean, compact
from .times import now_micros, uuid7

_PENDING = ("pending", "")
_WAIT_SECONDS = 60
_AUTOMATIC = {"approve": "gate_auto_approved", "reject": "gate_rejected",
              "expire": "gate_expired"}


@dataclass(frozen=True)
class Decision:
    status: str  # approved, rejected, auto_approved, expired, canceled
    choice: str = ""
    comment: str = ""
    decided_by: str = ""
    via: str = ""

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

    def approve(self, choice: str = "", comment: str = "") -> None: ...
    def reject(self, comment: str) -> None: ...


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    return value if isinstance(value, str) else ""


def decision_of(document: Mapping[str, Any]) -> Optional[Decision]:
    """None while it is pending."""
    status = _text(document, "status")
    if status in _PENDING:
        return None
    return Decision(status, _text(document, "choice"), _text(document, "comment"),
                    _text(document, "decided_by"), _text(document, "via"))


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

    def approve(self, choice: str = "", comment: str = "") -> None:
        """AuthError where the token may not decide, RefusedError where it is decided."""
        self._decide("approve", {"choice": choice, "comment": comment})

    def reject(self, comment: str) -> None:
        self._decide("reject", {"comment": comment})

    def _decide(self, command: str, body: Dict[str, str]) -> None:
        self._flush(ANSWER_SECONDS)
        given = {key: clean(value) for key, value in body.items() if value}
        answer = self._client.post(f"{self._target}/{command}", compact(given).encode(),
                                   key=uuid7(now_micros()))
        self._client.close()
        if not answer.ok:
            raise error_of(answer, self._client.settings.url)


class LocalGate:
    """A gate of a journal without a daemon: decided by the program itself, or by its time."""

    def __init__(self, name: str, payload: Mapping[str, Any],
                 emit: Callable[[str, Mapping[str, Any], str], None]) -> None:
        """`emit` takes the type of an event, its payload and its message."""
        self.name = name
        self._emit = emit
        self._options = payload.get("options") or []
        seconds = payload.get("timeout_seconds")
        self._expires = None if seconds is None else time.monotonic() + float(seconds)
        self._on_timeout = str(payload.get("on_timeout") or "expire")
        self._decision: Optional[Decision] = None

    def wait(self, timeout: Optional[float] = None) -> Decision:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._decision is None:
            now = time.monotonic()
            if self._expires is not None and now >= self._expires:
                self._expire()
                continue
            if deadline is not None and now >= deadline:
                raise TimeoutError(f"gate {self.name} is not decided")
            if self._expires is None and deadline is None:
                raise StagelogError(f"gate {self.name} would wait for ever: without a daemon it "
                                    "needs approve(), reject() or timeout_seconds")
            nearest = min(time for time in (self._expires, deadline) if time is not None)
            time.sleep(min(nearest - now, 0.05))  # another thread may decide
        return self._decision

    def _expire(self) -> None:
        kind = _AUTOMATIC.get(self._on_timeout, "gate_expired")
        status = {"gate_auto_approved": "auto_approved", "gate_rejected": "rejected"}
        self._settle(kind, Decision(status.get(kind, "expired"), via="timer"), {"via": "timer"})

    def approve(self, choice: str = "", comment: str = "") -> None:
        if self._options and choice not in self._options:
            raise RefusedError("choice_required", f"choose one of {', '.join(self._options)}",
                               "choice")
        payload = {key: value for key, value in (("choice", choice), ("comment", comment))
                   if value}
        self._settle("gate_approved", Decision("approved", choice, comment, via="event"), payload)

    def reject(self, comment: str) -> None:
        self._settle("gate_rejected", Decision("rejected", "", comment, via="event"),
                     {"comment": comment})

    def _settle(self, kind: str, decision: Decision, payload: Mapping[str, Any]) -> None:
        if self._decision is not None:
            raise RefusedError("gate_decided", f"gate {self.name} is {self._decision.status}")
        self._decision = decision
        self._emit(kind, payload, decision.comment)
