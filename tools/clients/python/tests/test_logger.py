"""JobLogger and a daemon that works."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
from typing import Any, Dict, List, Optional
from unittest import mock

import stagelog

from .support import PATIENCE_SECONDS, TestCase


class LoggerTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemon = self.start_daemon()

    def kinds(self, job: str) -> List[Any]:
        return [(event["type"], event.get("stage")) for event in self.daemon.events(job)]

    def test_a_job_with_stages(self) -> None:
        with stagelog.JobLogger("render-1", pipeline="render", labels={"team": "film"},
                                stages=["train", "pack"]) as logger:
            with logger.stage("train", gpu=3) as stage:
                stage.progress(40, 100, "frames")
                stage.log("inside", level="warning", k=1)
                with stage.stage("epoch-3") as below:
                    below.progress(percent=50)
                    logger.log("below")
            logger.log("outside")
            logger.log("")
            logger.emit("x-loss", payload={"loss": 0.5})
        events = self.daemon.events("render-1")
        self.assertEqual([(event["type"], event.get("stage")) for event in events],
                         [("job_created", None), ("job_started", None),
                          ("stage_started", "train"), ("stage_progress", "train"),
                          ("log", "train"), ("stage_started", "train/epoch-3"),
                          ("stage_progress", "train/epoch-3"), ("log", "train/epoch-3"),
                          ("stage_completed", "train/epoch-3"), ("stage_completed", "train"),
                          ("log", None), ("log", None), ("x-loss", None),
                          ("job_completed", None)])
        self.assertEqual([event for event in events if "violations" in event], [])
        self.assertEqual(events[3]["payload"], {"current": 40, "total": 100, "unit": "frames"})
        self.assertEqual((events[4]["level"], events[4]["payload"]), ("warning", {"k": 1}))
        self.assertEqual(events[2]["payload"], {"gpu": 3})
        self.assertEqual(events[11]["payload"], {"blank": True})
        state = self.daemon.request("GET", "/jobs/render-1")
        self.assertEqual((state["status"], state["pipeline"], state["labels"]),
                         ("completed", "render", {"team": "film"}))
        self.assertFalse(self.spool("render-1").exists())

    def test_exceptions_become_failures_with_a_traceback(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            with stagelog.JobLogger("bad-1") as logger:
                with logger.stage("divide"):
                    1 / 0
        stage, job = self.daemon.events("bad-1")[-2:]
        self.assertEqual((stage["type"], job["type"]), ("stage_failed", "job_failed"))
        self.assertEqual(job["message"], "ZeroDivisionError: division by zero")
        for event in (stage, job):
            self.assertIn("1 / 0", event["payload"]["traceback"])
            self.assertNotIn("violations", event)

    def test_how_a_program_ends(self) -> None:
        ends = [(SystemExit(0), "job_completed"), (SystemExit(3), "job_failed"),
                (KeyboardInterrupt(), "job_canceled")]
        for number, (problem, kind) in enumerate(ends):
            with self.assertRaises(type(problem)):
                with stagelog.JobLogger(f"end-{number}"):
                    raise problem
            self.assertEqual(self.kinds(f"end-{number}")[-1][0], kind)

    def test_ends_are_told_once(self) -> None:
        logger = stagelog.JobLogger("once")
        stage = logger.stage("a").start()
        stage.complete()
        stage.fail("too late")
        logger.complete("done")
        logger.fail("too late")
        self.assertEqual([kind for kind, _ in self.kinds("once")],
                         ["job_created", "job_started", "stage_started", "stage_completed",
                          "job_completed"])

    def test_a_job_that_exists_is_resumed(self) -> None:
        for _ in range(2):
            with stagelog.JobLogger("again") as logger:
                logger.stage("a").start().complete()
        state = self.daemon.request("GET", "/jobs/again")
        self.assertEqual((state["status"], state["epoch"], state["violations"]),
                         ("completed", 2, 0))

    def test_a_canceled_job_stays_so_unless_it_is_to_be_resumed(self) -> None:
        stagelog.JobLogger("stop").cancel("by hand")
        logger = stagelog.JobLogger("stop")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertTrue(logger.flush(PATIENCE_SECONDS))
        self.assertTrue(logger.canceled)
        self.assertIn("flagged", said.getvalue())
        with self.assertRaises(stagelog.CanceledError):
            with logger:
                logger.raise_if_canceled()
        self.assertEqual(self.daemon.request("GET", "/jobs/stop")["status"], "canceled")
        stagelog.JobLogger("stop", resume=True).complete()
        self.assertEqual(self.daemon.request("GET", "/jobs/stop")["status"], "completed")

    def test_a_cancel_is_noticed_without_any_event(self) -> None:
        noticed = threading.Event()
        with mock.patch("stagelog.delivery.HEARTBEAT_SECONDS", 1):
            logger = stagelog.JobLogger("cancel-me", on_cancel=noticed.set)
            self.assertTrue(logger.flush())
            self.daemon.request("POST", "/jobs/cancel-me/cancel", {"comment": "no"})
            self.assertTrue(noticed.wait(PATIENCE_SECONDS))
        with logger:
            pass
        self.assertEqual(self.kinds("cancel-me")[-1][0], "job_canceled")

    def test_a_callback_that_raises_and_logs(self) -> None:
        told = threading.Event()

        def tell() -> None:
            logger.log("told")
            logger.flush()
            told.set()
            raise RuntimeError("no")

        logger = stagelog.JobLogger("callback", on_cancel=tell)
        logger.flush()
        self.daemon.request("POST", "/jobs/callback/cancel")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            logger.log("one more")
            logger.flush()
            self.assertTrue(told.wait(PATIENCE_SECONDS))
            logger.close()
        self.assertIn("on_cancel raised RuntimeError", said.getvalue())

    def test_the_worker_lives(self) -> None:
        logger = stagelog.JobLogger("alive")
        seen: Optional[str] = None
        for _ in stagelog.stream_events(job="alive"):
            seen = self.daemon.request("GET", "/jobs/alive").get("liveness", {})
            break
        logger.close()
        self.assertIn("ok", json.dumps(seen))

    def test_illegal_names_do_not_fail_a_pipeline(self) -> None:
        with stagelog.JobLogger("names") as logger:
            with logger.stage("ALIGN (sample_A 1)") as stage:
                stage.stage("epoch 3").start().complete()
        events = self.daemon.events("names")
        self.assertEqual(events[2]["stage"], "ALIGN-sample_A-1--84819068659aec421bd0")
        self.assertEqual(events[2]["payload"], {"name": "ALIGN (sample_A 1)"})
        self.assertTrue(events[3]["stage"].startswith(events[2]["stage"] + "/epoch-3--"))

    def test_what_cannot_be_a_job_raises_at_once(self) -> None:
        for job in ("", "a/b", "stagelog.db", None):
            with self.assertRaises(ValueError):
                stagelog.JobLogger(job)
        with self.assertRaises(ValueError):
            stagelog.JobLogger("x", url="nowhere")

    def test_a_clock_that_is_wrong(self) -> None:
        for number, micros in enumerate((1_000_000, 4_102_444_800_000_000)):
            with mock.patch("stagelog.times.now_micros", return_value=micros):
                with stagelog.JobLogger(f"clock-{number}") as logger:
                    logger.log("then")
            events = self.daemon.events(f"clock-{number}")
            self.assertEqual([event["type"] for event in events],
                             ["job_created", "job_started", "log", "job_completed"])
            self.assertEqual(len({event["event_id"] for event in events}), 4)

    def test_ten_thousand_events(self) -> None:
        messages = [f"line {number}" for number in range(10_000)]
        with stagelog.JobLogger("many") as logger:
            for message in messages:
                logger.log(message)
        self.assertEqual((logger.dropped, logger.refused), (0, 0))
        self.assert_each_once(self.daemon.events("many"), messages)

    def test_many_threads(self) -> None:
        with stagelog.JobLogger("threads") as logger:
            def work(name: int) -> None:
                for number in range(200):
                    logger.log(f"{name}:{number}")

            threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found = [event["message"] for event in self.daemon.events("threads")
                 if event["type"] == "log"]
        for name in range(8):
            self.assertEqual([text for text in found if text.startswith(f"{name}:")],
                             [f"{name}:{number}" for number in range(200)])

    def test_part_of_a_run_of_the_command_line(self) -> None:
        script = ("import stagelog\nwith stagelog.JobLogger() as logger:\n"
                  "  with logger.stage('inner'): logger.log('hello')\n")
        path = self.folder / "script.py"
        path.write_text(script)
        import sys
        done = self.command_line("run", "--job", "outer", "--", sys.executable, str(path))
        self.assertEqual(done.returncode, 0, done.stderr)
        kinds = self.kinds("outer")
        self.assertEqual([kind for kind, _ in kinds if kind.startswith("job_")],
                         ["job_created", "job_started", "job_completed"])
        self.assertIn(("stage_completed", "inner"), kinds)
        self.assertEqual([event for event in self.daemon.events("outer")
                          if "violations" in event], [])


class GateTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemon = self.start_daemon()
        self.logger = stagelog.JobLogger("release-7")
        self.addCleanup(self.logger.close)

    def decide(self, gate: str, command: str, body: Dict[str, str]) -> threading.Thread:
        """Once the gate is there."""
        def work() -> None:
            self.daemon.request("GET", f"/jobs/release-7/gates/{gate}?wait=1")
            self.daemon.request("POST", f"/jobs/release-7/gates/{gate}/{command}", body)

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def test_approved(self) -> None:
        gate = self.logger.gate("deploy", prompt="Ship it?", options=["eu", "us"])
        self.decide("deploy", "approve", {"choice": "eu", "comment": "good"})
        decision = gate.wait(PATIENCE_SECONDS)
        self.assertEqual((decision.status, decision.choice, decision.comment, decision.decided_by),
                         ("approved", "eu", "good", "admin"))
        self.assertTrue(decision)

    def test_rejected(self) -> None:
        gate = self.logger.gate("deploy")
        self.decide("deploy", "reject", {"comment": "no sound"})
        decision = gate.wait(PATIENCE_SECONDS)
        self.assertEqual((decision.status, decision.comment), ("rejected", "no sound"))
        self.assertFalse(decision)

    def test_expired(self) -> None:
        self.assertEqual(self.logger.gate("a", timeout_seconds=1).wait(PATIENCE_SECONDS).status,
                         "expired")
        decision = self.logger.gate("b", timeout_seconds=1, on_timeout="approve").wait()
        self.assertEqual((decision.status, decision.is_approved), ("auto_approved", True))

    def test_the_second_gate_of_a_name_is_not_the_first(self) -> None:
        self.logger.gate("deploy").approve()
        gate = self.logger.gate("deploy")
        with self.assertRaises(TimeoutError):
            gate.wait(0.3)
        gate.reject("later")
        self.assertEqual(gate.wait(PATIENCE_SECONDS).status, "rejected")

    def test_a_canceled_job_ends_the_wait(self) -> None:
        gate = self.logger.gate("deploy")
        self.logger.flush()
        self.daemon.request("POST", "/jobs/release-7/cancel")
        self.assertEqual(gate.wait(PATIENCE_SECONDS).status, "canceled")

    def test_a_gate_that_was_refused_does_not_wait_for_ever(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            gate = self.logger.gate("deploy", on_timeout="explode")
            with self.assertRaises(stagelog.RefusedError) as refused:
                gate.wait(PATIENCE_SECONDS)
        self.assertEqual(refused.exception.code, "invalid_field")
        self.assertEqual(self.logger.refused, 1)

    def test_a_decision_that_is_refused_is_typed(self) -> None:
        gate = self.logger.gate("deploy", options=["a"])
        with self.assertRaises(stagelog.RefusedError) as refused:
            gate.approve()
        self.assertEqual((refused.exception.code, refused.exception.status),
                         ("choice_required", 422))

    def test_the_wait_survives_a_restart(self) -> None:
        gate = self.logger.gate("deploy")
        decided: List[stagelog.Decision] = []
        waiting = threading.Thread(target=lambda: decided.append(gate.wait(PATIENCE_SECONDS)))
        self.assertTrue(self.logger.flush())
        waiting.start()
        self.daemon.kill()
        self.daemon.start()
        self.daemon.request("POST", "/jobs/release-7/gates/deploy/approve", {})
        waiting.join()
        self.assertEqual(decided[0].status, "approved")


class HandlerTest(TestCase):
    def test_records_become_events(self) -> None:
        daemon = self.start_daemon()
        log = logging.getLogger("app.test")
        log.setLevel(logging.DEBUG)
        log.propagate = False
        with stagelog.JobLogger("logging") as logger:
            handler = stagelog.Handler(logger)
            log.addHandler(handler)
            self.addCleanup(log.removeHandler, handler)
            with logger.stage("a"):
                log.info("hello %s", "world", extra={"frames": 3, "stage": "mine"})
            try:
                1 / 0
            except ZeroDivisionError:
                log.exception("failed")
            log.critical("x")
            log.debug("y")
        events = [event for event in daemon.events("logging") if event["type"] == "log"]
        self.assertEqual([(event["message"], event["level"], event.get("stage"))
                          for event in events],
                         [("hello world", "info", "a"), ("failed", "error", None),
                          ("x", "critical", None), ("y", "debug", None)])
        self.assertEqual(events[0]["payload"]["frames"], 3)
        self.assertEqual(events[0]["payload"]["extra_stage"], "mine")
        self.assertEqual(events[0]["payload"]["logger"], "app.test")
        self.assertIn("1 / 0", events[1]["payload"]["traceback"])

    def test_it_never_comes_back_to_itself(self) -> None:
        daemon = self.start_daemon()
        log = logging.getLogger("app.recursion")
        log.propagate = False

        class Noisy:
            def __str__(self) -> str:
                log.error("from within")
                return "noisy"

        with stagelog.JobLogger("recursion") as logger:
            handler = stagelog.Handler(logger)
            log.addHandler(handler)
            self.addCleanup(log.removeHandler, handler)
            with mock.patch("stagelog.sender.Sender.step", autospec=True,
                            side_effect=_logging_step(log)):
                log.error("%s", Noisy())
                logger.flush()
        found = [event["message"] for event in daemon.events("recursion")
                 if event["type"] == "log"]
        # What str() itself logs is dropped, and so is what is logged on the thread that sends.
        self.assertEqual([text for text in found if text != "from a caller of flush"], ["noisy"])


def _logging_step(log: logging.Logger) -> Any:
    from stagelog.sender import Sender
    step = Sender.step

    def logging_step(self: Sender, seconds: float = 10.0) -> Any:
        on_worker = threading.current_thread().name.startswith("stagelog ")
        if on_worker:
            log.error("from the thread that sends")
        return step(self, seconds)

    return logging_step


