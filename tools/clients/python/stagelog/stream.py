"""stream_events(): the steps of a Follower carried out with sockets."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any, Callable, Generator, Optional

from .errors import UnreachableError
from .event import Event
from .follow import Follower
from .follow_request import FollowRequest, Words, make_request
from .follow_steps import Deliver, Fetch, Open, Read, Sleep, Status, Step, Tell
from .http_client import (TRANSPORT_PROBLEMS, Answer, HttpClient, head_fields, unreachable)
from .http_parser import AnswerParser, request_head
from .settings import FROM_ENVIRONMENT, GivenUrl, Settings, load_settings

READ_BYTES = 256 << 10
OnStatus = Callable[[Status], None]


def stream_events(url: GivenUrl = FROM_ENVIRONMENT, token: Optional[str] = None,
                  job: Optional[str] = None, after: Optional[int] = None, *, since: str = "",
                  type: Words = (), stage: Words = (), level: Words = (), jobs: Words = (),
                  q: str = "", until_terminal: bool = False, wait_at_start: bool = False,
                  on_status: Optional[OnStatus] = None,
                  silence_seconds: Optional[float] = None, stream_retry_seconds: float = 30.0,
                  ssl_context: Optional[ssl.SSLContext] = None
                  ) -> Generator[Event, None, None]:
    """Each event once and in order, for ever, or until the job is over with `until_terminal`.

    Starts behind the cursor `after` (a seq), else at `since` (a time, "10m", "all" or "now"), else
    at a job's first event; of all jobs, now. Reconnects by itself. `on_status` is told how it is
    doing, and of gaps. Raises UnreachableError where there is no daemon at the start (unless
    `wait_at_start`), AuthError, and RefusedError for a request that cannot be.

    A stream in which nothing comes for `silence_seconds` (left out: for two heartbeats) is
    considered dead. Where streams do not come through it polls, and tries them again after
    `stream_retry_seconds`."""
    settings = load_settings(url, token)
    request = make_request(job, after, since, type, stage, level, jobs, q, until_terminal,
                           wait_at_start, silence_seconds, stream_retry_seconds)
    return _events(settings, request, on_status, ssl_context)


def _events(settings: Settings, request: FollowRequest, on_status: Optional[OnStatus],
            context: Optional[ssl.SSLContext]) -> Generator[Event, None, None]:
    steps = Follower(request, settings.url).run()
    transport = _Transport(settings, context)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Deliver):
                yield from step.events
                step = steps.send(None)
            elif isinstance(step, Tell):
                if on_status is not None:
                    on_status(step.status)
                step = steps.send(None)
            else:
                try:
                    result = transport.carry_out(step)
                except UnreachableError as problem:
                    step = steps.throw(problem)
                else:
                    step = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()
        transport.close()


class _Transport:
    def __init__(self, settings: Settings, context: Optional[ssl.SSLContext]) -> None:
        self._settings = settings
        self._client = HttpClient(settings, context)
        self._socket: Optional[socket.socket] = None
        self._parser = AnswerParser()
        self._body = b""  # that came with the head

    def carry_out(self, step: Step) -> Any:
        if isinstance(step, Read):
            return self._read(step.seconds)
        self._close_stream()
        if isinstance(step, Open):
            return self._open(step)
        if isinstance(step, Fetch):
            return self._client.get(step.target, step.seconds,
                                    {"Accept": "application/x-ndjson"})
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
        return None

    def _open(self, step: Open) -> Answer:
        connection = self._client.connect(step.seconds)
        self._socket, self._parser = connection.sock, AnswerParser()
        fields = {"Host": self._client.address.host_field,
                  **head_fields(self._settings, step.fields)}
        head = request_head("GET", self._client.address.prefix + step.target, fields)
        deadline = time.monotonic() + step.seconds
        try:
            self._socket.sendall(head)
            while self._parser.status == 0:
                self._body = self._receive(deadline - time.monotonic())
        except TRANSPORT_PROBLEMS as problem:
            raise unreachable(self._settings.url, problem) from problem
        return Answer(self._parser.status, self._parser.headers, b"")

    def _receive(self, seconds: float) -> bytes:
        assert self._socket is not None
        self._socket.settimeout(max(seconds, 0.001))
        return self._parser.feed(self._socket.recv(READ_BYTES))

    def _read(self, seconds: float) -> bytes:
        body, self._body = self._body, b""
        deadline = time.monotonic() + seconds
        try:
            # A part of a chunk's head adds nothing to the body.
            while not body and not self._parser.is_complete:
                body = self._receive(deadline - time.monotonic())
        except TRANSPORT_PROBLEMS as problem:
            raise unreachable(self._settings.url, problem) from problem
        return body

    def _close_stream(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        self._close_stream()
        self._client.close()
