"""A gate of a journal without a daemon."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Mapping, Optional

from .errors import RefusedError, StagelogError
from .gate import Decision
from .gate_fields import checked_answers

_AUTOMATIC = {"approve": "gate_auto_approved", "reject": "gate_rejected",
              "expire": "gate_expired"}


class LocalGate:
    """Decided by the program itself, or by its time."""

    def __init__(self, name: str, payload: Mapping[str, Any],
                 emit: Callable[[str, Mapping[str, Any], str], None]) -> None:
        """`emit` takes the type of an event, its payload and its message."""
        self.name = name
        self._emit = emit
        self._options = payload.get("options") or []
        self._fields = payload.get("fields") or []
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

    def approve(self, choice: str = "", comment: str = "",
                answers: Optional[Mapping[str, Any]] = None) -> None:
        if self._options and choice not in self._options:
            raise RefusedError("choice_required", f"choose one of {', '.join(self._options)}",
                               "choice")
        given = checked_answers(self._fields, answers or {})
        known: Dict[str, Any] = {"choice": choice, "comment": comment, "answers": given}
        decision = Decision("approved", choice, comment, via="event", answers=given)
        self._settle("gate_approved", decision,
                     {key: value for key, value in known.items() if value})

    def reject(self, comment: str) -> None:
        self._settle("gate_rejected", Decision("rejected", "", comment, via="event"),
                     {"comment": comment})

    def _settle(self, kind: str, decision: Decision, payload: Mapping[str, Any]) -> None:
        if self._decision is not None:
            raise RefusedError("gate_decided", f"gate {self.name} is {self._decision.status}")
        self._decision = decision
        self._emit(kind, payload, decision.comment)
