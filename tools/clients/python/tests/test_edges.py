"""What a program does in unusual places, and what stands in the daemon's place."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import time
from typing import Any, Dict, List

import stagelog
from stagelog.json_text import clean

from .support import PATIENCE_SECONDS, Server, TestCase, plain_answer


class EdgesTest(TestCase):
    def test_a_gate_that_was_refused_has_no_older_decision(self) -> None:
        daemon = self.start_daemon()
        with contextlib.redirect_stderr(io.StringIO()), stagelog.JobLogger("gates-1") as logger:
            gate = logger.gate("deploy")
            gate.approve()
            self.assertTrue(gate.wait(PATIENCE_SECONDS))
            with self.assertRaises(stagelog.RefusedError):
                logger.gate("deploy", on_timeout="abort").wait(PATIENCE_SECONDS)
            self.assertEqual(logger.gate("words", options="eu")._flush(None), True)
            self.assertEqual(daemon.request("GET", "/jobs/gates-1/gates/words")["options"], ["eu"])

    def test_a_gate_after_the_end_of_its_job_has_no_older_decision(self) -> None:
        daemon = self.start_daemon()
        with contextlib.redirect_stderr(io.StringIO()), stagelog.JobLogger("gates-3") as logger:
            gate = logger.gate("deploy")
            gate.approve()
            self.assertTrue(gate.wait(PATIENCE_SECONDS))
            daemon.request("POST", "/jobs/gates-3/events", {"type": "job_completed"})
            with self.assertRaisesRegex(stagelog.StagelogError, "was not opened"):
                logger.gate("deploy").wait(PATIENCE_SECONDS)

    def test_a_gate_with_a_wrong_token_is_an_error(self) -> None:
        self.start_daemon()
        with contextlib.redirect_stderr(io.StringIO()):
            logger = stagelog.JobLogger("gates-2", token="nobody-has-this-one", exit_timeout=0.1)
            with self.assertRaises(stagelog.AuthError):
                logger.gate("deploy").wait()
            logger.close()

    def test_what_contains_itself_ends(self) -> None:
        first: Dict[str, Any] = {"name": "a"}
        second: Dict[str, Any] = {"name": "b", "previous": first}
        first["next"], first["self"] = second, first
        cleaned = clean(first)
        self.assertEqual(cleaned, {"name": "a", "next": {"name": "b", "previous": "..."},
                                   "self": "..."})
        wide: List[Any] = []
        for _ in range(40):
            wide = [wide, wide]
        self.assertLess(len(json.dumps(clean(wide))), 10_000_000)
        shared = {"k": 1}
        self.assertEqual(clean([shared, shared]), [shared, shared])

    def test_a_forked_child_leaves_the_heartbeats_to_its_parent(self) -> None:
        self.start_daemon()
        with stagelog.JobLogger("fork-1") as logger:
            logger.flush()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                logger.log("child")
                logger.flush()
                os.write(writing, str(logger._delivery._beats).encode())  # type: ignore[attr-defined]
                os._exit(0)
            os.waitpid(child, 0)
            self.assertEqual(os.read(reading, 10), b"False")
            os.close(reading)
            os.close(writing)

    def test_a_signal_handler_may_log(self) -> None:
        daemon = self.start_daemon()
        for url, job in ((daemon.url, "signals-1"), (None, "signals-2")):
            runs = self.folder / "runs-here"
            logger = stagelog.JobLogger(job, url=url, runs_dir=runs)
            previous = signal.signal(signal.SIGALRM, lambda *_: logger.log("signal"))
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
            for number in range(1_500):
                logger.log(f"main {number}")
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            logger.complete()
            if url is None:
                done = self.command_line("verify", str(runs))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            else:
                texts = [event.get("message", "") for event in daemon.events(job)]
                self.assertEqual([text for text in texts if text.startswith("main")],
                                 [f"main {number}" for number in range(1_500)])
                self.assertIn("signal", texts)

    def test_another_servers_200_takes_no_event(self) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(plain_answer("200 OK", "application/json", b'{"status":"ok"}'))
        server = Server(answer)
        self.addCleanup(server.close)
        with contextlib.redirect_stderr(io.StringIO()):
            logger = stagelog.JobLogger("other-1", server.url, exit_timeout=0.1)
            self.assertFalse(logger.flush(0.5))
            logger.close()
        self.assertTrue(self.spool("other-1").exists())

    def test_an_answer_that_drips_ends_in_time(self) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               b"Content-Length: 100000\r\n\r\n")
            for _ in range(1_000):
                connection.sendall(b" ")
                time.sleep(0.05)
        server = Server(answer)
        self.addCleanup(server.close)
        with contextlib.redirect_stderr(io.StringIO()):
            logger = stagelog.JobLogger("drip-1", server.url, exit_timeout=0.2)
            self.assertFalse(logger.flush(0.3))
            logger.close()

    def test_an_event_that_has_room_is_whole(self) -> None:
        daemon = self.start_daemon()
        with stagelog.JobLogger("large-1") as logger:
            logger.log("m" * 50_000)
            logger.log("m" * 10_000, data="p" * 200_000)
            logger.log(ValueError())
            logger.log("stage", stage="\ud800")
        logs = [event for event in daemon.events("large-1") if event["type"] == "log"]
        self.assertEqual(len(logs[0]["message"]), 50_000)
        self.assertEqual(len(logs[1]["payload"]["data"]), 200_000)
        self.assertEqual(logs[2]["message"], " ")

    def test_a_home_that_leads_nowhere_is_no_reason_to_stop(self) -> None:
        self.start_daemon()
        home = self.folder / "nowhere"
        home.mkdir()
        (home / ".local").symlink_to("/nonexistent/folder")
        before = {key: os.environ.pop(key, None) for key in ("XDG_STATE_HOME",)}
        os.environ["HOME"], previous = str(home), os.environ.get("HOME", "")
        try:
            with contextlib.redirect_stderr(io.StringIO()), stagelog.JobLogger("home-1") as logger:
                logger.log("kept in memory")
        finally:
            os.environ["HOME"] = previous
            for key, value in before.items():
                if value is not None:
                    os.environ[key] = value

    def test_an_error_of_the_journal_does_not_hide_the_programs(self) -> None:
        for problem in (KeyboardInterrupt(), stagelog.CanceledError("x"), ValueError("mine")):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(type(problem)):
                with stagelog.JobLogger("errors-1", "http://127.0.0.1:1", exit_timeout=0.1,
                                        raise_errors=True):
                    raise problem

    def test_what_is_closed_does_not_wait_again_at_the_end(self) -> None:
        server = Server(lambda connection, _: time.sleep(PATIENCE_SECONDS))
        self.addCleanup(server.close)
        with contextlib.redirect_stderr(io.StringIO()):
            logger = stagelog.JobLogger("hang-1", server.url, exit_timeout=0.2)
            logger.close()
            delivery: Any = logger._delivery
            delivery.close = lambda patience: self.fail("it waits again")
            delivery.at_exit()
