"""The small jobs that make_folds.py sends to a daemon. Each case is a list of steps, and has one subject."""

import dataclasses


@dataclasses.dataclass
class Step:
    """An event that is sent by itself, with the violations that the daemon must give it."""
    event: dict
    flags: list
    token: str = "worker"


@dataclasses.dataclass
class Refused:
    """An event that must be refused with this code: it leaves no line."""
    event: dict
    code: str


@dataclasses.dataclass
class Decision:
    """A person decides a gate: /approve or /reject."""
    gate: str
    verb: str
    body: dict
    token: str = "alice"
    refused: str = ""  # the code; empty: it is taken


@dataclasses.dataclass
class TimerDecides:
    """Waits until the daemon's timer has decided the gate."""
    gate: str


@dataclasses.dataclass
class Raw:
    """An event as JSON text: for spellings that json.dumps() would change."""
    text: str
    flags: list


def event(type_, *flags, stage=None, gate=None, attempt=None, message=None, payload=None, at=None, by="worker", **others):
    parts = {"type": type_, "stage": stage, "gate": gate, "attempt": attempt, "message": message,
             "payload": payload, "occurred_at": at, **others}
    return Step({key: value for key, value in parts.items() if value is not None}, list(flags), by)


def raw(text, *flags):
    return Raw(text, list(flags))


