"""What a Follower asks for, one step after the other, and gets the result of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generator, List, Mapping, Optional, Union

from .event import Event


@dataclass(frozen=True)
class Status:
    """How a stream is doing."""

    state: str  # live, replaying, polling, offline, gap, ended
    detail: str = ""
    missed: Optional[int] = None  # gap: how many seqs, where that is known


@dataclass(frozen=True)
class Open:
    """Ask for a stream. Result: its Answer, with the head alone."""

    target: str
    fields: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Read:
    """Result: the next bytes of the stream; b"" at its proper end."""

    seconds: float


@dataclass(frozen=True)
class Fetch:
    """Result: an Answer."""

    target: str
    seconds: float


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Deliver:
    events: List[Event]


@dataclass(frozen=True)
class Tell:
    status: Status


# Open, Read and Fetch raise UnreachableError. Whatever comes after a Read closes the stream, but
# for Deliver, Tell and another Read.
Step = Union[Open, Read, Fetch, Sleep, Deliver, Tell]
Steps = Generator[Step, Any, None]
