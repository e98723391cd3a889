"""astream_events(): the steps of a Follower carried out with asyncio streams."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any, AsyncGenerator, Awaitable, Mapping, Optional, TypeVar

from .errors import UnreachableError
from .event import Event
from .follow import Follower
from .follow_request import FollowRequest, Words, make_request
from .follow_steps import Deliver, Fetch, Open, Read, Sleep, Step, Tell
from .http_client import (CONNECT_SECONDS, MAX_ANSWER_BYTES, TRANSPORT_PROBLEMS, Address, Answer,
                          head_fields, unreachable)
from .http_parser import AnswerParser, BadAnswer, request_head
from .settings import FROM_ENVIRONMENT, GivenUrl, Settings, load_settings
from .stream import READ_BYTES, OnStatus

_Result = TypeVar("_Result")


def astream_events(url: GivenUrl = FROM_ENVIRONMENT, token: Optional[str] = None,
                   job: Optional[str] = None, after: Optional[int] = None, *, since: str = "",
                   type: Words = (), stage: Words = (), level: Words = (), jobs: Words = (),
                   q: str = "", until_terminal: bool = False, wait_at_start: bool = False,
                   on_status: Optional[OnStatus] = None,
                   silence_seconds: Optional[float] = None, stream_retry_seconds: float = 30.0,
                   ssl_context: Optional[ssl.SSLContext] = None
                   ) -> AsyncGenerator[Event, None]:
    """stream_events() for asyncio: the same arguments, the same events."""
    settings = load_settings(url, token)
    request = make_request(job, after, since, type, stage, level, jobs, q, until_terminal,
                           wait_at_start, silence_seconds, stream_retry_seconds)
    return _events(settings, request, on_status, ssl_context)


async def _events(settings: Settings, request: FollowRequest, on_status: Optional[OnStatus],
                  context: Optional[ssl.SSLContext]) -> AsyncGenerator[Event, None]:
    steps = Follower(request, settings.url).run()
    transport = _Transport(settings, context)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Deliver):
                for event in step.events:
                    yield event
                step = steps.send(None)
            elif isinstance(step, Tell):
                if on_status is not None:
                    on_status(step.status)
                step = steps.send(None)
            else:
                try:
                    result = await transport.carry_out(step)
                except UnreachableError as problem:
                    step = steps.throw(problem)
                else:
                    step = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()
        transport.close()


class AsyncConnection:
    """One request, and its answer as it comes."""

    def __init__(self, settings: Settings, context: Optional[ssl.SSLContext] = None) -> None:
        self._settings = settings
        self._context = context
        self._address = Address.of(settings.url)
        self._reader: Optional[asyncio.StreamReader] = None
        self._writer: Optional[asyncio.StreamWriter] = None
        self._parser = AnswerParser()
        self._body = b""  # that came with the head

    async def open(self, target: str, fields: Mapping[str, str], seconds: float) -> Answer:
        """Sends a GET and returns the head of its answer. UnreachableError."""
        return await self._within(seconds, self._open(target, fields))

    async def _open(self, target: str, fields: Mapping[str, str]) -> Answer:
        address = self._address
        context = self._context
        if address.is_tls and context is None:
            context = ssl.create_default_context()
        connecting = asyncio.open_connection(address.host, address.port,
                                             ssl=context if address.is_tls else None,
                                             limit=READ_BYTES)
        reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        self._reader, self._writer = reader, writer
        all_fields = {"Host": address.host_field, **head_fields(self._settings, fields)}
        writer.write(request_head("GET", address.prefix + target, all_fields))
        await writer.drain()
        while self._parser.status == 0:
            self._body = self._parser.feed(await reader.read(READ_BYTES))
        return Answer(self._parser.status, self._parser.headers, b"")

    async def read(self, seconds: float) -> bytes:
        """The next bytes of the body; b"" at its proper end. UnreachableError."""
        return await self._within(seconds, self._read())

    async def _read(self) -> bytes:
        assert self._reader is not None
        body, self._body = self._body, b""
        while not body and not self._parser.is_complete:
            body = self._parser.feed(await self._reader.read(READ_BYTES))
        return body

    async def read_all(self, seconds: float) -> bytes:
        return await self._within(seconds, self._read_all())

    async def _read_all(self) -> bytes:
        parts, size = [await self._read()], 0
        while parts[-1]:
            size += len(parts[-1])
            if size > MAX_ANSWER_BYTES:
                raise BadAnswer("the answer does not end")
            parts.append(await self._read())
        return b"".join(parts)

    async def _within(self, seconds: float, work: Awaitable[_Result]) -> _Result:
        try:
            return await asyncio.wait_for(work, max(seconds, 0.001))
        except asyncio.TimeoutError as problem:
            raise UnreachableError(f"no daemon at {self._settings.url}: timed out",
                                   is_silence=True) from problem
        except TRANSPORT_PROBLEMS as problem:
            raise unreachable(self._settings.url, problem) from problem

    def close(self) -> None:
        if self._writer is not None:
            # Without waiting: what is to be closed may no longer answer.
            self._writer.transport.abort()
            self._writer = None


class _Transport:
    def __init__(self, settings: Settings, context: Optional[ssl.SSLContext]) -> None:
        self._settings = settings
        self._context = context
        self._stream: Optional[AsyncConnection] = None

    async def carry_out(self, step: Step) -> Any:
        if isinstance(step, Read):
            assert self._stream is not None
            return await self._stream.read(step.seconds)
        self.close()
        if isinstance(step, Open):
            self._stream = AsyncConnection(self._settings, self._context)
            return await self._stream.open(step.target, step.fields, step.seconds)
        if isinstance(step, Fetch):
            return await self._fetch(step)
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
        return None

    async def _fetch(self, step: Fetch) -> Answer:
        connection = AsyncConnection(self._settings, self._context)
        deadline = time.monotonic() + step.seconds
        try:
            fields = {"Accept": "application/x-ndjson", "Connection": "close"}
            head = await connection.open(step.target, fields, step.seconds)
            body = await connection.read_all(deadline - time.monotonic())
        finally:
            connection.close()
        return Answer(head.status, head.headers, body)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
