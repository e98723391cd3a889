"""JobLogger: what a pipeline says of itself."""

from __future__ import annotations

import functools
import math
import os
import socket
import ssl
import sys
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Type, Union

from .delivery import DaemonDelivery, Delivery
from .errors import CanceledError, DroppedError, SpoolError, StagelogError
from .event import LEVELS, Draft, make_draft
from .gate import DaemonGate, Gate
from .gate_fields import check_fields, field_list
from .http_client import HttpClient
from .journal import JournalDelivery
from .json_text import text_of
from .local_gate import LocalGate
from .names import is_job_id, legal_name
from .outbox import MAX_MEMORY_BYTES
from .settings import FROM_ENVIRONMENT, FromEnvironment, load_settings
from .spool import spool_root
from .stage import Stage, current_stage, failure_message, failure_payload, make_stage


def _as_list(words: Iterable[str]) -> List[str]:
    """A text is one word, not its letters."""
    return [words] if isinstance(words, str) else list(words)


def _check_without_daemon(required: int, allow_self: bool, fields: Sequence[Any]) -> None:
    if required != 1 or allow_self is not True:
        rule = "allow_self=False" if required == 1 else f"required={required}"
        raise ValueError(f"{rule} needs a daemon (url=...): without one this program alone opens "
                         "the gate and decides it")
    check_fields(fields)


