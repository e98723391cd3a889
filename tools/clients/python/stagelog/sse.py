"""Server-Sent Events as they come over a connection: the parser of the WHATWG HTML standard,
section 9.2.6 "Interpreting an event stream". Bytes in, frames out."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional

# Much larger than any frame of a daemon: a sender of more without an end is not a daemon.
MAX_FRAME_BYTES = 16 << 20
_END_OF_LINE = re.compile(rb"\r\n|\n|\r")


class FrameTooLarge(ValueError):
    pass


class Frame(NamedTuple):
    """What the standard dispatches as one event."""

    event: str  # empty for an unnamed frame
    data: str
    id: Optional[str]  # of this frame itself; None when it had no `id` field


class SseParser:
    """Reads one connection. An incomplete frame at its end is discarded, as the standard
    requires."""

    def __init__(self) -> None:
        self.retry_ms: Optional[int] = None  # the last `retry:` field
        self._rest: List[bytes] = []  # of a line whose end has not come
        self._rest_bytes = 0
        self._after_return = False
        self._is_first_line = True
        self._data: List[bytes] = []
        self._data_bytes = 0
        self._event = b""
        self._id: Optional[bytes] = None

    def feed(self, content: bytes) -> List[Frame]:
        """`content` may be cut anywhere. FrameTooLarge when a frame is."""
        if self._after_return and content:
            self._after_return = False
            if content.startswith(b"\n"):  # it belongs to the same end of line
                content = content[1:]
        frames: List[Frame] = []
        lines = _END_OF_LINE.split(content)
        if len(lines) > 1:
            self._after_return = content.endswith(b"\r")
            self._rest.append(lines[0])
            lines[0] = b"".join(self._rest)
            self._rest.clear()
            self._rest_bytes = 0
            for line in lines[:-1]:
                self._end_line(line, frames)
        if lines[-1]:
            self._rest.append(lines[-1])
            self._rest_bytes += len(lines[-1])
        if self._rest_bytes + self._data_bytes > MAX_FRAME_BYTES:
            raise FrameTooLarge(f"a frame of more than {MAX_FRAME_BYTES} bytes")
        return frames

    def _end_line(self, line: bytes, frames: List[Frame]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            if line.startswith(b"\xef\xbb\xbf"):
                line = line[3:]
        if not line:
            self._dispatch(frames)
            return
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if b"\0" not in value:
                self._id = value
        elif name == b"retry" and value.isdigit() and len(value) <= 15:
            self.retry_ms = int(value)

    def _dispatch(self, frames: List[Frame]) -> None:
        if self._data:
            data = b"\n".join(self._data).decode("utf-8", "replace")
            id = None if self._id is None else self._id.decode("utf-8", "replace")
            frames.append(Frame(self._event.decode("utf-8", "replace"), data, id))
        self._data, self._data_bytes, self._event, self._id = [], 0, b"", None
