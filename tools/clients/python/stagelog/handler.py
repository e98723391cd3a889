"""What a program logs already becomes events."""

from __future__ import annotations

import logging
from typing import Any, Dict

from . import process
from .logger import JobLogger
from .stage import failure_payload

_LEVELS = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"),
           (logging.WARNING, "warning"), (logging.INFO, "info"))
# Attributes of every record; what else is there came by `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def level_of(number: int) -> str:
    return next((name for least, name in _LEVELS if number >= least), "debug")


class Handler(logging.Handler):
    """`logging.getLogger().addHandler(stagelog.Handler(logger))`"""

    def __init__(self, logger: JobLogger, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        # What is logged while an event is made, or sent, would come back for ever.
        if process.is_own_work():
            return
        process.own_work.is_busy = True
        try:
            payload = self._payload(record)
            self.logger.log(self._message(record), level_of(record.levelno), **payload)
        except Exception:
            self.handleError(record)
        finally:
            process.own_work.is_busy = False

    def _message(self, record: logging.LogRecord) -> str:
        if self.formatter is not None:
            return self.format(record)
        return record.getMessage()

    def _payload(self, record: logging.LogRecord) -> Dict[str, Any]:
        payload: Dict[str, Any] = {"logger": record.name,
                                   "place": f"{record.filename}:{record.lineno}"}
        own = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        # Names that log() takes itself would not arrive in the payload.
        own = {f"extra_{key}" if key in ("message", "level", "stage", "self") else key: value
               for key, value in own.items()}
        if record.exc_info and record.exc_info[1] is not None:
            payload.update(failure_payload(record.exc_info[1]))
        if record.stack_info:
            payload["stack"] = record.stack_info
        return {**own, **payload}

    def flush(self) -> None:
        """Nothing waits here: events are on the disk. logging calls this at exit."""
