"""Gates that ask for more than one decision, with a daemon and without."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any, Dict, List, Tuple

import stagelog

from .support import PATIENCE_SECONDS, TOKEN, TestCase

_ALICE = "a-token-of-the-tests-for-alice"
_BOB = "a-token-of-the-tests-for-bob"
_CONFIGURATION = f"""
auth:
  tokens:
    - {{name: admin, token: {TOKEN}, roles: [admin]}}
    - {{name: alice, token: {_ALICE}, roles: [approver]}}
    - {{name: bob, token: {_BOB}, roles: [approver]}}
"""
_FIELDS: List[Dict[str, Any]] = [
    {"name": "percent", "type": "number", "label": "How many?", "required": True, "min": 0.5,
     "max": 100},
    {"name": "region", "type": "choice", "options": ("eu", "us")},
    {"name": "note", "type": "text", "required": True, "max": 3},
    {"name": "dry-run", "type": "boolean", "x-hint": 1},
    {"name": "count", "type": "number"},
    {"name": "constructor", "type": "text", "min": 1}]
_RIGHT = {"dry-run": False, "note": "é🎬", "percent": 12.0, "region": None, "count": 1e-7}
# As a daemon answers them: in the order of the fields, a whole number as one.
_NORMAL = {"percent": 12, "note": "é🎬", "dry-run": False, "count": 1e-7}
_WRONG: List[Dict[str, Any]] = [
    {}, {"note": "a"}, {**_RIGHT, "note": " \t"}, {**_RIGHT, "other": 1}, {**_RIGHT, "note": "four"},
    {**_RIGHT, "note": 1}, {**_RIGHT, "percent": 0.4}, {**_RIGHT, "percent": 101},
    {**_RIGHT, "percent": True}, {**_RIGHT, "percent": "12"}, {**_RIGHT, "region": "asia"},
    {**_RIGHT, "dry-run": 1}, {**_RIGHT, "count": 1e15 + 1}, {**_RIGHT, "count": float("nan")},
    {**_RIGHT, "constructor": ""}]
_NO_FIELDS: List[Any] = [
    {"name": "n"}, {"type": "text"}, {"name": "1n", "type": "text"}, {"name": "n", "type": "date"},
    {"name": "n", "type": "choice"}, {"name": "n", "type": "text", "options": ["a"]},
    {"name": "n", "type": "choice", "options": [1]}, {"name": "n", "type": "number", "min": "1"},
    {"name": "n", "type": "number", "min": 2, "max": 1}, {"name": "n", "type": "text", "max": 1.5},
    {"name": "n", "type": "boolean", "max": 1}, {"name": "n", "type": "text", "lable": "N"},
    {"name": "n", "type": "text", "required": 1}, {"name": "n", "type": "text", "label": ""}, "n",
    [{"name": "n", "type": "text"}, {"name": "n", "type": "text"}],
    [{"name": f"n{number}", "type": "text"} for number in range(33)]]


def _refusal(gate: stagelog.Gate, answers: Dict[str, Any]) -> Tuple[str, Any, str]:
    try:
        gate.approve(answers=answers)
    except stagelog.RefusedError as refused:
        return refused.code, refused.field, refused.detail
    return "", None, ""


class GateRulesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemon = self.start_daemon(_CONFIGURATION)
        self.logger = stagelog.JobLogger("release-7")
        self.addCleanup(self.logger.close)

    def approve(self, token: str, **body: Any) -> Any:
        return self.daemon.request("POST", "/jobs/release-7/gates/deploy/approve", body,
                                   token=token)

    def local(self, job: str) -> stagelog.JobLogger:
        return stagelog.JobLogger(job, url=None, runs_dir=self.folder / "local")

    def test_several_people_approve_and_the_opener_does_not(self) -> None:
        gate = self.logger.gate("deploy", required=2, allow_self=False)
        with self.assertRaises(stagelog.AuthError) as forbidden:
            gate.approve()
        self.assertEqual(forbidden.exception.status, 403)
        self.assertEqual(self.approve(_ALICE, comment="fine")["gate_status"], "pending")
        with self.assertRaises(TimeoutError):
            gate.wait(0.3)
        self.approve(_BOB)
        decision = gate.wait(PATIENCE_SECONDS)
        self.assertEqual((decision.status, decision.decided_by, dict(decision.answers)),
                         ("approved", "bob", {}))
        self.assertEqual([(each.by, each.comment, each.via) for each in decision.approvals],
                         [("alice", "fine", "api"), ("bob", "", "api")])
        events = [stagelog.Event(json.dumps(each)) for each in self.daemon.events("release-7")]
        self.assertEqual([each.approval for each in events if each.type == "gate_approved"],
                         [{"count": 1, "required": 2}, {"count": 2, "required": 2}])
        self.assertEqual(events[0].approval, {})
        self.assertEqual(len({decision, decision}), 1)

    def test_one_approval_of_several_is_the_program_s_own(self) -> None:
        gate = self.logger.gate("deploy", required=2, fields={"name": "n", "type": "number"})
        gate.approve(answers={"n": 1})
        with self.assertRaises(stagelog.RefusedError) as refused:
            gate.approve(answers={"n": 1})
        self.assertEqual(refused.exception.code, "already_approved")
        self.approve(_BOB)
        self.assertEqual(dict(gate.wait(PATIENCE_SECONDS).answers), {"n": 1})

    def test_answers_are_checked_alike_with_a_daemon_and_without(self) -> None:
        theirs = self.logger.gate("deploy", fields=_FIELDS)
        own = self.local("a").gate("deploy", fields=_FIELDS)
        for answers in _WRONG:
            code, field, detail = _refusal(own, answers)
            self.assertIn(code, ("answer_required", "invalid_field", "unknown_key"), answers)
            self.assertEqual((code, field), _refusal(theirs, answers)[:2], answers)
            if code != "unknown_key":  # the daemon says which name is meant
                self.assertEqual(detail, _refusal(theirs, answers)[2])
        for gate in (theirs, own):
            gate.approve(answers=_RIGHT)
            answers = gate.wait(PATIENCE_SECONDS).answers
            self.assertEqual(json.dumps(answers), json.dumps(_NORMAL))

    def test_fields_are_checked_alike_with_a_daemon_and_without(self) -> None:
        local = self.local("b")
        for fields in _NO_FIELDS:
            listed = fields if isinstance(fields, list) else [fields]
            with self.assertRaises(ValueError):
                local.gate("g", fields=listed)
            with contextlib.redirect_stderr(io.StringIO()):
                gate = self.logger.gate("g", fields=listed)
                with self.assertRaises(stagelog.RefusedError):
                    gate.wait(PATIENCE_SECONDS)

    def test_a_journal_without_a_daemon_has_the_answers(self) -> None:
        with self.local("c") as logger:
            gate = logger.gate("deploy", options=["all"], fields=_FIELDS)
            gate.approve("all", "fine", _RIGHT)
            logger.gate("late", fields=_FIELDS).reject("no")
        self.assertEqual(self.command_line("verify", str(self.folder / "local")).returncode, 0)
        done = self.command_line("state", str(self.folder / "local" / "c"), "--json")
        gates = json.loads(done.stdout)["gates"]
        self.assertEqual([gate["status"] for gate in gates], ["approved", "rejected"])
        self.assertEqual(json.dumps(gates[0]["answers"]), json.dumps(_NORMAL))
        self.assertEqual([field["name"] for field in gates[0]["fields"]],
                         [field["name"] for field in _FIELDS])

    def test_what_needs_several_people_needs_a_daemon(self) -> None:
        logger = self.local("d")
        with self.assertRaisesRegex(ValueError, r"required=2 needs a daemon \(url=\.\.\.\)"):
            logger.gate("g", required=2)
        with self.assertRaisesRegex(ValueError, "allow_self=False needs a daemon"):
            logger.gate("g", allow_self=False)
        self.assertEqual(logger.gate("g", required=1, allow_self=True).name, "g")
        self.assertEqual(logger.refused, 0)
