"""Events: as a program makes them, and as a journal returns them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional

from . import times
from .json_text import compact, compact_payload, text_of

LEVELS = ("debug", "info", "warning", "error", "critical")
# The daemon takes 256 KiB. What it adds (seq, hash, names) needs room too.
MAX_LINE_BYTES = 250 * 1024
_MAX_MESSAGE_CHARACTERS = 32 * 1024


@dataclass(frozen=True)
class Draft:
    """An event on its way."""

    type: str
    stage: str = ""
    gate: str = ""
    level: str = ""
    message: str = ""
    payload: str = ""  # compact JSON; empty: none
    event_id: str = ""
    occurred_at: str = ""

    @property
    def is_log(self) -> bool:
        """It may be dropped where there is no room; an event of the job's course may not."""
        return self.type == "log" or self.type == "stage_progress"

    def line(self, job: str) -> str:
        """As it stands in the spool and as it is sent, without a newline."""
        members = [("job_id", job), ("event_id", self.event_id),
                   ("occurred_at", self.occurred_at), ("type", self.type), ("stage", self.stage),
                   ("gate", self.gate), ("level", self.level), ("message", self.message)]
        text = ",".join(f'"{key}":{compact(value)}' for key, value in members if value)
        payload = f',"payload":{self.payload}' if self.payload else ""
        return "{" + text + payload + "}"


def make_draft(type: str, *, stage: str = "", gate: str = "", level: str = "", message: Any = "",
               payload: Optional[Mapping[str, Any]] = None) -> Draft:
    """A draft with an id and the present time. An event that is too large is shortened and says
    so: its message first, then its payload."""
    now = times.now_micros()
    text = text_of(message)
    encoded = compact_payload(dict(payload)) if payload else ""
    if len(encoded.encode()) + len(compact(text).encode()) > MAX_LINE_BYTES:
        notes: Dict[str, Any] = {}
        if len(text) > _MAX_MESSAGE_CHARACTERS:
            notes["shortened_message_characters"] = len(text)
            text = text[:_MAX_MESSAGE_CHARACTERS]
        if len(encoded.encode()) + len(compact(text).encode()) > MAX_LINE_BYTES:
            notes["left_out_payload_bytes"] = len(encoded.encode())
            encoded = ""
        if notes:
            encoded = compact(notes) if not encoded else encoded[:-1] + "," + compact(notes)[1:]
    return Draft(text_of(type), text_of(stage), text_of(gate), text_of(level), text, encoded,
                 times.uuid7(now), times.format_micros(now))


class Event:
    """An event of a journal. `raw` is the stored line, byte for byte; what a newer daemon adds is
    in `data`."""

    __slots__ = ("raw", "data")

    def __init__(self, raw: str, data: Optional[Dict[str, Any]] = None) -> None:
        """ValueError where `raw` is not a JSON object with a seq."""
        parsed = json.loads(raw) if data is None else data
        if not isinstance(parsed, dict) or type(parsed.get("seq")) is not int:
            raise ValueError("not an event of a journal")
        self.raw = raw
        self.data: Dict[str, Any] = parsed

    def _text(self, key: str) -> str:
        value = self.data.get(key, "")
        return value if isinstance(value, str) else ""

    @property
    def seq(self) -> int:
        seq: int = self.data["seq"]
        return seq

    @property
    def job_id(self) -> str:
        return self._text("job_id")

    @property
    def job_seq(self) -> int:
        value = self.data.get("job_seq", 0)
        return value if isinstance(value, int) else 0

    @property
    def event_id(self) -> str:
        return self._text("event_id")

    @property
    def ts(self) -> str:
        return self._text("ts")

    @property
    def occurred_at(self) -> str:
        return self._text("occurred_at")

    @property
    def type(self) -> str:
        return self._text("type")

    @property
    def stage(self) -> str:
        return self._text("stage")

    @property
    def gate(self) -> str:
        return self._text("gate")

    @property
    def attempt(self) -> Optional[int]:
        value = self.data.get("attempt")
        return value if isinstance(value, int) else None

    @property
    def status(self) -> str:
        return self._text("status")

    @property
    def level(self) -> str:
        return self._text("level")

    @property
    def message(self) -> str:
        return self._text("message")

    @property
    def payload(self) -> Dict[str, Any]:
        value = self.data.get("payload")
        return value if isinstance(value, dict) else {}

    @property
    def violations(self) -> List[str]:
        value = self.data.get("violations")
        return value if isinstance(value, list) else []

    @property
    def approval(self) -> Dict[str, int]:
        """count and required, of one of the approvals that a gate requires; else empty."""
        value = self.data.get("approval")
        return value if isinstance(value, dict) else {}

    @property
    def actor(self) -> str:
        return self._text("actor")

    @property
    def hash(self) -> str:
        return self._text("hash")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Event({self.raw})"
