"""stagelog: an event journal for pipelines. See README.md."""

from .astream import astream_events
from .errors import (AuthError, CanceledError, DroppedError, RefusedError, SpoolError,
                     StagelogError, UnreachableError)
from .event import Event
from .follow_steps import Status
from .gate import Approval, Decision, Gate
from .handler import Handler
from .logger import JobLogger
from .stage import Stage
from .stream import stream_events

__version__ = "0.1.0"
__all__ = ["Approval", "AuthError", "CanceledError", "Decision", "DroppedError", "Event", "Gate",
           "Handler", "JobLogger", "RefusedError", "SpoolError", "Stage", "StagelogError", "Status",
           "UnreachableError", "astream_events", "stream_events"]
