"""stream_events() and astream_events(): each event once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
import unittest
from typing import Any, Callable, List
from unittest import mock

import stagelog

from .support import (PATIENCE_SECONDS, BufferingProxy, Server, TestCase, free_port,
                      plain_answer)

HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")


def chunk(text: "str | bytes") -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return b"%x\r\n%s\r\n" % (len(content), content)


def connected(head_seq: int = 0, after: int = 0, seconds: int = 5) -> str:
    return (f"retry: 50\nid: {after}\nevent: connected\n"
            f'data: {{"journal_id":"j1","head_seq":{head_seq},"resumed_after":{after},'
            f'"heartbeat_seconds":{seconds}}}\n\n')


def frame(seq: int, **more: Any) -> str:
    event = {"seq": seq, "job_id": "j", "job_seq": seq, "type": "log", "message": f"m{seq}",
             **more}
    return f"id: {seq}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"


END = 'event: end\ndata: {"reason":"terminal"}\n\n'


class Script:
    """A server that plays a daemon: streams by script, one entry a connection; no event to
    poll."""

    def __init__(self, *streams: bytes, page: bytes = b"", next_after: int = 0,
                 holds: bool = False) -> None:
        self._streams = list(streams)
        self._page = plain_answer("200 OK", "application/x-ndjson", page,
                                  f"Stagelog-Next-After: {next_after}",
                                  "Stagelog-Has-More: false")
        self._holds = holds
        self.server = Server(self._answer)
        self.url = self.server.url

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        if b"/events/stream" not in request.split(b"\r\n", 1)[0]:
            connection.sendall(self._page)
            return
        stream = self._streams.pop(0) if len(self._streams) > 1 else self._streams[0]
        connection.sendall(stream)
        if self._holds:
            connection.recv(1)  # until the client leaves
        raise ConnectionError("the script is over")

    def streams(self) -> List[str]:
        return [head for head in self.server.heads if "/events/stream" in head]


class StreamCases:
    """What both must do. `collect` runs to the end of the stream, or to `enough` events."""

    collect: Callable[..., List[Any]]

    def setUp(self: Any) -> None:
        super().setUp()  # type: ignore[misc]
        patch = mock.patch("stagelog.backoff.Backoff.next", return_value=0.05)
        patch.start()
        self.addCleanup(patch.stop)

    # --- A real daemon ---

    def test_a_job_to_its_end(self: Any) -> None:
        self.start_daemon()
        with stagelog.JobLogger("done") as logger:
            logger.log("größer 😀 \u2028")
        states: List[stagelog.Status] = []
        events = self.collect(job="done", until_terminal=True, on_status=states.append)
        self.assertEqual([event.type for event in events],
                         ["job_created", "job_started", "log", "job_completed"])
        self.assertEqual(events[2].message, "größer 😀 \u2028")
        self.assertEqual([state.state for state in states][-1], "ended")
        self.assertEqual(self.collect(job="done", until_terminal=True, after=events[-2].seq),
                         events[-1:])
        # A job that is over, and nothing left: 204.
        self.assertEqual(self.collect(job="done", until_terminal=True, after=events[-1].seq), [])

    def test_the_bytes_are_those_of_the_journal(self: Any) -> None:
        daemon = self.start_daemon()
        daemon.request("POST", "/jobs/bytes/events", [{"type": "log", "message": "a/b",
                                                        "payload": {"n": 1}}])
        daemon.request("POST", "/jobs/bytes/events",
                       b'{"type":"job_completed","payload":{"n":1.0,"m":1e5,"k":9007199254740993}}')
        lines = (daemon.runs / "bytes" / "events.jsonl").read_text().splitlines()
        events = self.collect(job="bytes", until_terminal=True)
        self.assertEqual([event.raw for event in events], lines)

    def test_filters(self: Any) -> None:
        daemon = self.start_daemon()
        for job in ("a", "b"):
            with stagelog.JobLogger(job) as logger, logger.stage("s"):
                logger.log("needle", level="warning")
                logger.log("hay")
        self.assertEqual([event.message for event in self.collect(
            job="a", level=["warning", "error"], stage="s", until_terminal=True)], ["needle"])
        found = self.collect(since="all", type=("log",), jobs=["a", "b"], q="needle", enough=2)
        self.assertEqual([event.job_id for event in found], ["a", "b"])
        with self.assertRaises(stagelog.RefusedError):
            self.collect(job="a", level="loud", enough=1)
        self.assertEqual(len(daemon.events("a")), 7)

    def test_each_event_once_while_the_daemon_is_killed(self: Any) -> None:
        daemon = self.start_daemon()
        daemon.request("POST", "/jobs", {"job_id": "long"})
        messages = [f"line {number}" for number in range(3_000)]
        seen = threading.Semaphore(0)

        def work() -> None:
            for start in range(0, len(messages), 500):
                daemon.post_logs("long", messages[start:start + 500])
                if start % 1_000 == 0:
                    seen.acquire(timeout=PATIENCE_SECONDS)  # the stream runs
                    daemon.kill()
                    daemon.start()
            daemon.request("POST", "/jobs/long/events", {"type": "job_completed"})

        writer = threading.Thread(target=work)
        writer.start()
        states: List[str] = []
        events = self.collect(job="long", until_terminal=True, each=lambda event: seen.release(),
                              on_status=lambda status: states.append(status.state))
        writer.join()
        self.assert_each_once([event.data for event in events], messages)
        self.assertIn("offline", states)
        self.assertNotIn("gap", states)

    def test_a_daemon_that_stops_answering(self: Any) -> None:
        """Silence, not an error: as of a machine that has lost its network."""
        daemon = self.start_daemon()
        daemon.post_logs("silent", ["1"])
        states: List[str] = []

        def on_status(status: stagelog.Status) -> None:
            if status.state == "live" and "offline" not in states:
                daemon.pause()
            if status.state == "offline":
                daemon.go_on()
                daemon.post_logs("silent", ["2"])
            states.append(status.state)

        events = self.collect(job="silent", on_status=on_status, enough=2,
                              silence_seconds=0.5)
        self.assertEqual([event.message for event in events], ["1", "2"])
        self.assertIn("offline", states)

    def test_a_buffering_proxy_then_none(self: Any) -> None:
        """Polling takes over, and gives way again."""
        daemon = self.start_daemon()
        proxy = BufferingProxy(daemon.port)
        self.addCleanup(proxy.close)
        daemon.post_logs("proxied", ["1"])
        states: List[str] = []

        def on_status(status: stagelog.Status) -> None:
            states.append(status.state)
            if status.state == "polling":
                daemon.post_logs("proxied", ["2"])
            if status.state == "live":
                daemon.post_logs("proxied", ["3"])
                daemon.request("POST", "/jobs/proxied/events", {"type": "job_completed"})

        def each(event: stagelog.Event) -> None:
            if event.message == "2":
                proxy.buffers.clear()

        events = self.collect(url=proxy.url, job="proxied", until_terminal=True, each=each,
                              on_status=on_status, silence_seconds=0.5,
                              stream_retry_seconds=0.5)
        self.assertEqual([event.message for event in events], ["1", "2", "3", ""])
        self.assertEqual(states, ["polling", "live", "ended"])

    def test_polling_to_the_end_of_a_job(self: Any) -> None:
        daemon = self.start_daemon()
        proxy = BufferingProxy(daemon.port)
        self.addCleanup(proxy.close)
        daemon.post_logs("polled", ["1"])

        def on_status(status: stagelog.Status) -> None:
            if status.state == "polling":
                daemon.request("POST", "/jobs/polled/events", {"type": "job_completed"})

        events = self.collect(url=proxy.url, job="polled", until_terminal=True,
                              on_status=on_status, silence_seconds=0.5)
        self.assertEqual([event.type for event in events], ["log", "job_completed"])

    def test_another_journal_and_a_cursor_beyond_its_head(self: Any) -> None:
        daemon = self.start_daemon()
        daemon.post_logs("gap", ["1", "2"])
        gaps: List[stagelog.Status] = []
        states: List[str] = []

        def on_status(status: stagelog.Status) -> None:
            if status.state == "gap":
                gaps.append(status)
            if status.state == "live" and "live" not in states:
                daemon.kill()
                shutil.rmtree(daemon.runs)
                daemon.start()
                daemon.post_logs("gap", ["new"])
            states.append(status.state)

        events = self.collect(job="gap", on_status=on_status, enough=3)
        self.assertEqual([event.message for event in events], ["1", "2", "new"])
        self.assertEqual(len(gaps), 1)
        gaps.clear()
        daemon.request("POST", "/jobs/gap/events", {"type": "job_completed"})
        self.assertEqual(self.collect(job="gap", after=99, until_terminal=True,
                                      on_status=on_status), [])
        self.assertIn("beyond_head", gaps[0].detail)

    def test_a_wrong_token(self: Any) -> None:
        self.start_daemon()
        with self.assertRaises(stagelog.AuthError) as refused:
            self.collect(token="wrong", job="x", enough=1)
        self.assertEqual(refused.exception.code, "invalid_token")

    def test_no_daemon_at_the_start(self: Any) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with self.assertRaises(stagelog.UnreachableError):
            self.collect(url=url, job="x", enough=1)

    def test_a_daemon_that_is_waited_for(self: Any) -> None:
        daemon = self.start_daemon()
        daemon.post_logs("later", ["1"])
        daemon.kill()

        def on_status(status: stagelog.Status) -> None:
            if status.state == "offline":
                daemon.start()

        events = self.collect(job="later", wait_at_start=True, on_status=on_status, enough=1)
        self.assertEqual([event.message for event in events], ["1"])

    def test_what_cannot_be_asked(self: Any) -> None:
        for arguments in ({"job": "a/b"}, {"until_terminal": True}, {"url": "x"},
                          {"job": "a", "after": 1, "since": "all"}):
            with self.assertRaises(ValueError):
                self.collect(enough=1, **arguments)

    # --- A scripted one ---

    def test_a_body_that_stops_anywhere(self: Any) -> None:
        """In the middle of a character, of a frame, of a chunk: the next connection goes on."""
        whole = HEAD + chunk(connected(3)) + chunk(frame(1, message="größer")) \
            + chunk(frame(2)) + chunk(frame(3))
        rest = HEAD + b"".join(chunk(connected(3, after) + "".join(
            frame(seq) for seq in range(after + 1, 4)) + END) for after in (0,))
        first = len(HEAD + chunk(connected(3)))
        for cut in range(first, len(whole), 7):
            script = Script(whole[:cut], rest)
            events = self.collect(url=script.url, job="j")
            script.server.close()
            self.assertEqual([event.seq for event in events], [1, 2, 3], cut)

    def test_the_cursor_and_the_journal_are_sent_again(self: Any) -> None:
        script = Script(HEAD + chunk(connected(9)) + chunk(frame(4)),
                        HEAD + chunk(connected(9, 4)) + chunk(frame(5) + END))
        self.addCleanup(script.server.close)
        events = self.collect(url=script.url, job="j")
        self.assertEqual([event.seq for event in events], [4, 5])
        self.assertIn("after=0", script.streams()[0])
        self.assertIn("after=4", script.streams()[1])
        self.assertIn("journal=j1", script.streams()[1])

    def test_a_newer_daemon(self: Any) -> None:
        """Unknown types, keys and frames."""
        script = Script(HEAD + chunk(
            connected(3).replace('"head_seq"', '"shiny":[1],"head_seq"')
            + "event: checkpoint\nid: 1\ndata: {}\n\n: comment\nweight: 3\n\n"
            + frame(1, type="stage_paused", colour="red") + "data: no id\n\n" + frame(2) + END))
        self.addCleanup(script.server.close)
        events = self.collect(url=script.url, job="j")
        self.assertEqual([event.type for event in events], ["stage_paused", "log"])
        self.assertEqual(events[0].data["colour"], "red")

    def test_an_event_that_cannot_be_read_is_a_gap(self: Any) -> None:
        bad = HEAD + chunk(connected(3) + frame(1) + "id: 2\ndata: {broken\n\n" + frame(3) + END)
        script = Script(bad)
        self.addCleanup(script.server.close)
        gaps: List[stagelog.Status] = []
        events = self.collect(url=script.url, job="j", on_status=lambda status: gaps.append(
            status) if status.state == "gap" else None)
        self.assertEqual([event.seq for event in events], [1, 3])
        self.assertEqual([gap.missed for gap in gaps], [1])
        self.assertEqual(len(script.streams()), 3)

    def test_a_page_that_stops_in_the_middle_is_asked_for_again(self: Any) -> None:
        """Of its last event, half of a character."""
        page = "".join(json.dumps({"seq": seq, "type": "log", "message": "größer"},
                                  ensure_ascii=False) + "\n" for seq in (1, 2)).encode()
        answers = [plain_answer("200 OK", "application/x-ndjson", page,
                                "Stagelog-Next-After: 2")[:-len("ßer\"}\n".encode()) + 1]]
        end = HEAD + chunk(connected(2, 2) + END)

        def answer(connection: socket.socket, request: bytes) -> None:
            is_stream = b"/events/stream" in request.split(b"\r\n", 1)[0]
            whole = plain_answer("200 OK", "application/x-ndjson", page, "Stagelog-Next-After: 2")
            connection.sendall(end if is_stream else answers.pop() if answers else whole)
            raise ConnectionError("one request per connection")

        server = Server(answer)
        self.addCleanup(server.close)
        events = self.collect(url=server.url, job="j", wait_at_start=True)
        self.assertEqual([event.message for event in events], ["größer", "größer"])
        self.assertEqual(answers, [])

    def test_a_line_of_a_page_that_cannot_be_read_is_a_gap(self: Any) -> None:
        page = b'{"seq":1,"type":"log"}\n{broken\n{"seq":3,"type":"log"}\n'
        script = Script(HEAD + chunk(connected(3, 3) + END), page=page, next_after=3)
        self.addCleanup(script.server.close)
        gaps: List[stagelog.Status] = []
        events = self.collect(url=script.url, job="j", wait_at_start=True,
                              on_status=lambda status: gaps.append(status)
                              if status.state == "gap" else None)
        self.assertEqual([event.seq for event in events], [1, 3])
        self.assertEqual([gap.missed for gap in gaps], [1])

    def test_a_gap_says_how_many_were_missed(self: Any) -> None:
        gap = ('event: gap\ndata: {"requested":0,"oldest":11,"head":12,"reason":"trimmed",'
               '"resumed_after":10}\n\n')
        script = Script(HEAD + chunk(connected(12) + gap + frame(11) + END))
        self.addCleanup(script.server.close)
        gaps: List[stagelog.Status] = []
        self.collect(url=script.url, job="j", on_status=gaps.append)
        self.assertEqual([status.missed for status in gaps if status.state == "gap"], [10])

    def test_a_stream_of_another_kind_is_polled(self: Any) -> None:
        page = ('{"seq":1,"type":"log"}\n').encode()
        for answer in (plain_answer("200 OK", "text/html", b"<html>"),
                       plain_answer("403 Forbidden", "text/html", b"no streams here"),
                       HEAD, HEAD + b"zz\r\n", b"\x16\x03\x01 tls"):
            script = Script(answer, page=page, next_after=1)
            states: List[stagelog.Status] = []

            class Enough(Exception):
                pass

            def on_status(status: stagelog.Status) -> None:
                states.append(status)
                if status.state == "polling":
                    raise Enough

            with self.assertRaises(Enough):
                self.collect(url=script.url, job="j", on_status=on_status)
            script.server.close()
            self.assertEqual(states[-1].state, "polling", answer)

    def test_bytes_that_never_make_a_frame_are_silence(self: Any) -> None:
        stop = threading.Event()

        def answer(connection: socket.socket, request: bytes) -> None:
            if b"/events/stream" not in request.split(b"\r\n", 1)[0]:
                connection.sendall(plain_answer("200 OK", "application/x-ndjson", b"",
                                                "Stagelog-Next-After: 0"))
                return
            connection.sendall(HEAD)
            while not stop.wait(0.02):
                connection.sendall(chunk(": still here\n"))

        server = Server(answer)
        self.addCleanup(server.close)
        self.addCleanup(stop.set)

        class Enough(Exception):
            pass

        def on_status(status: stagelog.Status) -> None:
            if status.state == "polling":
                raise Enough

        with self.assertRaises(Enough):
            self.collect(url=server.url, job="j", on_status=on_status, silence_seconds=0.3)

    def test_an_event_twice_in_a_stream_comes_once(self: Any) -> None:
        script = Script(HEAD + chunk(connected(2) + frame(1) + frame(1) + frame(2) + frame(1)
                                     + END))
        self.addCleanup(script.server.close)
        self.assertEqual([event.seq for event in self.collect(url=script.url, job="j")], [1, 2])

    def test_tls(self: Any) -> None:
        names = [str(self.folder / name) for name in ("key.pem", "certificate.pem")]
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                               "-keyout", names[0], "-out", names[1], "-days", "2", "-subj",
                               "/CN=localhost", "-addext",
                               "subjectAltName=IP:127.0.0.1,DNS:localhost"],
                              stderr=subprocess.DEVNULL)
        if made.returncode != 0:
            self.skipTest("no openssl")
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(names[1], names[0])
        page = plain_answer("200 OK", "application/x-ndjson", b"", "Stagelog-Next-After: 0")

        def answer(connection: socket.socket, request: bytes) -> None:
            is_stream = b"/events/stream" in request.split(b"\r\n", 1)[0]
            connection.sendall(HEAD + chunk(connected(1) + frame(1) + END) if is_stream else page)

        server = TlsServer(answer, server_side)
        self.addCleanup(server.close)
        url = server.url.replace("http:", "https:")
        context = ssl.create_default_context(cafile=names[1])
        self.assertEqual([event.seq for event in self.collect(
            url=url, job="j", ssl_context=context)], [1])
        with self.assertRaises(stagelog.UnreachableError):
            self.collect(url=url, job="j")  # a certificate that nobody trusts


class TlsServer(Server):
    def __init__(self, answer: Callable[[socket.socket, bytes], None],
                 context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(answer)

    def _serve(self, connection: socket.socket) -> None:
        try:
            super()._serve(self._context.wrap_socket(connection, server_side=True))
        except OSError:
            pass


class SyncStreamTest(StreamCases, TestCase):
    def collect(self, enough: int = 1 << 30, each: Any = None,
                **arguments: Any) -> List[stagelog.Event]:
        found: List[stagelog.Event] = []
        stream = stagelog.stream_events(**arguments)
        for event in stream:
            found.append(event)
            if each is not None:
                each(event)
            if len(found) >= enough:
                break
        stream.close()
        return found


class AsyncStreamTest(StreamCases, TestCase):
    def collect(self, enough: int = 1 << 30, each: Any = None,
                **arguments: Any) -> List[stagelog.Event]:
        async def work() -> List[stagelog.Event]:
            found: List[stagelog.Event] = []
            stream = stagelog.astream_events(**arguments)
            try:
                async for event in stream:
                    found.append(event)
                    if each is not None:
                        each(event)
                    if len(found) >= enough:
                        break
            finally:
                await stream.aclose()
            return found

        return asyncio.run(work())

    def test_a_task_that_is_canceled_leaves_no_connection(self) -> None:
        gone = threading.Event()

        def answer(connection: socket.socket, request: bytes) -> None:
            if b"/events/stream" not in request.split(b"\r\n", 1)[0]:
                connection.sendall(plain_answer("200 OK", "application/x-ndjson", b"",
                                                "Stagelog-Next-After: 0"))
                return
            connection.sendall(HEAD + chunk(connected(1) + frame(1)))
            try:
                connection.recv(1)
            finally:
                gone.set()

        server = Server(answer)
        self.addCleanup(server.close)

        async def work() -> None:
            begun = asyncio.Event()

            async def follow() -> None:
                async for _ in stagelog.astream_events(url=server.url, job="j"):
                    begun.set()

            task = asyncio.ensure_future(follow())
            await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(work())
        self.assertTrue(gone.wait(PATIENCE_SECONDS))


if __name__ == "__main__":
    unittest.main()
