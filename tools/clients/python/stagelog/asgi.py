"""Routes for a web framework: a job's events under any prefix, while the token stays here.

    GET /logs/render-42/stream   Server-Sent Events, for an EventSource
    GET /logs/render-42          a poll

Any ASGI server runs the application, and any ASGI framework mounts it. It asks no one who they
are: put it behind the login of your own."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Coroutine, Dict, List, MutableMapping, Optional, Tuple

from .astream import AsyncConnection
from .errors import UnreachableError
from .http_client import ANSWER_SECONDS, job_target
from .json_text import compact
from .names import is_job_id
from .settings import FROM_ENVIRONMENT, GivenUrl, load_settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

_TO_DAEMON = (b"last-event-id", b"accept", b"accept-encoding")
_TO_CLIENT = ("content-type", "cache-control", "content-encoding", "x-accel-buffering",
              "retry-after")
_STREAM_SILENCE_SECONDS = 30.0  # several heartbeats
_LONGEST_WAIT_SECONDS = 60.0  # of a poll with `wait=`


def log_routes(url: GivenUrl = FROM_ENVIRONMENT, token: Optional[str] = None,
               prefix: str = "/logs") -> Application:
    settings = load_settings(url, token)
    prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1000})
        found = _target(_path(scope), prefix)
        if found is None:
            return await _problem(send, 404, "not_found", "there is nothing here")
        if scope["method"] != "GET":
            return await _problem(send, 405, "method_not_allowed", "only GET")
        target, is_stream = found
        query = scope.get("query_string", b"").decode("latin-1")
        fields = {name.decode("latin-1"): value.decode("latin-1")
                  for name, value in scope["headers"] if name in _TO_DAEMON}
        connection = AsyncConnection(settings)
        sending = asyncio.ensure_future(_forward(
            connection, target + ("?" + query if query else ""), fields, send, is_stream))
        leaving = asyncio.ensure_future(_client_has_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also where the server cancels this: nothing of it stays with the daemon.
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            connection.close()

    return application


def _path(scope: Scope) -> str:
    """As seen from where the application is mounted. Some servers leave root_path in the path."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root):] if root and path.startswith(root + "/") else path


def _target(path: str, prefix: str) -> Optional[Tuple[str, bool]]:
    if not path.startswith(prefix + "/"):
        return None
    job, slash, rest = path[len(prefix) + 1:].partition("/")
    if not is_job_id(job) or (slash and rest != "stream"):
        return None
    return job_target(job) + "/events" + ("/stream" if slash else ""), bool(slash)


async def _forward(connection: AsyncConnection, target: str, fields: Dict[str, str], send: Send,
                   is_stream: bool) -> None:
    is_started = False
    seconds = _STREAM_SILENCE_SECONDS if is_stream else ANSWER_SECONDS + _LONGEST_WAIT_SECONDS
    try:
        head = await connection.open(target, fields, seconds)
        kept: List[Tuple[bytes, bytes]] = [
            (name.encode(), head.headers[name].encode("latin-1"))
            for name in _TO_CLIENT + _stagelog_fields(head.headers) if name in head.headers]
        # A token that the daemon does not take is this server's fault, not the client's.
        if head.status in (401, 403):
            return await _problem(send, 502, "bad_gateway", "the journal does not take the token")
        await send({"type": "http.response.start", "status": head.status, "headers": kept})
        is_started = True
        while True:
            content = await connection.read(seconds)
            await send({"type": "http.response.body", "body": content,
                        "more_body": bool(content)})
            if not content:
                return
    except UnreachableError as problem:
        if not is_started:
            await _problem(send, 502, "bad_gateway", str(problem))
        # Else the body has no proper end: the client sees a broken connection, and reconnects.


def _stagelog_fields(headers: "Any") -> Tuple[str, ...]:
    return tuple(name for name in headers if name.startswith("stagelog-"))


async def _client_has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _problem(send: Send, status: int, code: str, detail: str) -> None:
    body = compact({"status": status, "code": code, "detail": detail}).encode()
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", b"application/problem+json"),
                            (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
