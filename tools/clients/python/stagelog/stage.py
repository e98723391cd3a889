"""A stage of a job, and the stages below it."""

from __future__ import annotations

import contextvars
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Type

from .errors import CanceledError
from .json_text import text_of
from .names import is_stage_path, legal_name, legal_stage_path

if TYPE_CHECKING:
    from .logger import JobLogger

_MAX_TRACEBACK_CHARACTERS = 24 * 1024

# The stage that this thread, or task, is in: what is logged without naming a stage belongs to it.
current_stage: "contextvars.ContextVar[Optional[Stage]]" = contextvars.ContextVar(
    "stagelog_stage", default=None)


def failure_payload(problem: BaseException) -> Dict[str, Any]:
    """An exception as a payload. Of a long traceback the end, which says what happened."""
    try:
        text = "".join(traceback.format_exception(type(problem), problem,
                                                  problem.__traceback__))
    except Exception:  # the exception's own code
        text = type(problem).__name__
    return {"exception": type(problem).__name__,
            "traceback": text[-_MAX_TRACEBACK_CHARACTERS:]}


def failure_message(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {text_of(problem)}".rstrip(": ")


class Stage:
    """`with logger.stage("train") as stage:` starts it, and completes or fails it at the end."""

    def __init__(self, logger: "JobLogger", path: str, payload: Mapping[str, Any]) -> None:
        """`path` is legal: see make_stage()."""
        self.logger = logger
        self.path = path
        self._payload = dict(payload)
        self._is_over = False
        self._token: "Optional[contextvars.Token[Optional[Stage]]]" = None

    def start(self, message: str = "") -> "Stage":
        self.logger.emit("stage_started", stage=self.path, message=message,
                         payload=self._payload)
        return self

    def stage(self, name: str, **payload: Any) -> "Stage":
        """A stage below this one: train/epoch-3."""
        return make_stage(self.logger, self.path, name, payload)

    def progress(self, current: Optional[float] = None, total: Optional[float] = None,
                 unit: str = "", *, percent: Optional[float] = None, message: str = "",
                 **payload: Any) -> None:
        known = {"current": current, "total": total, "unit": unit or None, "percent": percent}
        given = {key: value for key, value in known.items() if value is not None}
        self.logger.emit("stage_progress", stage=self.path, message=message,
                         payload={**given, **payload})

    def log(self, message: object, level: str = "info", **payload: Any) -> None:
        self.logger.log(message, level, stage=self.path, **payload)

    def complete(self, message: str = "", **payload: Any) -> None:
        if not self._is_over:
            self._is_over = True
            self.logger.emit("stage_completed", stage=self.path, message=message,
                             payload=payload)

    def fail(self, problem: "str | BaseException", **payload: Any) -> None:
        if self._is_over:
            return
        self._is_over = True
        if isinstance(problem, BaseException):
            payload = {**failure_payload(problem), **payload}
            problem = failure_message(problem)
        self.logger.emit("stage_failed", stage=self.path, message=problem, payload=payload)

    def __enter__(self) -> "Stage":
        self._token = current_stage.set(self)
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]], problem: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if self._token is not None:
            try:
                current_stage.reset(self._token)
            except ValueError:
                pass  # left in another task than it was entered in
        if not self.logger.is_mine():
            return
        is_success = problem is None or (isinstance(problem, SystemExit) and not problem.code)
        if is_success:
            self.complete()
        elif problem is not None and not isinstance(problem, CanceledError):
            self.fail(problem)


def make_stage(logger: "JobLogger", parent: str, name: str, payload: Mapping[str, Any]) -> Stage:
    """`name` may be a path. What is illegal in it is replaced, and kept in the payload."""
    legal = legal_stage_path(name)
    path = f"{parent}/{legal}" if parent else legal
    if not is_stage_path(path):  # too long
        path = legal_name(path)
    named = dict(payload) if path.endswith(name) else {"name": name, **payload}
    return Stage(logger, path, named)
