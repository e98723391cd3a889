"""Real daemons, and things that stand between them and a client."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "default-admin-token-change-me"
# What nothing in these tests needs; it ends a test that would hang.
PATIENCE_SECONDS = 30.0


def program(variable: str, name: str) -> str:
    path = os.environ.get(variable) or str(ROOT.parents[2] / "build" / "bin" / name)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"no {name}: set {variable} or build it")
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Daemon:
    """stagelogd with a runs folder and a port that survive kill() and start()."""

    def __init__(self, folder: Path, configuration: str = "") -> None:
        self.runs = folder / "runs"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "daemon.log"
        self._command = [program("STAGELOG_DAEMON", "stagelogd"), "--port", str(self.port),
                         "--runs-dir", str(self.runs)]
        if configuration:
            path = folder / "stagelogd.yaml"
            path.write_text(configuration)
            self._command += ["--config", str(path)]
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self.start()

    def start(self) -> None:
        reader, writer = os.pipe()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as lines:
            for line in lines:
                if b"serving http" in line:
                    break
            else:
                self.kill()
                raise RuntimeError(f"the daemon did not start; see {self._log}")
            # Somebody has to take what it says later.
            rest = os.dup(lines.fileno())
        threading.Thread(target=_drain, args=(rest,), daemon=True).start()

    def kill(self) -> None:
        """As kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def request(self, method: str, target: str, body: Any = None,
                content_type: str = "application/json", token: str = TOKEN) -> Any:
        content = body if isinstance(body, bytes) else (
            None if body is None else json.dumps(body).encode())
        request = urllib.request.Request(
            self.url + "/api/v1" + target, content, method=method,
            headers={"Authorization": "Bearer " + token, "Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def events(self, job: str) -> List[Dict[str, Any]]:
        events: List[Dict[str, Any]] = []
        after = 0
        while True:
            page = self.request("GET", f"/jobs/{job}/events?after={after}&limit=10000")
            events += page["events"]
            after = page["next_after"]
            if not page["has_more"]:
                return events

    def post_logs(self, job: str, messages: List[str]) -> None:
        lines = "".join(json.dumps({"type": "log", "message": message}) + "\n"
                        for message in messages)
        self.request("POST", f"/jobs/{job}/events", lines.encode(), "application/x-ndjson")


def _drain(fd: int) -> None:
    with os.fdopen(fd, "rb") as lines:
        for _ in lines:
            pass


class TestCase(unittest.TestCase):
    """With a folder, and a home, of its own."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="stagelog-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "state"
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("STAGELOG_", "XDG_"))}
        self.environment.update(HOME=str(self.folder), XDG_STATE_HOME=str(self.state),
                                PYTHONPATH=str(ROOT), TMPDIR=str(self.folder),
                                # Since 3.12 Python warns of every fork of a process with threads.
                                PYTHONWARNINGS="ignore::DeprecationWarning")
        before = dict(os.environ)
        programs = {key: before[key] for key in ("STAGELOG_DAEMON", "STAGELOG_CLI")
                    if key in before}
        os.environ.clear()
        os.environ.update({**self.environment, **programs})
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)

    def start_daemon(self, configuration: str = "") -> Daemon:
        daemon = Daemon(self.folder, configuration)
        self.addCleanup(daemon.kill)
        os.environ["STAGELOG_URL"] = self.environment["STAGELOG_URL"] = daemon.url
        return daemon

    def spool(self, job: str) -> Path:
        return self.state / "stagelog" / "spool" / job

    def command_line(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program("STAGELOG_CLI", "stagelog"), *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment, timeout=PATIENCE_SECONDS)

    def python(self, script: str, *arguments: str,
               **options: Any) -> "subprocess.CompletedProcess[str]":
        import sys
        return subprocess.run([sys.executable, "-c", script, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment, timeout=PATIENCE_SECONDS, **options)

    def assert_each_once(self, events: List[Any], messages: List[str]) -> None:
        """The messages of log events, each exactly once and in order."""
        found = [event["message"] for event in events if event["type"] == "log"]
        self.assertEqual(found, messages)


class Server:
    """Answers each connection, on a thread of its own, with what `answer` does."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads: List[str] = []  # first lines of requests
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while True:
                    request = read_request(connection)
                    if not request:
                        return
                    self.heads.append(request.split(b"\r\n", 1)[0].decode("latin-1"))
                    self._answer(connection, request)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def read_request(connection: socket.socket) -> bytes:
    """With its body; empty at the end of the connection."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    match = re.search(rb"(?i)content-length: (\d+)", head)
    left = (int(match.group(1)) if match else 0) - len(body)
    while left > 0:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
        left -= len(part)
    return request


def plain_answer(status: str, content_type: str, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


class BufferingProxy(Server):
    """In front of a daemon. While `buffers` is set, nothing of a stream comes through, as with a
    proxy that waits for its end."""

    def __init__(self, daemon_port: int) -> None:
        self.buffers = threading.Event()
        self.buffers.set()
        self._daemon_port = daemon_port
        super().__init__(self._forward)

    def _forward(self, connection: socket.socket, request: bytes) -> None:
        request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        is_stream = b"/events/stream" in request.split(b"\r\n", 1)[0]
        with socket.create_connection(("127.0.0.1", self._daemon_port)) as upstream:
            upstream.sendall(request)
            while True:
                part = upstream.recv(65536)
                if not part:
                    break
                if is_stream and self.buffers.is_set():
                    continue  # a stream does not end, so what waits for its end does not come
                connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionError("one request per connection")
