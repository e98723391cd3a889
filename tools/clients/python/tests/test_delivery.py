"""Events and a daemon that is away, dies, refuses, or is none."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from typing import Any, List
from unittest import mock

import stagelog
from stagelog.outbox import Outbox
from stagelog.run_beginning import beginning_variants, begins_run
from stagelog.spool import SpoolReader, SpoolWriter

from .support import PATIENCE_SECONDS, Server, TestCase, free_port, plain_answer


def quiet() -> "contextlib.redirect_stderr[io.StringIO]":
    return contextlib.redirect_stderr(io.StringIO())


def kinds(events: List[Any]) -> List[str]:
    return [event["type"] for event in events]


class DeliveryTest(TestCase):
    def test_a_daemon_that_comes_later(self) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with quiet() as said:
            logger = stagelog.JobLogger("early", url=url)
            logger.log("one")
            self.assertFalse(logger.flush(0.3))
            logger.complete()
        self.assertIn("stagelog spool flush early", said.getvalue())
        self.assertEqual(said.getvalue().count("\n"), 1)
        listed = self.command_line("spool", "list")
        self.assertRegex(listed.stdout, r"early +4")
        daemon = self.start_daemon()
        done = self.command_line("spool", "flush", "early")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(kinds(daemon.events("early")),
                         ["job_created", "job_started", "log", "job_completed"])
        self.assertFalse(self.spool("early").exists())

    def test_a_second_run_sends_what_the_first_left(self) -> None:
        daemon = self.start_daemon()
        daemon.kill()
        with quiet():
            stagelog.JobLogger("left").complete()
        daemon.start()
        stagelog.JobLogger("left").complete()
        events = daemon.events("left")
        self.assertEqual(kinds(events), ["job_created", "job_started", "job_completed",
                                         "job_resumed", "job_completed"])
        self.assertEqual([event for event in events if "violations" in event], [])

    def test_each_event_once_while_the_daemon_is_killed(self) -> None:
        daemon = self.start_daemon()
        messages = [f"line {number}" for number in range(2_000)]
        with quiet(), stagelog.JobLogger("killed") as logger:
            for number, message in enumerate(messages):
                logger.log(message)
                if number % 500 == 250:
                    daemon.kill()
                    daemon.start()
            self.assertTrue(logger.flush(PATIENCE_SECONDS))
        self.assert_each_once(daemon.events("killed"), messages)
        self.assertEqual((logger.dropped, logger.refused), (0, 0))

    def test_an_answer_that_is_lost(self) -> None:
        """The daemon has taken a batch, but nobody hears of it."""
        daemon = self.start_daemon()
        lost = threading.Event()

        def forward(connection: socket.socket, request: bytes) -> None:
            request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
            with socket.create_connection(("127.0.0.1", daemon.port)) as upstream:
                upstream.sendall(request)
                answer = b"".join(iter(lambda: upstream.recv(65536), b""))
            if request.startswith(b"POST") and not lost.is_set():
                lost.set()
            else:
                connection.sendall(answer)
            raise ConnectionError("one request per connection")

        server = Server(forward)
        self.addCleanup(server.close)
        with quiet(), stagelog.JobLogger("lost", url=server.url) as logger:
            logger.log("once")
            self.assertTrue(logger.flush(PATIENCE_SECONDS))
        self.assertTrue(lost.is_set())
        self.assert_each_once(daemon.events("lost"), ["once"])

    def test_a_refused_event_is_set_aside_and_the_others_go_on(self) -> None:
        daemon = self.start_daemon()
        with quiet() as said, stagelog.JobLogger("refused") as logger:
            for number in range(5):
                logger.log(f"a{number}")
            logger.emit("stage_complete", stage="x")
            logger.emit("log")
            for number in range(5):
                logger.log(f"b{number}")
        self.assertEqual(logger.refused, 2)
        self.assert_each_once(daemon.events("refused"),
                              [f"{name}{number}" for name in "ab" for number in range(5)])
        lines = (self.spool("refused") / "refused.ndjson").read_text().splitlines()
        refused = [json.loads(line) for line in lines]
        self.assertEqual([(entry["reason"]["code"], entry["event"]["type"]) for entry in refused],
                         [("unknown_type", "stage_complete"), ("missing_field", "log")])
        self.assertIn("refused.ndjson", said.getvalue())

    def test_a_wrong_token(self) -> None:
        daemon = self.start_daemon()
        with quiet() as said:
            logger = stagelog.JobLogger("token", token="wrong")
            self.assertFalse(logger.flush(0.5))
            logger.complete()
        self.assertIn("check the token", said.getvalue())
        with self.assertRaises(stagelog.AuthError) as refused, quiet():
            logger = stagelog.JobLogger("token-2", token="wrong", raise_errors=True)
            logger.flush(0.5)
        self.assertEqual((refused.exception.status, refused.exception.code),
                         (401, "invalid_token"))
        # Nothing is lost: the right token sends it.
        stagelog.JobLogger("token").complete()
        self.assertEqual(kinds(daemon.events("token")),
                         ["job_created", "job_started", "job_completed", "job_resumed",
                          "job_completed"])
        with quiet():
            logger.raise_errors = False
            logger.close()

    def test_errors_raise_when_asked(self) -> None:
        with quiet():
            logger = stagelog.JobLogger("asked", url=f"http://127.0.0.1:{free_port()}",
                                        raise_errors=True)
            with self.assertRaises(stagelog.UnreachableError):
                logger.flush(0.3)
            logger.raise_errors = False
            logger.close()
        self.start_daemon()
        logger = stagelog.JobLogger("asked-2", raise_errors=True)
        logger.emit("nonsense")
        with self.assertRaises(stagelog.RefusedError) as refused, quiet():
            logger.flush()
        self.assertEqual((refused.exception.code, refused.exception.field),
                         ("unknown_type", "type"))

    def test_who_is_no_daemon(self) -> None:
        answers = [plain_answer("200 OK", "text/html", b"<html>hello</html>"),
                   plain_answer("404 Not Found", "text/html", b"nothing here"),
                   plain_answer("200 OK", "application/json", "grü".encode()[:-1]), b"SSH-2.0\r\n"]
        for number, answer in enumerate(answers):
            server = Server(lambda connection, request: connection.sendall(answer))
            with quiet():
                logger = stagelog.JobLogger(f"none-{number}", url=server.url, exit_timeout=0.3)
                self.assertFalse(logger.flush(0.3), answer)
                logger.complete()
            server.close()
            self.assertEqual(len((self.spool(f"none-{number}") / "events.ndjson").read_bytes()
                                 .splitlines()), 3)

    def test_retry_after_is_honoured(self) -> None:
        """A server that asks for an hour is asked once."""
        body = b'{"code":"busy","detail":"later"}'
        server = Server(lambda connection, request: connection.sendall(plain_answer(
            "503 Service Unavailable", "application/problem+json", body, "Retry-After: 3600")))
        self.addCleanup(server.close)
        with quiet():
            logger = stagelog.JobLogger("patient", url=server.url, exit_timeout=0.1)
            for _ in stagelog_wait_for(lambda: server.heads):
                logger.log("more")
            logger._delivery._ends.set()  # type: ignore[attr-defined]
            logger.close()
        # The thread asked once, close() once more.
        self.assertLessEqual(len(server.heads), 2)

    def test_a_server_that_never_answers_holds_nothing_up(self) -> None:
        server = Server(lambda connection, request: connection.settimeout(None))
        self.addCleanup(server.close)
        with quiet():
            logger = stagelog.JobLogger("mute", url=server.url, exit_timeout=0.2)
            logger.log("x")
            self.assertFalse(logger.flush(0.2))
            logger.complete()
        self.assertEqual(len((self.spool("mute") / "events.ndjson").read_bytes().splitlines()), 4)

    def test_no_home(self) -> None:
        daemon = self.start_daemon()
        with mock.patch.dict(os.environ), quiet() as said:
            del os.environ["HOME"], os.environ["XDG_STATE_HOME"]
            with stagelog.JobLogger("homeless") as logger:
                logger.log("x")
        self.assertIn("neither XDG_STATE_HOME nor HOME", said.getvalue())
        self.assert_each_once(daemon.events("homeless"), ["x"])


def stagelog_wait_for(condition: Any) -> Any:
    """Yields until the condition holds."""
    while not condition():
        yield


class BeginningTest(unittest.TestCase):
    """How a run begins depends on the job: what the sender makes of its first event."""

    LINES = [b'{"event_id":"1","type":"job_created","payload":{"pid":1}}',
             b'{"event_id":"2","type":"job_started"}']

    def kinds(self, status: str, lines: List[bytes]) -> List[List[str]]:
        return [[json.loads(line)["type"] for line in variant]
                for variant in beginning_variants(lines, status)]

    def test_what_is_sent_first(self) -> None:
        new, start, resume = ["job_created", "job_started"], ["job_started"], ["job_resumed"]
        for status, expected in (("", new), ("created", start), ("running", resume),
                                 ("completed", resume), ("canceled", new)):
            self.assertEqual(self.kinds(status, self.LINES)[0], expected, status)
        asked = [b'{"event_id":"1","type":"job_resumed","payload":{"pid":1,"new_epoch":true}}']
        self.assertEqual(self.kinds("", asked)[0], new)
        self.assertEqual(self.kinds("canceled", asked)[0], resume)

    def test_a_payload_that_looks_like_a_beginning_is_none(self) -> None:
        self.assertTrue(begins_run(self.LINES[0]))
        self.assertFalse(begins_run(self.LINES[1]))
        self.assertFalse(begins_run(b'{"event_id":"1","type":"log","message":"x",'
                                    b'"payload":{"type":"job_created","pid":1}}'))
        self.assertFalse(begins_run(b'{"type":"job_created","pid":'))


class SpoolTest(TestCase):
    """The format is that of the command line."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder / "spool"
        self.writer = SpoolWriter(str(self.path))
        self.reader = SpoolReader(str(self.path))
        self.addCleanup(self.writer.close)
        self.addCleanup(self.reader.close)

    def test_lines_come_in_order_and_once(self) -> None:
        self.writer.append(b"a\nb\n")
        place = self.writer.append(b"c\n")
        self.assertTrue(self.reader.lock())
        lines, end = self.reader.next(2, 100)
        self.assertEqual(lines, [b"a", b"b"])
        self.reader.mark_sent(end)
        self.assertFalse(self.reader.is_sent(place))
        lines, end = self.reader.next(2, 100)
        self.assertEqual(lines, [b"c"])
        self.reader.mark_sent(end)
        self.assertTrue(self.reader.is_sent(place))
        self.assertTrue(self.reader.remove_if_sent())
        self.reader.unlock()
        self.assertFalse(self.path.exists())
        self.writer.append(b"d\n")
        self.assertTrue(self.reader.has_unsent())

    def test_a_line_that_is_longer_than_a_batch_comes_alone(self) -> None:
        self.writer.append(b"x" * 5_000 + b"\nb\n")
        lines, _ = self.reader.next(10, 100)
        self.assertEqual([len(line) for line in lines][:1], [5_000])

    def test_a_line_torn_by_a_crash_is_cut(self) -> None:
        self.writer.append(b"whole\n")
        with (self.path / "events.ndjson").open("ab") as file:
            file.write(b"to" + b"r" * 100_000)
        self.assertEqual(self.reader.next(10, 1 << 20)[0], [b"whole"])
        self.writer.append(b"next\n")
        self.assertEqual(self.reader.next(10, 1 << 20)[0], [b"whole", b"next"])

    def test_an_offset_of_another_file_counts_for_nothing(self) -> None:
        self.writer.append(b"a\nb\n")
        self.reader.lock()
        self.reader.mark_sent(self.reader.next(1, 100)[1])
        path = self.path / "events.ndjson"
        path.unlink()
        path.write_bytes(b"x\ny\n")
        self.assertEqual(SpoolReader(str(self.path)).next(9, 100)[0], [b"x", b"y"])

    def test_one_sender(self) -> None:
        other = SpoolReader(str(self.path))
        self.assertTrue(self.reader.lock())
        self.assertFalse(other.lock())
        self.reader.unlock()
        self.assertTrue(other.lock())
        other.unlock()

    def test_memory_while_the_disk_is_full_then_drops_with_a_count(self) -> None:
        said: List[str] = []
        outbox = Outbox(str(self.path), 100, lambda topic, message: said.append(topic))
        with mock.patch("stagelog.spool_file.write_all", side_effect=OSError(28, "full")):
            for number in range(8):
                outbox.add([b"%02d" % number + b"x" * 28], is_log=True)
            self.assertEqual(outbox.dropped, 5)
            outbox.add([b"end" + b"x" * 27], is_log=False)
        self.assertEqual((outbox.dropped, set(said)), (5, {"spool", "dropped"}))
        batch = outbox.next(10, 1000)
        self.assertEqual([line[:3].rstrip(b"x") for line in batch.lines],
                         [b"00", b"01", b"02", b"end"])
        outbox.taken(batch)
        outbox.add([b"later"], is_log=True)  # the disk has room again
        self.assertTrue(outbox.next(10, 1000).is_spooled)
        outbox.save_memory()
        outbox.settle()

    def test_a_signal_handler_that_logs_within_a_log(self) -> None:
        outbox = Outbox(str(self.path), 100, lambda topic, message: None)
        write = SpoolWriter.append
        calls: List[bytes] = []

        def interrupted(writer: SpoolWriter, lines: bytes) -> Any:
            if not calls:
                calls.append(lines)
                outbox.add([b"inner"], is_log=True)
            return write(writer, lines)

        with mock.patch.object(SpoolWriter, "append", interrupted):
            outbox.add([b"outer"], is_log=True)
        self.assertEqual(outbox.next(10, 1000).lines, [b"outer", b"inner"])
        outbox.save_memory()
        outbox.settle()


