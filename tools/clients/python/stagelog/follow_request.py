"""Which events to follow, and the targets that return them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple, Union

from .http_client import job_target, quote
from .names import is_job_id

# One value, or several.
Words = Union[str, Iterable[str]]
PAGE_EVENTS = 1_000


@dataclass(frozen=True)
class FollowRequest:
    job: Optional[str]  # None: all jobs
    after: Optional[int]
    since: str
    filters: Tuple[Tuple[str, str], ...]
    until_terminal: bool
    waits_at_start: bool
    silence_seconds: Optional[float]
    stream_retry_seconds: float

    def _events(self) -> str:
        return ("/api/v1" if self.job is None else job_target(self.job)) + "/events"

    def _filter_text(self) -> str:
        return "".join(f"&{name}={quote(value)}" for name, value in self.filters)

    def first_poll(self) -> str:
        is_from_first = self.job is not None and not self.since
        if self.after is not None or is_from_first:
            return self.poll(self.after or 0, 0)
        return (f"{self._events()}?since={quote(self.since or 'now')}&limit={PAGE_EVENTS}"
                f"{self._filter_text()}")

    def poll(self, cursor: int, wait_seconds: int) -> str:
        wait = f"&wait={wait_seconds}" if wait_seconds > 0 else ""
        return (f"{self._events()}?after={cursor}&limit={PAGE_EVENTS}{self._filter_text()}{wait}")

    def stream(self, cursor: int, journal_id: str) -> str:
        # The cursor also goes in the head; a proxy that takes that away does no harm.
        target = f"{self._events()}/stream?after={cursor}{self._filter_text()}"
        if journal_id:
            target += f"&journal={quote(journal_id)}"
        return target + ("&until=terminal" if self.until_terminal else "")


def make_request(job: Optional[str], after: Optional[int], since: str, type: Words, stage: Words,
                 level: Words, jobs: Words, q: str, until_terminal: bool, wait_at_start: bool,
                 silence_seconds: Optional[float],
                 stream_retry_seconds: float) -> FollowRequest:
    """ValueError for what cannot be asked."""
    if job is not None and not is_job_id(job):
        raise ValueError(f"{job!r} is no name of a job")
    if until_terminal and job is None:
        raise ValueError("until_terminal wants a job")
    if after is not None and since:
        raise ValueError("give after= or since=, not both")
    filters: List[Tuple[str, str]] = []
    for name, words in (("type", type), ("stage", stage), ("level", level), ("job", jobs)):
        text = words if isinstance(words, str) else ",".join(words)
        if text:
            filters.append((name, text))
    if q:
        filters.append(("q", q))
    return FollowRequest(job, after, since, tuple(filters), until_terminal, wait_at_start,
                         silence_seconds, stream_retry_seconds)
