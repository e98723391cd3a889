"""log_routes(): under an ASGI server of Debian, mounted in Starlette, and alone."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional, Tuple

import stagelog
from stagelog.asgi import log_routes

from .support import PATIENCE_SECONDS, ROOT, Server, TestCase, free_port, plain_answer

PLAIN = ("import stagelog.asgi\n"
         "application = stagelog.asgi.log_routes()\n")
MOUNTED = ("import stagelog.asgi\n"
           "from starlette.applications import Starlette\n"
           "from starlette.responses import PlainTextResponse\n"
           "from starlette.routing import Mount, Route\n"
           "application = Starlette(routes=[\n"
           "    Route('/', lambda request: PlainTextResponse('home')),\n"
           "    Mount('/app', app=stagelog.asgi.log_routes(prefix='/logs')),\n"
           "])\n")


def interpreter_with(*modules: str) -> Optional[str]:
    """This interpreter, or Debian's, which has packages of its own."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run(
                [python, "-c", "import " + ", ".join(modules)],
                stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


class ServerCases:
    """A real server in front of a real daemon."""

    modules: Tuple[str, ...]
    application: str
    prefix: str

    def setUp(self: Any) -> None:
        super().setUp()  # type: ignore[misc]
        python = interpreter_with(*self.modules)
        if python is None:
            self.skipTest("no " + ", ".join(self.modules))
        self.python_with_them = python
        self.daemon = self.start_daemon()
        (self.folder / "application.py").write_text(self.application)
        self.environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{self.folder}"
        self.base = self.start_server()

    def start_server(self: Any) -> str:
        """In front of STAGELOG_URL. The URL of the routes."""
        port = free_port()
        process = subprocess.Popen(
            [self.python_with_them, "-m", "uvicorn", "application:application", "--port",
             str(port)], env=self.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stderr is not None
        for line in process.stderr:
            if b"Uvicorn running" in line:
                break
        reading = threading.Thread(target=process.stderr.read)
        reading.start()

        def stop() -> None:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            reading.join()
            assert process.stderr is not None
            process.stderr.close()

        self.addCleanup(stop)
        return f"http://127.0.0.1:{port}{self.prefix}"

    def open(self: Any, path: str, **fields: str) -> Any:
        request = urllib.request.Request(self.base + path, headers=fields)
        return urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)

    def test_poll_and_stream(self: Any) -> None:
        with stagelog.JobLogger("web") as logger:
            logger.log("hello")
        with self.open("/web?after=2&limit=1") as answer:
            page = json.load(answer)
        self.assertEqual([event["message"] for event in page["events"]], ["hello"])
        with self.open("/web/stream?until=terminal") as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
            self.assertIn("no-cache", answer.headers["Cache-Control"])
            body = answer.read().decode()
        self.assertIn("event: connected", body)
        self.assertIn('"message":"hello"', body)
        self.assertIn("event: end", body)
        with self.open("/web/stream?until=terminal", **{"Last-Event-ID": "3"}) as answer:
            self.assertNotIn('"message":"hello"', answer.read().decode())

    def test_other_paths_are_not_found(self: Any) -> None:
        for path in ("", "/", "/a/b", "/web/stream/x", "/stagelog.db", "/../jobs", "/%2e%2e/x",
                     "/web/events", "/a%0d%0ab"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.open(path)
            self.assertEqual(refused.exception.code, 404, path)
            refused.exception.close()

    def test_a_client_that_leaves_ends_the_request_to_the_daemon(self: Any) -> None:
        gone = threading.Event()

        def answer(connection: socket.socket, request: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                               b"retry: 50\n\n")
            try:
                connection.recv(1)
            finally:
                gone.set()
            raise ConnectionError("it has left")

        server = Server(answer)
        self.addCleanup(server.close)
        self.environment["STAGELOG_URL"] = server.url
        self.base = self.start_server()
        answered = self.open("/left/stream")
        self.assertEqual(answered.readline(), b"retry: 50\n")
        answered.close()
        self.assertTrue(gone.wait(PATIENCE_SECONDS))

    def test_a_killed_daemon_is_no_proper_end(self: Any) -> None:
        self.daemon.request("POST", "/jobs", {"job_id": "killed"})
        answer = self.open("/killed/stream")
        self.assertTrue(answer.readline())
        self.daemon.kill()
        with self.assertRaises(Exception):
            while answer.read1(100):
                pass
            raise EOFError
        answer.close()
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.open("/killed")
        self.assertEqual(refused.exception.code, 502)
        refused.exception.close()


class UvicornTest(ServerCases, TestCase):
    modules = ("uvicorn",)
    application = PLAIN
    prefix = "/logs"


class StarletteTest(ServerCases, TestCase):
    modules = ("uvicorn", "starlette")
    application = MOUNTED
    prefix = "/app/logs"


class ApplicationTest(TestCase):
    """Without a server."""

    def call(self, path: str, url: str, method: str = "GET", token: str = "t", prefix: str = "/logs",
             **scope: Any) -> Tuple[int, Dict[bytes, bytes], bytes]:
        sent: List[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            await asyncio.sleep(PATIENCE_SECONDS)

        application = log_routes(url, token, prefix)
        asyncio.run(application({"type": "http", "method": method, "path": path, "headers": [],
                                 "query_string": b"", **scope}, receive, send))
        body = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], dict(sent[0]["headers"]), body

    def test_prefixes(self) -> None:
        server = Server(lambda connection, request: connection.sendall(
            plain_answer("200 OK", "application/json", b"{}")))
        self.addCleanup(server.close)
        for prefix, path in (("/logs", "/logs/a"), ("logs/", "/logs/a"), ("", "/a"), ("/", "/a"),
                             ("/x/y", "/x/y/a")):
            self.assertEqual(self.call(path, server.url, prefix=prefix)[0], 200, prefix)
        # Some frameworks leave the place where it is mounted in the path.
        self.assertEqual(self.call("/app/logs/a", server.url, root_path="/app")[0], 200)
        self.assertEqual(self.call("/logs/a", server.url, root_path="/app")[0], 200)
        self.assertEqual(self.call("/logsa/a", server.url)[0], 404)
        self.assertEqual(self.call("/logs/a", server.url, method="POST")[0], 405)

    def test_the_token_stays_here(self) -> None:
        requests: List[bytes] = []

        def answer(connection: socket.socket, request: bytes) -> None:
            requests.append(request)
            connection.sendall(plain_answer("401 Unauthorized", "application/problem+json",
                                            b'{"code":"invalid_token"}', "Set-Cookie: a=b"))

        server = Server(answer)
        self.addCleanup(server.close)
        status, fields, body = self.call(
            "/logs/a", server.url, token="secret",
            headers=[(b"authorization", b"Bearer mine"), (b"cookie", b"x=y"),
                     (b"last-event-id", b"7")])
        self.assertIn(b"Authorization: Bearer secret", requests[0])
        self.assertIn(b"last-event-id: 7", requests[0])
        self.assertNotIn(b"mine", requests[0])
        self.assertNotIn(b"x=y", requests[0])
        self.assertEqual(status, 502)  # not the client's fault, nor a reason to sign in again
        self.assertNotIn(b"secret", body)
        self.assertNotIn(b"set-cookie", fields)

    def test_lifespan(self) -> None:
        incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: List[str] = []

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        asyncio.run(log_routes("http://127.0.0.1:1", "t")({"type": "lifespan"}, receive, send))
        self.assertEqual(sent, ["lifespan.startup.complete", "lifespan.shutdown.complete"])