class ProcessTest(TestCase):
    """What happens to a process happens to one of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.daemon = self.start_daemon()

    def test_at_exit_all_is_sent(self) -> None:
        done = self.python("import stagelog\nlogger = stagelog.JobLogger('exit')\n"
                           "for number in range(3000): logger.log(f'line {number}')\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_each_once(self.daemon.events("exit"),
                              [f"line {number}" for number in range(3000)])

    def test_what_is_logged_at_exit_is_sent(self) -> None:
        """Later than threads can be started."""
        done = self.python("import atexit\n"
                           "atexit.register(lambda: logger.log('last words'))\n"
                           "import stagelog\nlogger = stagelog.JobLogger('late')\n"
                           "atexit.register(lambda: logger.log('words'))\n"
                           "logger.flush(); logger.close()\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.command_line("spool", "flush", "late").returncode, 0)
        self.assert_each_once(self.daemon.events("late"), ["words", "last words"])

    def test_a_daemon_that_is_away_at_exit(self) -> None:
        self.daemon.kill()
        done = self.python("import stagelog\nstagelog.JobLogger('away').log('x')\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("stagelog spool flush away", done.stderr)

    def test_an_uncaught_exception(self) -> None:
        done = self.python("import stagelog\nwith stagelog.JobLogger('uncaught'): 1 / 0\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(kinds(self.daemon.events("uncaught"))[-1], "job_failed")

    def test_killed_while_sending_then_flushed_by_the_command_line(self) -> None:
        script = ("import stagelog, itertools, sys\n"
                  "logger = stagelog.JobLogger('killed-9')\n"
                  "for number in itertools.count():\n"
                  "  logger.log(f'line {number}')\n"
                  "  print(number, flush=True)\n")
        process = subprocess.Popen([sys.executable, "-c", script], env=self.environment,
                                   stdout=subprocess.PIPE)
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 3_000:
                break
        process.kill()
        rest = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        logged = int(rest[-1]) if rest and rest[-1].isdigit() else 3_000
        done = self.command_line("spool", "flush", "killed-9")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = [event["message"] for event in self.daemon.events("killed-9")
                 if event["type"] == "log"]
        self.assertEqual(found, [f"line {number}" for number in range(len(found))])
        self.assertGreaterEqual(len(found), logged)

    def test_a_fork_keeps_working(self) -> None:
        done = self.python(
            "import os, stagelog, sys\n"
            "with stagelog.JobLogger('fork') as logger:\n"
            "  with logger.stage('both'):\n"
            "    for number in range(500): logger.log(f'parent {number}')\n"
            "    pid = os.fork()\n"
            "    name = 'parent' if pid else 'child'\n"
            "    for number in range(500, 1000): logger.log(f'{name} {number}')\n"
            "    if pid: os.waitpid(pid, 0)\n"
            "  if not pid: sys.exit(0)\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        events = self.daemon.events("fork")
        self.assertEqual([event for event in events if "violations" in event], [])
        self.assertEqual(kinds(events).count("job_completed"), 1)
        self.assertEqual(kinds(events).count("stage_completed"), 1)
        found = [event["message"] for event in events if event["type"] == "log"]
        self.assertEqual([text for text in found if text.startswith("parent")],
                         [f"parent {number}" for number in range(1000)])
        self.assertEqual([text for text in found if text.startswith("child")],
                         [f"child {number}" for number in range(500, 1000)])

    def test_forks_while_other_threads_log(self) -> None:
        """A lock that another thread holds at the moment of the fork would never be free again."""
        done = self.python(
            "import os, stagelog, threading\n"
            "logger = stagelog.JobLogger('forks')\n"
            "ends = threading.Event()\n"
            "def work():\n"
            "  while not ends.is_set(): logger.log('noise')\n"
            "threads = [threading.Thread(target=work) for _ in range(3)]\n"
            "for thread in threads: thread.start()\n"
            "for number in range(20):\n"
            "  pid = os.fork()\n"
            "  if pid == 0:\n"
            "    logger.log(f'child {number}')\n"
            "    os._exit(0)\n"
            "  os.waitpid(pid, 0)\n"
            "ends.set()\n"
            "for thread in threads: thread.join()\n"
            "logger.complete()\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = [event["message"] for event in self.daemon.events("forks")
                 if event.get("message", "").startswith("child")]
        self.assertEqual(sorted(found), sorted(f"child {number}" for number in range(20)))

    def test_multiprocessing(self) -> None:
        path = self.folder / "pool.py"
        path.write_text(
            "import multiprocessing, stagelog\n"
            "def work(number): logger.log(f'work {number}')\n"
            "if __name__ == '__main__':\n"
            "  logger = stagelog.JobLogger('pool')\n"
            "  with logger, multiprocessing.get_context('fork').Pool(4) as pool:\n"
            "    pool.map(work, range(50))\n")
        done = subprocess.run([sys.executable, str(path)], env=self.environment, text=True,
                              stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = [event["message"] for event in self.daemon.events("pool")
                 if event["type"] == "log"]
        self.assertEqual(sorted(found), sorted(f"work {number}" for number in range(50)))

    def test_a_full_disk(self) -> None:
        """No file may grow beyond 20,000 bytes: what does not fit is sent from memory."""
        done = self.python(
            "import resource, signal, stagelog\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "with stagelog.JobLogger('full') as logger:\n"
            "  for number in range(2_000): logger.log(f'line {number}')\n"
            "  print(logger.dropped)\n")
        self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)
        self.assertIn("cannot write events to the spool", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assert_each_once(self.daemon.events("full"),
                              [f"line {number}" for number in range(2_000)])

    def test_a_full_disk_and_no_daemon(self) -> None:
        """What fits nowhere is counted, and said."""
        self.daemon.kill()
        done = self.python(
            "import resource, signal, stagelog\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "with stagelog.JobLogger('full', max_memory_bytes=50_000) as logger:\n"
            "  for number in range(2_000): logger.log(f'line {number}')\n"
            "  before = logger.dropped\n"
            "print(before > 0, logger.dropped)\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("events are dropped", done.stderr)
        is_dropped, dropped = done.stdout.split()
        self.assertEqual(is_dropped, "True")
        spooled = len((self.spool("full") / "events.ndjson").read_bytes().splitlines())
        self.assertEqual(int(dropped) + spooled, 2_003)

    def test_a_full_disk_raises_when_asked(self) -> None:
        done = self.python(
            "import resource, signal, stagelog\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n"
            "logger = stagelog.JobLogger('full', raise_errors=True)\n"
            "try:\n"
            "  for number in range(100): logger.log(f'line {number}')\n"
            "except stagelog.SpoolError as problem: print(problem)\n")
        self.assertIn("File too large", done.stdout, done.stderr)


