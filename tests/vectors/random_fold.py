"""Random events of one job, as JSON texts: legal and illegal ones, with odd numbers, texts and times. A few are refused
by the daemon (a decision with an unknown key, say) and leave no line."""

STAGES = ["train", "train/epoch-1", "train/epoch-2", "test", "train/e/f/g", "encode", "encode/pass-1", "upload"]
GATES = ["review", "deploy", "train"]
MESSAGES = ["", "", "", "encoded 9000 frames", '"quoted" and \\\\ and \\n'.replace('"', '\\"'), "\\u00e9€🎬",
    "\\u0000\\u001f\u2028"]
TYPES = (["job_created", "job_started", "job_started"] + ["job_resumed"] * 4 + ["job_failed", "job_canceled",
    "job_completed"] +
         ["stage_started"] * 8 + ["stage_progress"] * 20 + ["stage_completed"] * 4 + ["stage_failed"] * 2 + ["gate_pause"] * 3 +
         ["gate_approved"] * 4 + ["gate_auto_approved", "gate_rejected", "gate_expired"] + ["log"] * 3 + ["x-note",
             "x-a.b_c"])
ENDS = ("job_completed", "job_failed", "job_canceled")
GATE_PAYLOADS = ["", '{"prompt":"go?","options":["1.0","b\\"c"],"approvers":["ann","ben"]}',
    '{"timeout_seconds":60000}',
                 '{"timeout_seconds":31536000,"on_timeout":"approve","options":["1.0"]}',
                 '{"prompt":"\\u00e9","timeout_seconds":3e3}']
DECISION_PAYLOADS = ["", "", '{"comment":"fine","via":"api"}', '{"choice":"1.0","comment":"\\ud83d\\ude00"}',
    '{"via":"timer"}',
                     '{"choice":"b"}']
ABSURD = ["-1", "1e308", "-1e-310", '"7"', "[1]", "1e18", "1e-310", "-0.0", "null", "true", "100", "0",
    "18446744073709551615"]


class RandomEvents:
    def __init__(self, random):
        self._random = random
        self._micros = 0
        self._is_first = True

    def next(self):
        random = self._random
        kind = random.choice(TYPES)
        if kind in ENDS and random.random() < 0.6:
            kind = "stage_progress"
        if self._is_first:
            kind = "job_created"
        parts = {"type": f'"{kind}"'}
        if kind.startswith("stage"):
            parts["stage"] = f'"{random.choice(STAGES)}"'
        if kind.startswith("gate"):
            parts["gate"] = f'"{random.choice(GATES)}"'
        if random.random() < 0.06:
            parts["attempt"] = str(random.randint(1, 6))
        message = "a remark" if kind == "log" else random.choice(MESSAGES)
        if message:
            parts["message"] = f'"{message}"'
        payload = self._payload(kind)
        if payload:
            parts["payload"] = payload
        if random.random() < 0.9:
            parts["occurred_at"] = f'"{self._time()}"'
        self._is_first = False
        return "{" + ",".join(f'"{key}":{value}' for key, value in parts.items()) + "}"

    def _payload(self, kind):
        random = self._random
        if kind == "job_created" and self._is_first:
            return random.choice(['',
                '{"pipeline":"film","labels":{"b":"2","a":"1"},"stages":["train","train/epoch-1","train/epoch-9","mux"]}'])
        if kind == "job_resumed":
            return random.choice(["", '{"new_epoch":true}', '{"new_epoch":false}'])
        if kind == "stage_progress":
            return self._progress()
        if kind == "gate_pause":
            return random.choice(GATE_PAYLOADS)
        if kind.startswith("gate"):
            return random.choice(DECISION_PAYLOADS)
        return random.choice(["", '{"fps":23.970,"n":9007199254740993,"e":1e5}'])

    def _progress(self):
        random = self._random
        members = []
        if random.random() < 0.7:
            members.append(f'"current":{self._figure()}')
        if random.random() < 0.3:
            members.append(f'"total":{random.choice(["9000", "1e4", "1000.0", "12345.678", "1e18"])}')
        if random.random() < 0.3:
            members.append(f'"percent":{random.uniform(0, 100)!r}')
        if random.random() < 0.2:
            members.append(random.choice(['"unit":"frames"', '"unit":"\\u00e9"', '"totl":1', '"unit":null']))
        random.shuffle(members)
        return "{" + ",".join(members) + "}"

    def _figure(self):
        random = self._random
        if random.random() < 0.05:
            return random.choice(ABSURD)
        return random.choice([str(random.randint(0, 9000)), repr(random.uniform(0, 1000)),
            f"{random.uniform(0, 1000):.3f}",
                              f"{random.randint(0, 99)}.0", f"{random.uniform(0, 9):.4e}"])

    def _time(self):
        """Mostly forward, now and then back, with microseconds."""
        random = self._random
        self._micros += random.choice([0, 1, 999, 1000, 123_456, 5_000_000, 61_000_001])
        micros = max(0, self._micros - (random.randint(0, 90_000_000) if random.random() < 0.1 else 0))
        seconds, fraction = divmod(micros, 1_000_000)
        return f"2026-11-02T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}Z"
