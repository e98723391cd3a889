#!/usr/bin/env python3
"""Makes tests/vectors/folds: events of a real daemon and the state that it folds them to.

    make_folds.py <stagelogd> <stagelog> [<name>...]

Names: these cases alone are made anew, the others are left as they are.

<name>.jsonl is a job's events.jsonl. <name>.state.json is its state.json. <name>.states.jsonl has the state after each
event, one a line, as `stagelog state --at-seq` prints it; the larger random jobs have none. Times,
ids and hashes differ
with each run. Python's standard library alone is needed.
"""

import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import fold_cases
import old_fold_cases
import random_fold

CONFIG = """
auth:
  tokens:
    - {name: admin, token: a-token-of-the-vectors-admin, roles: [admin]}
    - {name: worker, token: a-token-of-the-vectors-worker, roles: [admin]}
    - {name: alice, token: a-token-of-the-vectors-alice, roles: [approver, writer]}
    - {name: bob, token: a-token-of-the-vectors-bob, roles: [approver, writer]}
    - {name: carol, token: a-token-of-the-vectors-carol, roles: [approver, writer]}
    - {name: dave, token: a-token-of-the-vectors-dave, roles: [admin]}
"""
RANDOM_JOBS = 4
RANDOM_EVENTS = 200


class Daemon:
    """A daemon on a folder of its own, until the end of the `with` block."""

    def __init__(self, program, folder):
        self.folder = pathlib.Path(folder)
        self.runs = self.folder / "runs"
        self.runs.mkdir(exist_ok=True)
        (self.folder / "config.yaml").write_text(CONFIG)
        self.command = [program, "--config", str(self.folder / "config.yaml"), "--host", "127.0.0.1", "--port", "0",
                        "--runs-dir", str(self.runs)]

    def __enter__(self):
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT)
        marker = "[stagelogd] listening on "
        for _ in range(200):
            text = (self.folder / "log").read_text()
            if marker in text:
                self.url = text.split(marker)[1].split()[0]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        raise SystemExit("the daemon does not listen:\n" + (self.folder / "log").read_text())

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def post(self, path, body, token="worker"):
        """Status and answer."""
        request = urllib.request.Request(f"{self.url}/api/v1/jobs/{path}", body.encode(), {
            "Authorization": f"Bearer a-token-of-the-vectors-{token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            return problem.code, json.load(problem)

    def last_line(self, job):
        return json.loads((self.runs / job / "events.jsonl").read_bytes().splitlines()[-1])

    def wait_for_state(self, job):
        """Until state.json is that after the last event."""
        last_hash = self.last_line(job)["hash"]
        for _ in range(200):
            path = self.runs / job / "state.json"
            if path.exists() and json.loads(path.read_text())["last_hash"] == last_hash:
                return
            time.sleep(0.05)
        raise SystemExit(f"state.json of {job} does not come")


def take(daemon, job, step):
    """Makes one step of a case, and holds its outcome against what the case says."""
    if isinstance(step, fold_cases.TimerDecides):
        for _ in range(200):
            line = daemon.last_line(job)
            if line.get("gate") == step.gate and line["actor"] == "stagelog":
                return
            time.sleep(0.05)
        raise SystemExit(f"{job}: the timer does not decide gate {step.gate}")
    if isinstance(step, fold_cases.Decision):
        status, answer = daemon.post(f"{job}/gates/{step.gate}/{step.verb}", json.dumps(step.body),
                                     step.token)
        assert answer.get("code", "") == step.refused, (job, step, answer)
        return
    body = step.text if isinstance(step, fold_cases.Raw) else json.dumps(step.event, ensure_ascii=False)
    status, answer = daemon.post(f"{job}/events", body, getattr(step, "token", "worker"))
    if isinstance(step, fold_cases.Refused):
        assert answer.get("code") == step.code, (job, step, answer)
        return
    assert status == 201, (job, step, answer)
    assert answer["violations"] == step.flags, (job, step, answer)


def rewrite(lines, case):
    """The edited lines, chained anew."""
    previous, out = "", []
    for number, line in enumerate(lines, 1):
        text = line.decode()
        text = text[:text.rindex(',"hash":"')] + "}"
        seq = json.loads(text)["seq"]
        text = text.replace(f'{{"seq":{seq},', f'{{"seq":{seq + case.seq_offset},', 1)
        for job_seq, old, new in case.edits:
            if job_seq != number:
                continue
            assert old in text, (old, text)
            text = text.replace(old, new, 1)
        previous = hashlib.sha256((previous + text).encode()).hexdigest()
        out.append(f'{text[:-1]},"hash":"{previous}"}}'.encode())
    return out


def store(stagelog, runs, job, name, folder, with_states=True):
    """Copies what the daemon wrote, and holds it against the command line."""
    lines = (runs / job / "events.jsonl").read_bytes()
    state = (runs / job / "state.json").read_bytes()

    def state_at(*arguments):
        return subprocess.run([stagelog, "state", str(runs / job), "--json", *arguments], check=True,
                              stdout=subprocess.PIPE).stdout

    subprocess.run([stagelog, "verify", str(runs / job)], check=True, stdout=subprocess.DEVNULL)
    assert state_at() == state, f"{job}: state.json is not what `stagelog state` prints"
    (folder / f"{name}.jsonl").write_bytes(lines)
    (folder / f"{name}.state.json").write_bytes(state)
    if with_states:
        seqs = [json.loads(line)["seq"] for line in lines.splitlines()]
        states = b"".join(state_at("--at-seq", str(seq)) for seq in seqs)
        assert states.endswith(state)
        (folder / f"{name}.states.jsonl").write_bytes(states)


def make_cases(daemon, stagelog, folder, names):
    for name, steps in fold_cases.CASES.items():
        if names and name not in names:
            continue
        for step in steps:
            take(daemon, name, step)
        daemon.wait_for_state(name)
        store(stagelog, daemon.runs, name, name, folder)


def make_random(daemon, stagelog, folder):
    for number in range(1, RANDOM_JOBS + 1):
        name = f"random_{number}"
        events = random_fold.RandomEvents(random.Random(number))
        count = 0
        while count < RANDOM_EVENTS:
            status, answer = daemon.post(f"{name}/events", events.next())
            assert status in (201, 400, 422), answer
            count += status == 201
        daemon.wait_for_state(name)
        store(stagelog, daemon.runs, name, name, folder, with_states=False)


def make_rewritten(program, stagelog, daemon, folder, names):
    """A second daemon finds the edited files, without a database, and opens them."""
    cases = {name: case for name, case in old_fold_cases.REWRITTEN.items() if not names or name in names}
    with tempfile.TemporaryDirectory() as other:
        runs = pathlib.Path(other) / "runs"
        for name, case in cases.items():
            for step in case.steps:
                take(daemon, name, step)
            lines = rewrite((daemon.runs / name / "events.jsonl").read_bytes().splitlines(), case)
            (runs / name).mkdir(parents=True)
            (runs / name / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        with Daemon(program, other) as second:
            for name, case in cases.items():
                second.wait_for_state(name)
                count = len((runs / name / "events.jsonl").read_bytes().splitlines())
                assert count == len(case.steps), f"{name}: the daemon does not take all lines"
                store(stagelog, runs, name, name, folder)


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    program, stagelog = (os.path.abspath(path) for path in sys.argv[1:3])
    names = sys.argv[3:]
    folder = pathlib.Path(__file__).parent / "folds"
    known = {*fold_cases.CASES, *old_fold_cases.REWRITTEN}
    if unknown := set(names) - known:
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}")
    for old in [] if names else [*folder.glob("*.jsonl"), *folder.glob("*.state.json")]:
        old.unlink()
    with tempfile.TemporaryDirectory() as scratch, Daemon(program, scratch) as daemon:
        make_cases(daemon, stagelog, folder, names)
        if not names:
            make_random(daemon, stagelog, folder)
        make_rewritten(program, stagelog, daemon, folder, names)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(list(folder.glob('*.state.json')))} jobs, {size:,} bytes")


if __name__ == "__main__":
    main()