def _is_canceled_task(problem: BaseException) -> bool:
    """Of asyncio; a program that has not imported it cannot raise it."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(problem, asyncio.CancelledError)


class JobLogger:
    """A job. Events go to the disk at once, and from there to the daemon in the background.

    `url`: the daemon's; left out, STAGELOG_URL, else the settings file of the command line, else
    http://127.0.0.1:8008. None: no daemon; events go to `runs_dir`/<job>/events.jsonl.

    Neither a full disk nor a dead daemon raises into the program, unless `raise_errors` is true;
    what had to be dropped is counted in `dropped`. What cannot be right (a job's name, a URL)
    raises ValueError here.

    A job that exists already is resumed. One that was canceled stays so unless `resume` is true.
    Within `stagelog run` the job may be left out; its start, its end and its heartbeats are then
    those of the run.
    """

    def __init__(self, job: Optional[str] = None, url: Union[str, None, FromEnvironment] = FROM_ENVIRONMENT,
                 token: Optional[str] = None, *, pipeline: str = "",
                 labels: Optional[Mapping[str, str]] = None, stages: Iterable[str] = (),
                 payload: Optional[Mapping[str, Any]] = None, resume: bool = False,
                 on_cancel: Optional[Callable[[], None]] = None, raise_errors: bool = False,
                 runs_dir: Union[str, "os.PathLike[str]"] = "runs", exit_timeout: float = 5.0,
                 max_memory_bytes: int = MAX_MEMORY_BYTES,
                 ssl_context: Optional[ssl.SSLContext] = None) -> None:
        # Part of a job that `stagelog run` keeps: its stages are below the run's own.
        self._is_part = url is not None and job in (None, os.environ.get("STAGELOG_JOB"))
        self._outer_stage = os.environ.get("STAGELOG_STAGE", "") if self._is_part else ""
        job = os.environ.get("STAGELOG_JOB", "") if job is None else job
        if not is_job_id(job):
            raise ValueError(f"{job!r} is no name of a job: 1 to 128 letters, digits, '.', '_' or "
                             "'-', beginning with a letter or digit")
        self.job = job
        self.raise_errors = raise_errors
        self._exit_timeout = exit_timeout
        self._on_cancel = on_cancel
        self._is_canceled = False
        self._is_over = False
        self._owner = os.getpid()
        self._client: Optional[Callable[[], HttpClient]] = None
        is_new = True
        if url is None:
            journal = JournalDelivery(os.path.abspath(os.fspath(runs_dir)), job)
            is_new = not journal.has_events()
            self._delivery: Delivery = journal
        else:
            settings = load_settings(url, token)
            root = spool_root(os.environ)
            self._client = functools.partial(HttpClient, settings, ssl_context)
            self._delivery = DaemonDelivery(
                HttpClient(settings, ssl_context), job, None if root is None else f"{root}/{job}", max_memory_bytes,
                exit_timeout, self._take_cancel)
        if not self._is_part:
            self._begin(is_new and not resume, pipeline, labels, _as_list(stages), payload)

    def _begin(self, is_new: bool, pipeline: str, labels: Optional[Mapping[str, str]],
               stages: "list[str]", own: Optional[Mapping[str, Any]]) -> None:
        payload: Dict[str, Any] = dict(own or {})
        known = {"pipeline": pipeline, "labels": dict(labels or {}), "stages": stages}
        payload.update({key: value for key, value in known.items() if value})
        # The pid marks the beginning of a run: with it the sender asks whether the job exists.
        payload.update(host=socket.gethostname(), pid=os.getpid(),
                       python=sys.version.split()[0])
        # Together: what a beginning becomes depends on whether the job exists.
        if is_new:
            self._add([make_draft("job_created", payload=payload), make_draft("job_started")])
        else:
            self._add([make_draft("job_resumed", payload={**payload, "new_epoch": True})])
        self._delivery.beat(True)

    # --- Events ---

    def emit(self, type: str, *, stage: str = "", gate: str = "", level: str = "",
             message: object = "", payload: Optional[Mapping[str, Any]] = None) -> None:
        """An event of any type, such as one of your own: x-loss."""
        draft = make_draft(type, stage=stage, gate=gate, level=level, message=message,
                           payload=payload)
        self._add([draft])

    def _add(self, drafts: "list[Draft]") -> None:
        problem = self._delivery.add(drafts)
        if problem is None or not self.raise_errors:
            return
        if self.dropped > 0:
            raise DroppedError(str(problem)) from problem
        raise SpoolError(str(problem)) from problem

    def log(self, message: object, level: str = "info", *, stage: Optional[str] = None,
            **payload: Any) -> None:
        """Belongs to the stage that the caller is in, unless it names another one."""
        if stage is None:
            current = current_stage.get()
            is_within = current is not None and current.logger is self
            stage = current.path if current is not None and is_within else self._outer_stage
        if level not in LEVELS:
            payload["level"], level = level, "info"
        # The journal takes no log without a message; an empty line is marked as the command line
        # marks it.
        message = text_of(message)
        if message == "":
            message, payload["blank"] = " ", True
        self.emit("log", stage=stage, level=level, message=message, payload=payload)

    def stage(self, name: str, **payload: Any) -> Stage:
        """`name` may be a path. What is illegal in a name is replaced, and kept in the payload."""
        return make_stage(self, self._outer_stage, name, payload)

    def gate(self, name: str, prompt: str = "", options: Iterable[str] = (), *,
             timeout_seconds: Optional[float] = None, on_timeout: str = "",
             approvers: Iterable[str] = (), required: int = 1, allow_self: bool = True,
             fields: Union[Mapping[str, Any], Iterable[Mapping[str, Any]]] = ()) -> Gate:
        """Opens it: the job is paused until somebody decides. `on_timeout`: approve, reject, or
        expire, which is the default. `required`: so many different people must approve.
        `allow_self=False`: not by the token that opens it. `fields`: what an approval answers,
        such as {"name": "percent", "type": "number", "required": True, "max": 100}.

        Without a daemon ValueError for rules that one program alone cannot keep."""
        asked = field_list(fields)
        if self._client is None:
            _check_without_daemon(required, allow_self, asked)
        known = {"prompt": prompt, "options": _as_list(options), "timeout_seconds": timeout_seconds,
                 "on_timeout": on_timeout, "approvers": _as_list(approvers), "fields": asked}
        if timeout_seconds is not None:  # the journal takes whole seconds, from 1 on
            is_finite = math.isfinite(timeout_seconds)
            known["timeout_seconds"] = max(1, math.ceil(timeout_seconds)) if is_finite else None
        payload = {key: value for key, value in known.items() if value}
        # What is at its default is left out: older daemons refuse keys that they do not know.
        if required != 1:
            payload["required"] = required
        if allow_self is not True:
            payload["allow_self"] = allow_self
        legal = legal_name(name)
        if legal != name:
            payload["x-name"] = name
        draft = make_draft("gate_pause", gate=legal, payload=payload)
        self._add([draft])
        if self._client is not None:
            return DaemonGate(self._client(), self.job, legal, draft.event_id,
                              self._delivery.flush, lambda: self._delivery.problem)
        return LocalGate(legal, payload, lambda kind, decided, message: self.emit(
            kind, gate=legal, message=message, payload=decided))

    # --- The end ---

    def complete(self, message: str = "", **payload: Any) -> None:
        self._end("job_completed", message, payload)

    def fail(self, problem: Union[str, BaseException], **payload: Any) -> None:
        if isinstance(problem, BaseException):
            payload = {**failure_payload(problem), **payload}
            problem = failure_message(problem)
        self._end("job_failed", problem, payload)

    def cancel(self, message: str = "", **payload: Any) -> None:
        self._end("job_canceled", message, payload)

    def _end(self, type: str, message: str, payload: Mapping[str, Any]) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._delivery.beat(False)
        if not self._is_part:
            self.emit(type, message=message, payload=payload)
        elif type == "job_failed":
            self.log(message or "failed", "error", **payload)
        self.close()

    def close(self) -> None:
        """Sends what it can, and stops the thread. The job goes on, as its events say."""
        self._delivery.close(self._exit_timeout)
        if self.raise_errors:
            self._raise_problem()

    def flush(self, timeout: Optional[float] = 10.0) -> bool:
        """True when all events are with the daemon, or refused. Waits `timeout` seconds at most,
        for ever with None."""
        is_sent = self._delivery.flush(timeout)
        if self.raise_errors and (not is_sent or self.refused > 0):
            self._raise_problem()
        return is_sent

    def _raise_problem(self) -> None:
        problem = self._delivery.problem
        if problem is not None:
            raise problem

    # --- What happened ---

    @property
    def dropped(self) -> int:
        """Events that neither disk nor memory had room for. They are lost."""
        return self._delivery.dropped

    @property
    def refused(self) -> int:
        """Events that the daemon does not take. They are in refused.ndjson, with the reasons."""
        return self._delivery.refused

    @property
    def canceled(self) -> bool:
        """Somebody has canceled the job. Known from the daemon's next answer, at the latest with
        the next heartbeat."""
        return self._is_canceled

    def raise_if_canceled(self) -> None:
        if self._is_canceled:
            raise CanceledError(f"job {self.job} was canceled")

    def _take_cancel(self) -> None:
        if self._is_over:
            return
        self._is_canceled = True
        if self._on_cancel is not None:
            self._on_cancel()

    def is_mine(self) -> bool:
        """False in a forked child: the job and its stages are the parent's to end."""
        return os.getpid() == self._owner

    def __enter__(self) -> "JobLogger":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], problem: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        if not self.is_mine():
            self.flush(self._exit_timeout)
        elif self._is_canceled or isinstance(problem, CanceledError):
            self._is_over = True
            self._delivery.beat(False)
            self._quietly(self.close)
        elif problem is None or (isinstance(problem, SystemExit) and not problem.code):
            self.complete()
        elif isinstance(problem, KeyboardInterrupt):
            self._quietly(lambda: self.cancel("interrupted", signal="SIGINT"))
        elif _is_canceled_task(problem):  # Ctrl-C gives it as well
            self._quietly(lambda: self.cancel("the task was canceled"))
        else:
            self._quietly(functools.partial(self.fail, problem))

    def _quietly(self, end: Callable[[], None]) -> None:
        """An error of the journal must not take the place of the program's own."""
        try:
            end()
        except StagelogError:
            pass
