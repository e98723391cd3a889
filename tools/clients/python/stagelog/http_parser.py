"""An HTTP/1.1 answer as it comes over a connection (RFC 9112). Bytes in, body out; may be cut
anywhere."""

from __future__ import annotations

from typing import Dict, List, Optional

_MAX_HEAD_BYTES = 64 << 10
_MAX_CHUNK_HEAD_BYTES = 4096


class BadAnswer(ValueError):
    """The bytes are no HTTP, or end too early."""


class AnswerParser:
    def __init__(self) -> None:
        self.status = 0  # until the head is complete
        self.headers: Dict[str, str] = {}  # names in lower case
        self.is_complete = False
        self._rest = b""
        self._is_chunked = False
        self._left: Optional[int] = None  # of the body, or of the chunk; None: to the end
        self._is_in_trailer = False

    def feed(self, content: bytes) -> bytes:
        """What it adds to the body. b"" is the end of the connection: BadAnswer where the answer
        is not complete by then."""
        if self.is_complete:
            return b""
        if not content:
            return self._end()
        if self._rest:
            content = self._rest + content
            self._rest = b""
        if self.status == 0:
            content = self._take_head(content)
            if self.status == 0 or self.is_complete:
                return b""
        return self._take_chunks(content) if self._is_chunked else self._take_plain(content)

    def _end(self) -> bytes:
        is_whole = self.status != 0 and not self._is_chunked and self._left is None
        if not is_whole:
            raise BadAnswer("the connection was closed in the middle of an answer")
        self.is_complete = True
        return b""

    def _take_head(self, content: bytes) -> bytes:
        while True:
            end = content.find(b"\r\n\r\n")
            if end < 0:
                if len(content) > _MAX_HEAD_BYTES:
                    raise BadAnswer("the head of the answer does not end")
                self._rest = content
                return b""
            self._read_head(content[:end])
            content = content[end + 4:]
            if self.status >= 200:
                return content
            self.status = 0  # 100 Continue: another head follows
            self.headers.clear()

    def _read_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        if not parts[0].startswith("HTTP/1.") or len(parts) < 2 or not parts[1].isdigit():
            raise BadAnswer("the answer is no HTTP/1")
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.status = int(parts[1])
        self._is_chunked = self.headers.get("transfer-encoding", "").lower().endswith("chunked")
        length = self.headers.get("content-length")
        if self.status in (204, 304):
            self.is_complete = True
        elif self._is_chunked:
            self._left = 0
        elif length is not None:
            if not length.isdigit():
                raise BadAnswer("Content-Length is no number")
            self._left = int(length)
            self.is_complete = self._left == 0

    def _take_plain(self, content: bytes) -> bytes:
        if self._left is None:
            return content
        body = content[:self._left]
        self._left -= len(body)
        self.is_complete = self._left == 0
        return body

    def _take_chunks(self, content: bytes) -> bytes:
        body: List[bytes] = []
        at, size = 0, len(content)
        left = self._left or 0  # of the chunk, with the line end behind it
        while at < size and not self.is_complete:
            if left > 2:
                part = content[at:at + left - 2]
                body.append(part)
                at += len(part)
                left -= len(part)
            elif left > 0:  # the line end
                step = min(left, size - at)
                at += step
                left -= step
            else:
                end = content.find(b"\r\n", at)
                if end < 0:
                    if size - at > _MAX_CHUNK_HEAD_BYTES:
                        raise BadAnswer("the head of a chunk does not end")
                    self._rest = content[at:]
                    break
                left = self._take_chunk_head(content[at:end])
                at = end + 2
        self._left = left
        return b"".join(body)

    def _take_chunk_head(self, line: bytes) -> int:
        """The size of the chunk with its line end; 0 for what has no content."""
        if self._is_in_trailer:
            self.is_complete = not line
            return 0
        try:
            length = int(line.split(b";", 1)[0].strip(), 16)
        except ValueError:
            raise BadAnswer("the size of a chunk is no number") from None
        if length < 0:
            raise BadAnswer("the size of a chunk is negative")
        self._is_in_trailer = length == 0
        return length + 2 if length > 0 else 0


def request_head(method: str, target: str, fields: "dict[str, str]") -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
