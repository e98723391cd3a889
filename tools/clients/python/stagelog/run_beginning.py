"""How a run begins. Its first event depends on the state of the job, which only the daemon knows:
a job that exists is resumed. The command line treats these events of a spool in the same way."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from .json_text import object_of

Lines = List[bytes]


def begins_run(line: bytes) -> bool:
    if b'"type":"job_created"' not in line and b'"type":"job_resumed"' not in line:
        return False
    event = object_of(line)  # these words may stand in a payload as well
    payload, kind = event.get("payload"), event.get("type")
    if not isinstance(payload, dict) or kind not in ("job_created", "job_resumed"):
        return False
    return "pid" in payload or (kind == "job_resumed" and "for_stage" in payload)


def beginning_size(lines: Lines) -> int:
    is_pair = (len(lines) > 1 and b'"type":"job_created"' in lines[0]
               and b'"type":"job_started"' in lines[1])
    return 2 if is_pair else 1


def beginning_variants(lines: Lines, status: str) -> List[Lines]:
    """What to send, best first: another one is tried where an id stands for other content already.
    `status` is the job's; empty: there is no such job."""
    try:
        event = json.loads(lines[0])
    except ValueError:
        return [lines]
    if not isinstance(event, dict) or not event.get("event_id"):
        return [lines]
    found = event.get("payload")
    payload: Dict[str, Any] = found if isinstance(found, dict) else {}
    if "for_stage" in payload:  # a stage of `stagelog run --resume`
        return [lines[:1] if status in ("completed", "failed", "canceled") else []]
    bare = {key: value for key, value in payload.items() if key != "new_epoch"}
    as_new = lines
    if event.get("type") != "job_created":
        started = {**event, "event_id": f"{event['event_id']}.started"}
        as_new = [_with_type(event, "job_created", bare), _with_type(started, "job_started", {})]
    as_start = [_with_type(event, "job_started", bare)]
    as_resumption = [_with_type(event, "job_resumed", {**payload, "new_epoch": True})]
    # Only an explicit resumption undoes a cancel.
    resumes = event.get("type") == "job_resumed"
    if not status or (status == "canceled" and not resumes):
        return [as_new, as_resumption, as_start]
    if status == "created":
        return [as_start, as_new, as_resumption]
    return [as_resumption, as_new, as_start]


def _with_type(event: Dict[str, Any], type: str, payload: Dict[str, Any]) -> bytes:
    copy = {key: value for key, value in event.items() if key not in ("type", "payload")}
    copy["type"] = type
    if payload:
        copy["payload"] = payload
    return json.dumps(copy, ensure_ascii=False, separators=(",", ":")).encode()
