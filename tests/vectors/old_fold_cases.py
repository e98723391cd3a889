"""Jobs with lines as other versions wrote them, before or after this one, for make_folds.py."""

import dataclasses

from fold_cases import at, created, event, report


@dataclasses.dataclass
class Rewritten:
    """Lines that no daemon of today writes: `edits` (job_seq, old text, new text) are made in the lines of
    `steps`, which are chained anew. A daemon opens them as the journal of another version."""
    steps: list
    edits: list
    seq_offset: int = 0


def flagged(job_seq, codes):
    return (job_seq, ',"actor":', ',"violations":[%s],"actor":' % ",".join(f'"{code}"' for code in codes))


REWRITTEN = {
    "old_implicit_create": Rewritten(
        [event("stage_started", stage="s", at=at(0)), event("stage_completed", stage="s", at=at(1)),
            event("job_completed", at=at(2))],
        [flagged(1, ["implicit_create"])]),
    "old_resume_completed": Rewritten(
        [created(), event("job_completed", at=at(1)), event("job_resumed", at=at(2)),
            event("log", message="no epoch has begun")],
        [flagged(3, ["resume_completed"])]),
    "old_codes_of_a_later_version": Rewritten(
        [created(), event("stage_started", stage="a", at=at(1)), event("stage_started", stage="b", at=at(2)),
         event("stage_started", stage="c", at=at(3)), event("job_failed", at=at(4))],
        [flagged(2, ["a_later_code"]), flagged(3, ["implicit_create", "suspect_key", "end_without_start"]),
         flagged(4, ["end_without_start", "a_later_code"]), flagged(5, ["implicit_create"])]),
    "old_violations_that_are_missing": Rewritten(
        [created(stages=["s"]), event("stage_started", stage="s", at=at(1)), report('{"current":1}', occurred_at=at(2)),
         report('{"current":2,"total":9,"unit":"u"}', occurred_at=at(3)), event("log", message="m"),
         event("job_completed", at=at(4)),
         event("log", message="m"), event("log", message="m")],
        [(3, '{"current":1}', '{"current":-1,"total":4,"percent":1e-400,"unit":7}'),
            (4, '"total":9', '"total":"9","total":1'),
         (5, '"log"', '"gate_approved","gate":"never"'), (7, '"log"', '"stage_started","stage":"t"'),
         (8, '"log"', '"job_started"')]),
    "old_progress_beyond_its_total": Rewritten(
        [created(stages=["s"]), report('{"current":1,"total":2}', "progress_without_start", occurred_at=at(1)),
         report('{"current":2}', occurred_at=at(2)), report('{"current":2}', occurred_at=at(3))],
        [(3, '{"current":2}', '{"current":5}'), (4, '{"current":2}', '{"current":7,"percent":101}')]),
    "old_required": Rewritten(
        [created(), event("gate_pause", gate="g", payload={"required": 2, "allow_self": False}),
         event("gate_approved", gate="g", by="alice", at=at(3)), event("log", message="it was a key of its own"),
         event("job_completed")],
        [(3, ',"approval":{"count":1,"required":2}', "")]),
    "old_lax_gates": Rewritten(
        [created(), event("gate_pause", gate="g", payload={"options": ["a"]}),
            event("gate_pause", gate="h", payload={"options": ["a"]}),
         event("gate_pause", gate="i", payload={"options": ["a"]}),
         event("gate_pause", gate="j", payload={"options": ["a"]}),
         event("gate_rejected", gate="g", payload={"comment": "c"})],
        [(2, '{"options":["a"]}',
            '{"options":[1.0,"1.0",1e5,["x"],"",null,"\\u0062"],"timeout_seconds":0,"on_timeout":5,"approvers":[]}'),
         (3, '{"options":["a"]}', '{"options":"a","timeout_seconds":1.0,"approvers":["ann",7]}'),
         (4, '{"options":["a"]}',
             '{"options":[],"timeout_seconds":18446744073709551616,"on_timeout":"later","prompt":["p"]}'),
         (5, '{"options":["a"]}',
             '{"options":["a",1e300],"timeout_seconds":31536001,"prompt":"one","pr\\u006fmpt":"two"}'),
         (6, '{"comment":"c"}', '{"comment":{"a":1},"choice":"none of them","via":""}')]),
    "old_lax_jobs": Rewritten(
        [created(pipeline="p")],
        [(1, '{"pipeline":"p"}',
            '{"pipeline":7,"strict":1,"stages":["a",1,"a//b","-x","b/c",null],"labels":{"ok":"v","n":1,"":"v","-x":"v","e":"",'
          '"t":"a\\tb","twice":"1","twice":"2","gone":"1","gone":null,%s}}' % ",".join(f'"z{i}":"v{i}"' for i in range(40)))]),
    "old_large_seq": Rewritten(
        [created(), event("gate_pause", gate="g", at=at(1)), event("gate_approved", gate="g", at=at(2)),
            event("job_completed", at=at(3))],
        [], seq_offset=2**53),
}
