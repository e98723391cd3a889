"""Requests to one daemon over one connection that is kept."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Union

from .errors import AuthError, RefusedError, StagelogError, UnreachableError
from .json_text import object_of
from .settings import Settings

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# More than any page of events that is asked for: who sends more is no daemon.
MAX_ANSWER_BYTES = 256 << 20
_READ_BYTES = 64 << 10
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Dict[str, Any]:
        return object_of(self.body)

    @property
    def retry_after(self) -> Optional[float]:
        """Seconds, where the head asks for them."""
        text = self.headers.get("retry-after", "")
        return min(float(text), 3600.0) if text.isascii() and text.isdigit() else None


def error_of(answer: Answer, url: str) -> StagelogError:
    """The error that an answer stands for which is not 2xx."""
    problem = answer.json()
    code = str(problem.get("code", ""))
    detail = str(problem.get("detail") or problem.get("title") or "")
    if not code:
        return UnreachableError(f"{url} answers {answer.status}, but not like a stagelog daemon")
    if answer.status in (401, 403):
        return AuthError(f"{detail} ({answer.status} {code}); check the token", answer.status,
                         code)
    if answer.status >= 500:
        return UnreachableError(f"{url} answers {answer.status}: {detail}")
    field = problem.get("field")
    return RefusedError(code, detail, field if isinstance(field, str) else None, answer.status)


def job_target(job: str) -> str:
    return "/api/v1/jobs/" + quote(job)


def quote(text: str) -> str:
    return urllib.parse.quote(text, safe="")


@dataclass(frozen=True)
class Address:
    """Where to connect, and what stands in front of every target."""

    host: str
    port: int
    is_tls: bool
    prefix: str
    host_field: str

    @staticmethod
    def of(url: str) -> "Address":
        """ValueError for a port that is none."""
        parts = urllib.parse.urlsplit(url)
        is_tls = parts.scheme == "https"
        return Address(parts.hostname or "", parts.port or (443 if is_tls else 80), is_tls,
                       parts.path, parts.netloc)


def head_fields(settings: Settings, fields: Mapping[str, str]) -> Dict[str, str]:
    return {"Authorization": "Bearer " + settings.token, "User-Agent": "stagelog-python",
            **fields}


def unreachable(url: str, problem: BaseException) -> UnreachableError:
    is_silence = isinstance(problem, TimeoutError)  # on Python 3.9 socket.timeout is another one
    is_silence = is_silence or type(problem).__name__ == "timeout"
    return UnreachableError(f"no daemon at {url}: {str(problem) or type(problem).__name__}",
                            is_silence)


def _content_of(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The whole body. In small reads, for Python 3.9 fills a buffer of the size asked for; each
    gives what is there, so that a body that comes byte by byte ends in time."""
    parts, size = [], 0
    while True:
        part = response.read1(_READ_BYTES)
        if not part:
            break
        if time.monotonic() > deadline:
            raise TimeoutError("the answer does not end in time")
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise http.client.HTTPException("the answer does not end")
        parts.append(part)
    content = b"".join(parts)
    if response.length:  # read() with a size does not report an early end
        raise http.client.IncompleteRead(content, response.length)
    return content


# What connections and answers fail with. ValueError: http.client's for a length that is no number.
TRANSPORT_PROBLEMS = (OSError, http.client.HTTPException, ValueError)


class HttpClient:
    """One thread at a time."""

    def __init__(self, settings: Settings, context: Optional[ssl.SSLContext] = None) -> None:
        self.settings = settings
        self.address = Address.of(settings.url)
        self._context = context
        self._connection: Optional[http.client.HTTPConnection] = None

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """A new connection of the caller's own."""
        address, seconds = self.address, min(seconds, CONNECT_SECONDS)
        connection: Union[http.client.HTTPConnection, http.client.HTTPSConnection]
        if address.is_tls:
            if self._context is None:
                self._context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(address.host, address.port, timeout=seconds,
                                                     context=self._context)
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
        try:
            connection.connect()
        except TRANSPORT_PROBLEMS as problem:
            connection.close()
            raise unreachable(self.settings.url, problem) from problem
        return connection

    def get(self, target: str, seconds: float = ANSWER_SECONDS,
            fields: Optional[Mapping[str, str]] = None) -> Answer:
        return self._request("GET", target, b"", dict(fields or {}), seconds)

    def post(self, target: str, body: bytes, content_type: str = "application/json",
             seconds: float = ANSWER_SECONDS, key: str = "") -> Answer:
        """The body must be one that may arrive twice, or have an idempotency key."""
        fields = {"Content-Type": content_type}
        if key:
            fields["Idempotency-Key"] = f'"{key}"'
        return self._request("POST", target, body, fields, seconds)

    def _request(self, method: str, target: str, body: bytes, fields: Dict[str, str],
                 seconds: float) -> Answer:
        """UnreachableError where no answer comes."""
        is_kept = self._connection is not None
        try:
            return self._exchange(method, target, body, fields, seconds)
        except TRANSPORT_PROBLEMS as problem:
            self.close()
            failed = unreachable(self.settings.url, problem)
            # A kept connection may be one that a restarted daemon no longer has.
            if not is_kept or failed.is_silence:
                raise failed from problem
        try:
            return self._exchange(method, target, body, fields, seconds)
        except TRANSPORT_PROBLEMS as problem:
            self.close()
            raise unreachable(self.settings.url, problem) from problem

    def _exchange(self, method: str, target: str, body: bytes, fields: Dict[str, str],
                  seconds: float) -> Answer:
        if self._connection is None:
            self._connection = self.connect(seconds)
        connection = self._connection
        assert connection.sock is not None
        deadline = time.monotonic() + seconds
        connection.sock.settimeout(seconds)
        connection.request(method, self.address.prefix + target, body or None,
                           head_fields(self.settings, fields))
        response = connection.getresponse()
        content = _content_of(response, deadline)
        headers = {name.lower(): value for name, value in response.getheaders()}
        if not response.isclosed() or connection.sock is None:  # too long, or not to be kept
            self.close()
        return Answer(response.status, headers, content)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abandon(self) -> "HttpClient":
        """In a forked child: closes the child's copy of the connection, whose other end belongs
        to the parent, and returns a client of the child's own."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            fd = connection.sock.detach()
            if fd >= 0:
                os.close(fd)
        # A thread that no longer exists may have held the lock of one of its buffers. Nobody
        # must wait for that lock, not even to destroy them.
        _abandoned.append(self)
        return HttpClient(self.settings, self._context)


_abandoned: List[HttpClient] = []