def at(seconds):
    """A time of a run of the past, so that durations are the same whenever the vectors are made."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"2026-11-01T{10 + hours:02d}:{minutes:02d}:{rest:09.6f}Z"


def created(**payload):
    return event("job_created", payload=payload or None, at=at(0))


def report(payload, *flags, stage="s", **others):
    return raw('{"type":"stage_progress","stage":"%s","payload":%s%s}' % (
        stage, payload, "".join(f',"{key}":"{value}"' for key, value in others.items())), *flags)


def of_progress(*reports):
    """A stage with these payloads, ten seconds apart."""
    steps = [created(stages=["s"]), event("stage_started", stage="s", at=at(1))]
    for index, each in enumerate(reports):
        payload, *flags = each if isinstance(each, tuple) else (each,)
        steps.append(report(payload, *flags, occurred_at=at(11 + 10 * index)))
    return steps


CASES = {
    "job_plain": [
        created(),
        event("job_started", at=at(1)),
        event("log", message="working", at=at(2)),
        event("job_completed", message="done", at=at(61.5)),
    ],
    "job_failed": [
        event("job_started", at=at(0)),
        event("stage_started", stage="load", at=at(1)),
        event("job_failed", message="exit code 3", at=at(2.000001)),
    ],
    "job_canceled_before_start": [
        created(pipeline="etl"),
        event("job_canceled", message="not needed", at=at(3)),
    ],
    "job_resumed_after_each_end": [
        created(),
        event("job_started", at=at(1)),
        event("job_failed", message="disk full", at=at(11)),
        event("job_resumed", at=at(71)),
        event("job_completed", at=at(81)),
        event("job_resumed", at=at(181)),
        event("job_canceled", at=at(182)),
        event("job_resumed", at=at(190)),
        event("stage_started", stage="s", at=at(191)),
        event("job_completed", at=at(200)),
    ],
    "job_new_epoch": [
        event("job_resumed", "not_paused", payload={"new_epoch": True}),
        event("job_created", "already_created"),
        event("job_resumed", payload={"new_epoch": True}, at=at(5)),
        event("stage_started", stage="a", at=at(6)),
        event("stage_started", stage="b", at=at(7)),
        event("job_resumed", payload={"new_epoch": True}, at=at(20)),
        event("stage_completed", "end_without_start", stage="a", at=at(21)),
        event("stage_started", stage="b", at=at(22)),
        event("gate_pause", gate="g", at=at(23)),
        event("job_resumed", payload={"new_epoch": True}, at=at(30)),
        event("gate_rejected", gate="g", at=at(31)),
        event("job_resumed", payload={"new_epoch": True}, at=at(40)),
        event("job_completed", at=at(41)),
    ],
    "job_new_epoch_frees_of_a_rejection": [
        event("job_started", at=at(0)),
        event("gate_pause", gate="a", at=at(1)),
        event("gate_pause", gate="b", at=at(2)),
        event("gate_rejected", gate="b", at=at(3)),
        event("job_resumed", payload={"new_epoch": True}, at=at(4)),
        event("gate_approved", gate="a", at=at(5)),
    ],
    "job_new_epoch_while_a_first_gate_waits": [
        created(),
        event("gate_pause", gate="g", at=at(1)),
        event("job_resumed", payload={"new_epoch": True}, at=at(2)),
        event("gate_approved", gate="g", at=at(3)),
        event("job_resumed", payload={"new_epoch": False}),
    ],
    "job_violations": [
        created(),
        event("job_created", "already_created"),
        event("job_resumed", "not_paused"),
        event("job_started", at=at(4)),
        event("job_started", "already_started"),
        event("job_resumed", "not_paused"),
        event("job_completed", at=at(9)),
        event("job_created", "already_created"),
        event("job_started", "job_over"),
        event("job_failed", "job_over", message="late"),
        event("stage_started", "job_over", stage="s"),
        event("gate_pause", "job_over", gate="g"),
        event("log", message="a remark stays possible"),
        event("x-note"),
    ],
    "job_implicit": [
        event("log", message="nobody created this job"),
        event("x-first.b_c-d", message="nor this"),
        event("stage_progress", "progress_without_start", stage="s", payload={"percent": 12.5}),
    ],
    "job_strict": [
        created(strict=True, pipeline="release"),
        Refused({"type": "stage_completed", "stage": "s"}, "strict_violation"),
        event("stage_started", stage="s", at=at(5)),
        Refused({"type": "stage_started", "stage": "s"}, "strict_violation"),
        event("stage_completed", stage="s", at=at(6)),
        event("job_completed", at=at(7)),
        Refused({"type": "job_completed"}, "strict_violation"),
    ],
    "job_labels": [
        created(pipeline="film",
            labels={"team": "film", "Zone": "z", "a/b": "größe 🎬", "0": "\"quoted\" \\", "a.b": "x"}),
        event("job_started", at=at(1)),
    ],
    "job_labels_many": [
        created(labels={f"key-{(7 * i) % 32:02d}": "v" * (8 * i + 8) for i in range(32)}),
    ],

    "stage_attempts": [
        created(),
        event("stage_started", stage="s", message="first", at=at(1)),
        event("stage_failed", stage="s", message="no disk", at=at(2)),
        event("stage_started", stage="s", at=at(3)),
        event("stage_completed", stage="s", attempt=2, at=at(4)),
        event("stage_started", stage="s", attempt=7, at=at(5)),
        event("stage_progress", stage="s", attempt=7, payload={"percent": 50}, at=at(6)),
        event("stage_failed", stage="s", attempt=7, at=at(7)),
        event("stage_completed", "end_without_start", stage="s", attempt=1000000000, at=at(8)),
    ],
    "stage_violations": [
        created(),
        event("stage_completed", "end_without_start", stage="a", at=at(1)),
        event("stage_failed", "end_without_start", stage="b", at=at(2)),
        event("stage_progress", "progress_without_start", stage="c", payload={"current": 1}, at=at(3)),
        event("stage_started", "duplicate_start", stage="c"),
        event("stage_progress", "stage_over", stage="a", payload={"percent": 3}),
        event("stage_completed", "stage_over", stage="b"),
        event("stage_progress", "attempt_mismatch", stage="c", attempt=9),
        event("stage_started", "attempt_mismatch", stage="a", attempt=1),
        event("stage_started", stage="a", attempt=2, at=at(5)),
        event("stage_failed", "attempt_mismatch", stage="a", attempt=1),
    ],
    "stage_abandoned": [
        created(),
        event("stage_started", stage="s", at=at(1)),
        event("job_failed", at=at(2)),
        event("job_resumed", at=at(3)),
        event("stage_progress", "progress_without_start", stage="s", payload={"percent": 1}, at=at(4)),
        event("job_canceled", at=at(5)),
        event("job_resumed", at=at(6)),
        event("stage_failed", "end_without_start", stage="s", message="late news", at=at(7)),
        event("stage_completed", "stage_over", stage="s", attempt=1),
    ],
    "stage_tree": [
        created(stages=["load", "train", "train/epoch-1", "train/epoch-2", "train/epoch-3", "export/onnx/fp16", "load"]),
        event("stage_started", stage="load", at=at(1)),
        event("stage_completed", stage="load", at=at(2)),
        event("stage_started", stage="train/epoch-1", at=at(3)),
        event("stage_completed", stage="train/epoch-1", at=at(4)),
        event("stage_started", stage="train/epoch-2", at=at(5)),
        event("stage_progress", stage="train/epoch-2", payload={"current": 1, "total": 3}, at=at(6)),
        event("stage_progress", "progress_without_start", stage="train", payload={"percent": 10}, at=at(7)),
        event("stage_started", stage="surprise/a/b/c/d/e", at=at(8)),
        event("stage_failed", stage="surprise/a/b/c/d/e", at=at(9)),
        event("stage_completed", stage="train", at=at(10)),
        event("stage_started", stage="train", at=at(11)),
        event("stage_started", stage="export", at=at(12)),
        event("job_completed", at=at(13)),
    ],
    "stage_thirds": [
        created(stages=["a", "b", "c"]),
        event("stage_started", stage="a", at=at(1)),
        event("stage_completed", stage="a", at=at(2)),
        event("stage_started", stage="b", at=at(3)),
        report('{"percent":33.33333}', stage="b", occurred_at=at(4)),
        report('{"current":2,"total":7}', stage="b", occurred_at=at(5)),
    ],
    "stage_messages": [
        created(),
        event("stage_started", stage="s", message="begins"),
        event("stage_progress", stage="s"),
        event("stage_progress", stage="s", message="half", payload={"percent": 50}),
        event("stage_progress", stage="s", payload={}),
        event("stage_completed", stage="s"),
    ],

    "progress_figures": of_progress(
        '{"current":0,"total":3,"unit":"frames"}',
        '{"current":1}',
        '{"current":2,"unit":"f/\\u0073 \\"x\\""}',
        '{"total":8}',
        '{"current":8}',
        '{"current":8,"unit":null}',
    ),
    "progress_spellings": of_progress(
        '{"current":1.0,"total":1e5}',
        '{"current":1.5e1,"total":100000.0}',
        '{"current":1E+2}',
        '{"current":2.50e2,"total":1e18}',
        '{"current":9007199254740993,"total":9007199254740995}',
        '{"current":9007199254740993.0,"total":1e18}',
    ),
    "progress_zero": of_progress(
        '{"current":-0,"total":0}',
        '{"current":-0.0,"total":-0e5}',
        '{"percent":-0.0}',
        '{"current":0.0,"total":10}',
    ),
    "progress_small": of_progress(
        '{"current":0.00001,"total":0.5}',
        '{"current":0.000123456789,"total":1}',
        '{"current":1e-300}',
        '{"current":4.9e-324}',
        '{"current":0.1}',
        '{"current":0.30000000000000004}',
    ),
    "progress_ties": of_progress(
        '{"percent":12.34565}',
        '{"percent":0.5000005}',
        '{"percent":1.5258789e-5}',
        '{"percent":2.4414062}',
        '{"percent":9.5367431640625e-7}',
        '{"percent":99.999995}',
        '{"percent":99.9999951}',
    ),
    # Exactly between two numbers of six digits.
    "progress_exact_ties": of_progress(
        '{"percent":12.28125}',
        '{"percent":12.34375}',
        '{"percent":1.015625}',
        '{"percent":1.046875}',
        '{"current":12.28125,"total":100}',
        '{"current":57.40625}',
        '{"current":41.146875,"total":70}',
        '{"current":63.371875}',
        '{"current":70.590625,"total":490}',
    ),
    "progress_rounding": of_progress(
        '{"current":1,"total":12345678}',
        '{"current":152587.890625,"total":1000000}',
        '{"current":262144.5,"total":1048576}',
        '{"current":777777.77,"total":1048576}',
    ),
    "progress_digits": of_progress(
        '{"current":5e-324}',
        '{"current":1.7800590868057611e-307}',
        '{"current":2.2250738585072014e-308}',
        '{"current":123456789012345.68}',
        '{"current":1234567890123456.7}',
        '{"current":8999999999999999}',
        '{"current":9000000000000000}',
        '{"current":9.5e15}',
        '{"current":123456789012345678}',
    ),
    # Doubles of which the C++ code does not print the shortest digits.
    "progress_digits_that_are_not_the_shortest": of_progress(
        '{"current":849686730911424.2}',
        '{"current":152489964412999.62}',
        '{"current":1120190537298671.2}',
        '{"current":53165205877497300}',
        '{"current":492549670641503200}',
        '{"current":1.23343658447265625}',
        '{"current":2.98419952392578125}',
    ),
    "progress_percent": of_progress(
        '{"percent":0}',
        '{"percent":10}',
        '{"percent":25.5}',
        '{"percent":100}',
        '{"percent":99.9}',
    ),
    "progress_percent_then_figures": of_progress(
        '{"percent":10}',
        '{"percent":20}',
        '{"current":3,"total":10}',
        '{"current":4}',
        '{"percent":77,"current":5}',
        '{"current":6}',
    ),
    "progress_going_back": of_progress(
        '{"current":9,"total":10}',
        '{"current":3}',
        ('{"current":12}', "invalid_progress"),
        '{"current":10}',
    ),
    "progress_invalid": of_progress(
        ('{"current":-1}', "invalid_progress"),
        ('{"percent":100.1}', "invalid_progress"),
        ('{"current":"7"}', "invalid_progress"),
        ('{"current":2,"total":1}', "invalid_progress"),
        ('{"current":1,"current":2}', "invalid_progress"),
        ('{"current":1,"curr\\u0065nt":1}', "invalid_progress"),
        ('{"unit":5}', "invalid_progress"),
        ('{"current":1e19}', "invalid_progress"),
        ('{"current":1e-400}', "invalid_progress"),
        ('{"percent":true}', "invalid_progress"),
        ('{"total":[1]}', "invalid_progress"),
        '{"current":null,"total":null,"percent":null,"unit":null}',
    ),
    "progress_suspect_keys": of_progress(
        ('{"totl":9,"current":3}', "suspect_key"),
        ('{"Current":4}', "suspect_key"),
        ('{"percentage":40}', "suspect_key"),
        ('{"pct":41}', "suspect_key"),
        '{"x-totl":9}',
        '{"current":5,"progress":0.5}',
        '{"current":6,"total":9,"totl":8,"curren":1}',
    ),
    "progress_escaped_keys": of_progress(
        '{"\\u0063urrent":1.0,"tot\\u0061l":4,"unit":"\\u00e9\\ud83c\\udfac\\u0000"}',
        ('{"current\\u0000":2}', "suspect_key"),
        '{"current":3,"nested":{"current":4},"x":"{\\"current\\":5}"}',
    ),
    "progress_at_one_time": [
        created(),
        event("stage_started", stage="s", at=at(1)),
        report('{"current":1,"total":9}', occurred_at=at(5)),
        report('{"current":2}', occurred_at=at(5)),
        report('{"current":4}', occurred_at=at(4)),
        report('{"current":5}', occurred_at=at(5.000001)),
    ],

    "gate_approved": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="release", message="may it go out?"),
        Decision("release", "approve", {"comment": "go"}),
        event("job_resumed"),
        event("job_resumed", "not_paused"),
        event("job_completed"),
    ],
    "gate_options": [
        created(),
        event("gate_pause", gate="g",
            payload={"prompt": "which?", "options": ["1.0", "1e5", "-0", "9007199254740993", "a\"b\\", "é🎬\u0001"], "approvers": ["alice", "bob"], "x-custom": 1.0}),
        event("gate_approved", "choice_required", gate="g"),
        event("gate_approved", "choice_unknown", gate="g", payload={"choice": "1"}),
        event("gate_rejected", "choice_unknown", gate="g", payload={"choice": "1.00"}),
        Decision("g", "approve", {"choice": "1e5", "comment": "\"fine\"\t🎬"}),
        event("gate_approved", "gate_decided", gate="g"),
    ],
    "gate_options_escaped": [
        created(),
        raw('{"type":"gate_pause","gate":"g","payload":{"options":["\\u0061","\\u2028","\\/","\\ud83c\\udfac","\\u007f","\\u0000"],'
            '"prompt":"\\u0070\\u0000\\b\\f\\n\\r\\t\\u001f\\u007f\\u0080\\u2028\\ufffe"}}'),
        raw('{"type":"gate_approved","gate":"g","message":"m","payload":{"choice":"a","via":"we\\u0062"}}'),
    ],
    "gate_required": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="g", payload={"required": 3, "prompt": "three of us"}, at=at(2)),
        Decision("g", "approve", {"comment": "one"}),
        Decision("g", "approve", {}, refused="already_approved"),
        event("gate_approved", "already_approved", gate="g", by="alice"),
        event("gate_approved", gate="g", message="two", by="bob", at=at(5)),
        event("log", message="still waiting"),
        event("gate_auto_approved", "timer_only", gate="g", by="carol"),
        Decision("g", "approve", {"comment": "three"}, "carol"),
        event("gate_approved", "gate_decided", gate="g", by="dave"),
        event("job_completed"),
    ],
    "gate_required_rejected": [
        created(),
        event("gate_pause", gate="g", payload={"required": 2, "options": ["eu", "us"]}, at=at(1)),
        event("gate_approved", "choice_required", gate="g", by="alice"),
        event("gate_approved", gate="g", payload={"choice": "eu"}, by="alice"),
        event("gate_approved", "answers_differ", gate="g", payload={"choice": "us"}, by="bob"),
        event("gate_rejected", gate="g", message="not today", by="alice"),
        event("gate_pause", gate="g", payload={"required": 2}),
        event("gate_approved", gate="g", by="alice"),
        event("gate_approved", gate="g", by="bob"),
    ],
    "gate_required_timer": [
        created(),
        event("gate_pause", gate="g", payload={"required": 2, "timeout_seconds": 1, "on_timeout": "approve"}),
        event("gate_approved", gate="g", by="alice"),
        TimerDecides("g"),
        event("gate_pause", gate="h", payload={"required": 2, "timeout_seconds": 1}),
        event("gate_approved", gate="h", by="alice"),
        TimerDecides("h"),
    ],
    "gate_required_canceled": [
        created(),
        event("gate_pause", gate="g", payload={"required": 2, "fields": [{"name": "a", "type": "boolean"}]}),
        event("gate_approved", gate="g", payload={"answers": {"a": True}}, by="alice"),
        event("job_canceled"),
        event("gate_approved", "job_over", gate="g", by="bob"),
    ],
    "gate_not_by_its_opener": [
        created(),
        event("gate_pause", gate="g", payload={"allow_self": False, "approvers": ["alice", "worker"]}),
        event("gate_approved", "self_decision", gate="g"),
        event("gate_rejected", "self_decision", gate="g"),
        event("gate_auto_approved", "timer_only", gate="g", by="dave"),
        Decision("g", "approve", {}, "worker", refused="forbidden"),
        Decision("g", "approve", {}),
        event("gate_pause", gate="h", payload={"allow_self": True, "required": 1}),
        event("gate_approved", gate="h"),
    ],
    "gate_fields": [
        created(),
        event("gate_pause", gate="g", payload={"fields": [
            {"name": "percent", "type": "number", "required": True, "min": 0, "max": 100, "label": "How many percent?"},
            {"name": "region", "type": "choice", "options": ["eu", "us \"1\""], "required": True},
            {"name": "note", "type": "text", "min": 2, "max": 10, "x-hint": 1},
            {"name": "dry-run", "type": "boolean", "required": False},
        ]}),
        event("gate_approved", "answer_required", gate="g"),
        event("gate_approved", "answer_required", gate="g", payload={"answers": {"percent": 1}}),
        event("gate_approved", "answer_invalid", gate="g", payload={"answers": {"percent": 101, "region": "eu"}}),
        event("gate_approved", "answer_invalid", gate="g", payload={"answers": {"percent": "1", "region": "eu"}}),
        event("gate_approved", "answer_invalid", gate="g", payload={"answers": {"percent": 1, "region": "asia"}}),
        event("gate_approved", "answer_invalid", gate="g", payload={"answers": {"percent": 1, "region": "eu", "note": "é"}}),
        event("gate_rejected", "answer_invalid", gate="g", payload={"answers": {"other": 1}}),
        Decision("g", "approve", {"answers": {"percent": 1, "region": "eu", "dry-run": 0}}, refused="invalid_field"),
        raw('{"type":"gate_approved","gate":"g","payload":{"answers":{"region":"us \\u00221\\"","dry-run":null,"note":"éé🎬","percent":1.250e1}}}'),
        event("gate_pause", gate="g", payload={"fields": [{"name": "n", "type": "number"}, {"name": "t", "type": "text", "required": True}]}),
        event("gate_approved", "answer_required", gate="g", payload={"answers": {"t": " \t"}}),
        raw('{"type":"gate_approved","gate":"g","payload":{"answers":{"n":-0.0,"t":"a\\u0000\\u2028"}}}'),
        event("gate_pause", gate="g", payload={"fields": [{"name": "n", "type": "number", "min": 1e-7, "max": 1e15}]}),
        raw('{"type":"gate_rejected","gate":"g","payload":{"answers":{"n":123456789012345.6},"comment":"c"}}'),
        event("gate_pause", gate="g", payload={"fields": [{"name": "n", "type": "number"}]}),
        event("gate_approved", gate="g"),
        event("gate_pause", gate="h"),
        event("gate_approved", "answer_invalid", gate="h", payload={"answers": {"n": 1}}),
        event("gate_approved", gate="h", payload={"answers": {}}),
    ],
    "gate_fields_agreed": [
        created(),
        event("gate_pause", gate="g", payload={"required": 3, "options": ["a", "b"], "fields": [
            {"name": "n", "type": "number", "required": True}, {"name": "t", "type": "text"}]}),
        event("gate_approved", gate="g", payload={"choice": "a", "answers": {"n": 10}}, by="alice"),
        event("gate_approved", "answers_differ", gate="g", payload={"choice": "a", "answers": {"n": 11}}, by="bob"),
        event("gate_approved", "answers_differ", gate="g", payload={"answers": {"t": "more"}}, by="bob"),
        Decision("g", "approve", {"choice": "b"}, "bob", refused="answers_differ"),
        raw('{"type":"gate_approved","gate":"g","payload":{"choice":"a","answers":{"n":10.0}}}'),
        Decision("g", "approve", {}, "carol"),
    ],
    "gate_rejected": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="g", at=at(2)),
        event("job_resumed", "gate_pending"),
        Decision("g", "reject", {"comment": "not yet"}),
        event("log", message="held"),
        event("gate_rejected", "gate_decided", gate="g"),
        event("job_resumed"),
        event("job_completed"),
    ],
    "gate_iterations": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="g", at=at(2)),
        event("gate_rejected", gate="g", at=at(3)),
        event("gate_pause", gate="g", at=at(4)),
        event("gate_pause", "gate_already_pending", gate="g"),
        event("gate_approved", gate="g", message="second try", at=at(5)),
        event("gate_pause", gate="g", at=at(6)),
        event("gate_expired", gate="g", at=at(7)),
        event("gate_approved", "gate_decided", gate="g"),
    ],
    "gate_several": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="a", at=at(2)),
        event("gate_pause", gate="b", at=at(3)),
        event("gate_pause", gate="c", at=at(4)),
        event("gate_approved", gate="c", at=at(5)),
        event("gate_rejected", gate="b", at=at(6)),
        event("gate_expired", gate="a", at=at(7)),
        event("gate_pause", gate="a", at=at(8)),
        event("gate_auto_approved", gate="a", at=at(9)),
        event("gate_pause", gate="b", at=at(10)),
        event("gate_approved", gate="b", at=at(12)),
        event("log", message="on"),
        event("x-on"),
        event("job_resumed", at=at(13)),
    ],
    "gate_unknown": [
        created(),
        event("gate_approved", "gate_unknown", gate="g"),
        event("gate_expired", "gate_unknown", gate="h"),
        event("gate_auto_approved", "gate_unknown", gate="g"),
        event("gate_rejected", "gate_unknown", gate="g"),
    ],
    "gate_canceled_by_end": [
        created(),
        event("gate_pause", gate="a", at=at(1)),
        event("stage_started", stage="s", at=at(2)),
        event("gate_pause", gate="b", at=at(3)),
        event("job_canceled", message="enough", at=at(4)),
        event("gate_approved", "job_over", gate="a"),
        event("job_resumed", at=at(5)),
        event("gate_approved", "gate_decided", gate="a"),
        event("gate_pause", gate="a", at=at(6)),
    ],
    "gate_before_start": [
        created(),
        event("gate_pause", gate="g", at=at(1)),
        event("stage_started", stage="s", at=at(2)),
        event("gate_approved", gate="g", at=at(3)),
        event("gate_pause", gate="h", at=at(4)),
        event("job_started", "already_started"),
        event("gate_approved", gate="h", at=at(5)),
    ],
    "gate_timer_expires": [
        created(),
        event("gate_pause", gate="g", payload={"timeout_seconds": 1, "prompt": "quick?"}),
        TimerDecides("g"),
        event("job_resumed"),
    ],
    "gate_timer_approves": [
        created(),
        event("job_started"),
        event("gate_pause", gate="g", payload={"timeout_seconds": 1, "on_timeout": "approve", "options": ["yes"]}),
        TimerDecides("g"),
        event("job_completed"),
    ],
    "gate_timer_rejects": [
        created(),
        event("gate_pause", gate="g", payload={"timeout_seconds": 1, "on_timeout": "reject"}, at=at(1)),
        TimerDecides("g"),
        event("gate_pause", gate="h", payload={"timeout_seconds": 31536000, "on_timeout": "expire"}),
    ],
    "gate_decision_late": [
        created(),
        event("job_started", at=at(1)),
        event("gate_pause", gate="g", at=at(10)),
        event("gate_approved", gate="g", at=at(5)),
        event("gate_pause", gate="g", at=at(3)),
        event("job_completed", at=at(2)),
    ],

    "time_imported": [
        event("job_started", at=at(10)),
        event("stage_started", stage="a", at=at(11)),
        event("job_created", "already_created", at=at(0)),
        event("stage_completed", stage="a", at=at(9)),
        event("log", message="before all of it", at="2026-10-01T00:00:00Z"),
        event("job_failed", at=at(8), message="ends before it began"),
    ],
    "time_of_unset_clocks": [
        created(),
        event("job_started", at="1970-01-01T00:00:00Z"),
        event("stage_started", stage="s", at="0001-01-01T00:00:00Z"),
        event("stage_progress", stage="s", payload={"percent": 5}, at="9999-12-31T23:59:59.999999Z"),
        event("stage_completed", stage="s", at="2026-11-01T12:30:00.1234567+02:00"),
        event("job_completed", at="2016-12-31T23:59:60Z"),
    ],
    "time_of_leap_days": [
        event("job_started", at="2000-02-29T23:59:59.999999Z"),
        event("stage_started", stage="s", at="2024-02-29T00:00:00.000001Z"),
        event("stage_completed", stage="s", at="2024-03-01T00:00:00Z"),
        event("job_completed", at="2025-12-31T23:59:59.5Z"),
    ],

    "payload_of_others": [
        created(),
        raw('{"type":"log","message":"m","payload":{"a":1.0,"b":1e5,"c":-0,"d":9007199254740993,"e":[1E-7,{"f":null}],'
            '"g":123456789012345678901234567890}}'),
        raw('{"type":"x-a.b_c-1","payload":{"current":1,"stages":["x"],"":{}}, "level":"critical","status":"odd \\"status\\""}'),
    ],
    "payload_of_a_job": [
        raw('{"type":"job_created","occurred_at":"%s","payload":{"pipel\\u0069ne":"p\\u00e9\\u0000","stages":["b","a/b","b"],"strict":null,'
            '"labels":{"\\u006b":"v"},"Pipelines":1,"x":9007199254740993}}' % at(0)),
        raw('{"type":"job_resumed","payload":{"new_epoch":null}}', "not_paused"),
        raw('{"type":"job_resumed","payload":{"new_epoc":true}}', "not_paused"),
    ],
    "payload_null": [
        raw('{"type":"job_created","payload":{"pipeline":null,"stages":null,"labels":null,"strict":false}}'),
        raw('{"type":"gate_pause","gate":"g","payload":{"prompt":null,"options":null,"timeout_seconds":null,"on_timeout":null,"approvers":null}}'),
        raw('{"type":"gate_approved","gate":"g","payload":{"comment":null,"choice":null,"via":null}}'),
        raw('{"type":"log","message":"m","payload":{}}'),
    ],
    "payload_lookalikes": [
        created(),
        event("gate_pause", gate="g",
            payload={"x-prompt": "not this", "x-Prompt": {"prompt": "nor this"}, "prompt": "this"}),
        raw('{"type":"gate_approved","gate":"g","payload":{"x-choice":"a","x-comment":["comment"],"comment":"this"}}'),
        report('{"a":"\\\\\\"current\\\\\\":7","b":"}],","current":2,"c":[{"current":3},"]"]}',
            "progress_without_start"),
    ],

    "text_unicode": [
        created(pipeline="größe 漢字 🎬 \u200d e\u0301"),
        event("stage_started", stage="s",
            message="\u0000 \u0001 \u001f \" \\ / \b\f\n\r\t \u007f \u0085 \u2028\u2029 \ufeff \uffff"),
        raw('{"type":"stage_failed","stage":"s","message":"\\ud83c\\udfac \\u00e9 \\/ \\u0000"}'),
        event("job_failed", message="\"quoted\" \\ back"),
    ],
    "text_long": [
        created(),
        event("stage_started", stage="s", message="long " * 3000),
        event("job_failed", message="ü🎬\n" * 1500),
    ],
}
