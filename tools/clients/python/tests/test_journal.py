"""A journal without a daemon: the daemon's bytes."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List
from unittest import mock

import stagelog

from .support import PATIENCE_SECONDS, Daemon, TestCase


class JournalTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.runs = self.folder / "journal"

    def logger(self, job: str, **options: Any) -> stagelog.JobLogger:
        return stagelog.JobLogger(job, url=None, runs_dir=self.runs, **options)

    def events(self, job: str) -> List[Dict[str, Any]]:
        lines = (self.runs / job / "events.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    def verify(self) -> None:
        done = self.command_line("verify", str(self.runs))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_verify_accepts_it_and_import_sends_it(self) -> None:
        with self.assertRaises(RuntimeError):
            with self.logger("local-1", pipeline="p", labels={"a": "b"}) as logger:
                with logger.stage("train (1)") as stage:
                    stage.progress(1, 2, message='quotes " \\ \n \x01 \x7f ä 😀')
                    stage.log("text", level="critical", number=1e300, text="\u2028")
                logger.emit("x-own", payload={"deep": [1, {"a": None}]})
                logger.gate("g", prompt="?").approve(comment="by hand")
                logger.gate("late", timeout_seconds=1, on_timeout="reject").wait()
                raise RuntimeError("broken")
        self.verify()
        daemon = self.start_daemon()
        for accepted, stored in ((12, 0), (0, 12)):
            done = self.command_line("import", str(self.runs))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"{accepted} events accepted, {stored} already stored", done.stdout)
        imported = daemon.events("local-1")
        own = self.events("local-1")
        for key in ("event_id", "type", "stage", "gate", "status", "level", "message", "payload",
                    "occurred_at"):
            self.assertEqual([event.get(key) for event in imported],
                             [event.get(key) for event in own], key)
        self.assertEqual([event["type"] for event in imported if "violations" in event], [])

    def test_a_line_is_what_a_daemon_would_store(self) -> None:
        """The same events, sent to a daemon, differ in what is the journal's own alone."""
        daemon = self.start_daemon()
        text = 'quotes " \\ \b\f\n\r\t \x00\x1f \x7f ä 😀 \u2028 /'
        for logger in (self.logger("same"), stagelog.JobLogger("same")):
            with logger, logger.stage("s") as stage:
                stage.log(text, payload_text=text, number=1.5)
        def shape(lines: List[str]) -> List[Any]:
            parsed = [json.loads(line) for line in lines]
            return [[(key, value) for key, value in event.items()
                     if key not in ("event_id", "ts", "occurred_at", "actor", "hash")]
                    for event in parsed]
        own = (self.runs / "same" / "events.jsonl").read_text("utf-8").split("\n")[:-1]
        theirs = (daemon.runs / "same" / "events.jsonl").read_text("utf-8").split("\n")[:-1]
        self.assertEqual(shape(own), shape(theirs))
        for mine, other in zip(own, theirs):
            self.assertEqual(list(json.loads(mine)), list(json.loads(other)))
        self.assertIn(json.dumps(text, ensure_ascii=False), own[3])
        self.assertEqual(own[3].split('"type"')[1].split('"actor"')[0],
                         theirs[3].split('"type"')[1].split('"actor"')[0])

    def test_running_again_goes_on_with_the_chain(self) -> None:
        for _ in range(3):
            with self.logger("again") as logger:
                logger.log("x")
        self.verify()
        self.assertEqual([event["type"] for event in self.events("again")],
                         ["job_created", "job_started", "log", "job_completed"]
                         + ["job_resumed", "log", "job_completed"] * 2)
        state = json.loads(self.command_line("state", str(self.runs / "again"), "--json").stdout)
        self.assertEqual((state["status"], state["epoch"]), ("completed", 3))

    def test_a_torn_line_is_cut(self) -> None:
        self.logger("torn").complete()
        path = self.runs / "torn" / "events.jsonl"
        with path.open("ab") as file:
            file.write(b'{"seq":4,"job_id":"to')
        self.logger("torn").complete()
        self.verify()
        self.assertEqual([event["job_seq"] for event in self.events("torn")], [1, 2, 3, 4, 5])

    def test_seq_and_ts_rise_over_all_jobs_and_processes(self) -> None:
        script = ("import stagelog, sys\n"
                  "with stagelog.JobLogger(sys.argv[1], url=None, runs_dir=sys.argv[2]) as log:\n"
                  "  for number in range(300): log.log(f'{sys.argv[3]} {number}')\n")
        processes = [subprocess.Popen([sys.executable, "-c", script, job, str(self.runs), name],
                                      env=self.environment)
                     for job, name in (("a", "1"), ("a", "2"), ("b", "3"))]
        for process in processes:
            self.assertEqual(process.wait(PATIENCE_SECONDS), 0)
        self.verify()
        events = sorted(self.events("a") + self.events("b"), key=lambda event: int(event["seq"]))
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        stamps = [event["ts"] for event in events]
        self.assertEqual(stamps, sorted(set(stamps)))
        for name in "123":
            found = [event["message"] for event in events
                     if event.get("message", "").startswith(name)]
            self.assertEqual(found, [f"{name} {number}" for number in range(300)])

    def test_a_daemon_takes_the_folder_over(self) -> None:
        for job in ("a", "b"):
            self.logger(job).complete()
        (self.folder / "runs").symlink_to(self.runs)
        daemon = Daemon(self.folder)
        self.addCleanup(daemon.kill)
        self.assertEqual([event["seq"] for event in daemon.events("b")], [4, 5, 6])
        self.assertEqual(daemon.events("a"), self.events("a"))
        for is_running in (True, False):
            with self.assertRaises(stagelog.StagelogError):
                self.logger("c")
            daemon.kill()

    def test_a_daemon_leaves_the_folder_to_a_logger(self) -> None:
        logger = self.logger("a")
        (self.folder / "runs").symlink_to(self.runs)
        with self.assertRaises(RuntimeError):
            Daemon(self.folder)
        logger.complete()
        self.verify()

    def test_a_clock_that_goes_back(self) -> None:
        logger = self.logger("clock")
        with mock.patch("stagelog.times.now_micros", return_value=5):
            logger.log("long ago")
        logger.complete()
        self.verify()

    def test_without_its_sequence_file(self) -> None:
        self.logger("a").complete()
        (self.runs / "stagelog.sequence").unlink()
        self.logger("b").complete()
        self.assertEqual([event["seq"] for event in self.events("b")], [4, 5, 6])

    def test_a_fork(self) -> None:
        done = self.python(
            "import os, stagelog, sys\n"
            "with stagelog.JobLogger('fork', url=None, runs_dir=sys.argv[1]) as logger:\n"
            "  pid = os.fork()\n"
            "  for number in range(300): logger.log(f'{bool(pid)} {number}')\n"
            "  if not pid: os._exit(0)\n"
            "  os.waitpid(pid, 0)\n", str(self.runs))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.verify()
        found = [event["message"] for event in self.events("fork") if event["type"] == "log"]
        for name in ("True", "False"):
            self.assertEqual([text for text in found if text.startswith(name)],
                             [f"{name} {number}" for number in range(300)])

    def test_a_full_disk(self) -> None:
        done = self.python(
            "import resource, signal, stagelog, sys\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n"
            "with stagelog.JobLogger('full', url=None, runs_dir=sys.argv[1]) as logger:\n"
            "  for number in range(100): logger.log(f'line {number}')\n"
            "print(logger.dropped)\n", str(self.runs))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("events are dropped", done.stderr)
        self.verify()
        self.assertEqual(int(done.stdout) + len(self.events("full")), 103)
        self.assertGreater(int(done.stdout), 0)

    def test_what_no_journal_takes_is_counted_and_not_written(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said, self.logger("illegal") as logger:
            cases: List[Dict[str, Any]] = [
                {"type": "stage_complete", "stage": "a"}, {"type": "heartbeat"},
                {"type": "stage_started"}, {"type": "gate_pause"}, {"type": "log"},
                {"type": "log", "message": "x", "level": "loud"}, {"type": "x-A"},
                {"type": "x-a", "stage": "a b"}, {"type": "x-a", "gate": "../b"}]
            for arguments in cases:
                logger.emit(**arguments)
        self.verify()
        self.assertEqual((logger.refused, len(self.events("illegal"))), (9, 3))
        self.assertEqual(said.getvalue().count("\n"), 1)
        logger = self.logger("illegal", raise_errors=True)
        with contextlib.redirect_stderr(io.StringIO()):
            logger.emit("nonsense")
        with self.assertRaises(stagelog.RefusedError):
            logger.flush()

    def test_a_damaged_file_is_not_written_over(self) -> None:
        self.logger("damaged").complete()
        path = self.runs / "damaged" / "events.jsonl"
        path.write_bytes(b"what is this\n")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            logger = self.logger("damaged")
            logger.complete()
        self.assertEqual((path.read_bytes(), logger.dropped), (b"what is this\n", 2))
        self.assertIn("stagelog verify", said.getvalue())

    def test_a_folder_that_cannot_be(self) -> None:
        path = self.folder / "file"
        path.write_text("")
        with self.assertRaises(stagelog.SpoolError):
            stagelog.JobLogger("x", url=None, runs_dir=Path(path))

    def test_gates_are_decided_by_the_program_or_by_time(self) -> None:
        logger = self.logger("gates")
        gate = logger.gate("a", options=["x"])
        with self.assertRaises(stagelog.StagelogError):
            gate.wait()
        with self.assertRaises(TimeoutError):
            gate.wait(0.01)
        with self.assertRaises(stagelog.RefusedError):
            gate.approve("y")
        threading.Timer(0.05, lambda: gate.approve("x")).start()
        self.assertEqual(gate.wait(PATIENCE_SECONDS).choice, "x")
        with self.assertRaises(stagelog.RefusedError):
            gate.reject("too late")
        expires = logger.gate("b", timeout_seconds=0.1)
        approves = logger.gate("c", timeout_seconds=1, on_timeout="approve")
        self.assertEqual((expires.wait().status, approves.wait().is_approved), ("expired", True))
        logger.fail("enough")
        self.verify()
        state = json.loads(self.command_line("state", str(self.runs / "gates"), "--json").stdout)
        self.assertEqual([(gate["gate"], gate["status"]) for gate in state["gates"]],
                         [("a", "approved"), ("b", "expired"), ("c", "auto_approved")])
