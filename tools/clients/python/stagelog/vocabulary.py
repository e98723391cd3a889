"""Types of events, and what the journal fills in or asks for. The daemon judges what it is sent;
where there is none, this does."""

from __future__ import annotations

import re
from typing import Optional

from .errors import RefusedError
from .event import LEVELS, Draft
from .names import is_name, is_stage_path

STATUS = {"job_created": "created", "job_started": "running", "job_resumed": "running",
          "job_completed": "completed", "job_failed": "failed", "job_canceled": "canceled",
          "stage_started": "running", "stage_progress": "running",
          "stage_completed": "completed", "stage_failed": "failed", "gate_pause": "paused",
          "gate_approved": "approved", "gate_rejected": "rejected",
          "gate_auto_approved": "approved", "gate_expired": "expired", "log": ""}
_LEVEL = {"job_failed": "error", "job_canceled": "warning", "stage_failed": "error",
          "gate_pause": "warning", "gate_rejected": "warning", "gate_expired": "warning"}
_OWN_TYPE = re.compile(r"x-[a-z0-9._-]{1,63}\Z")


def level_of(type: str) -> str:
    """Where the emitter sends none; types of its own have none then."""
    return _LEVEL.get(type, "info") if type in STATUS else ""


def refusal_of(draft: Draft) -> Optional[RefusedError]:
    """Why no journal takes it; None if it does."""
    if draft.type not in STATUS and not _OWN_TYPE.match(draft.type):
        return RefusedError("unknown_type", f"unknown type '{draft.type}'", "type")
    if draft.level and draft.level not in LEVELS:
        return RefusedError("invalid_field", f"unknown level '{draft.level}'", "level")
    needs = {"stage": draft.type.startswith("stage_"), "gate": draft.type.startswith("gate_"),
             "message": draft.type == "log"}
    for field, is_needed in needs.items():
        if is_needed and not getattr(draft, field):
            return RefusedError("missing_field", f"type '{draft.type}' requires '{field}'", field)
    if draft.stage and not is_stage_path(draft.stage):
        return RefusedError("invalid_id", f"'{draft.stage}' is no path of a stage", "stage")
    if draft.gate and not is_name(draft.gate):
        return RefusedError("invalid_id", f"'{draft.gate}' is no name of a gate", "gate")
    return None
