"""What a daemon's answer means for the events that were sent."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional

from .errors import StagelogError
from .http_client import Answer, error_of
from .json_text import clean, compact

# Statuses by which a daemon refuses an event for what it says. Others speak of the sender (401,
# 403), the address (404, 421) or the moment (408, 5xx): the events are kept.
_FOR_GOOD = (400, 409, 410, 413, 415, 422, 431)


class VerdictKind(enum.Enum):
    TAKEN = "all were accepted"
    REFUSED = "none was accepted, and one never will be"
    UNAVAILABLE = "none will be accepted until token or URL are right"
    LATER = "not now"


@dataclass(frozen=True)
class Verdict:
    kind: VerdictKind
    job_status: str = ""  # TAKEN, where the answer has it
    flagged: int = 0  # TAKEN: stored, but marked as illegal in the job's state
    culprit: Optional[int] = None  # REFUSED: which one, from 0, where it is known
    reason: str = ""  # REFUSED: a JSON object
    error: Optional[StagelogError] = None  # all but TAKEN


def classify(answer: Answer, lines: int, url: str) -> Verdict:
    body = answer.json()
    # Another server's 200 says nothing of events.
    if answer.ok and "durable" in body:
        status = body.get("job_status", "")
        flagged = body.get("flagged", 0)
        return Verdict(VerdictKind.TAKEN, job_status=status if isinstance(status, str) else "",
                       flagged=flagged if isinstance(flagged, int) else 0)
    error = error_of(answer, url)
    if body.get("code") and answer.status in _FOR_GOOD:
        reason = compact(clean({"status": answer.status, "code": body.get("code"),
                                "detail": body.get("detail", "")}))
        return Verdict(VerdictKind.REFUSED, culprit=_culprit(body.get("line"), lines),
                       reason=reason, error=error)
    may_pass = answer.status >= 500 or answer.status in (408, 429)
    kind = VerdictKind.LATER if may_pass else VerdictKind.UNAVAILABLE
    return Verdict(kind, error=error)


def _culprit(line: object, lines: int) -> Optional[int]:
    if lines == 1:
        return 0
    is_line = isinstance(line, int) and 1 <= line <= lines
    return line - 1 if is_line and isinstance(line, int) else None
