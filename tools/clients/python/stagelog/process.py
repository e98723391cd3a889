"""What a process does to all loggers at once: it forks, and it ends."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from typing import List, Protocol, Set


class Member(Protocol):
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...
    def at_exit(self) -> None: ...


_members: "weakref.WeakSet[Member]" = weakref.WeakSet()
_forking: List[Member] = []
_lock = threading.Lock()
# True on a thread that sends, or that is within Handler.emit(): what is logged there would come
# back for ever.
own_work = threading.local()


def is_own_work() -> bool:
    return getattr(own_work, "is_busy", False)


def join(member: Member) -> None:
    with _lock:
        _members.add(member)


def leave(member: Member) -> None:
    with _lock:
        _members.discard(member)


def _before_fork() -> None:
    _lock.acquire()
    _forking.extend(_members)
    for member in _forking:
        member.before_fork()


def _after_fork_in_parent() -> None:
    for member in _forking:
        member.after_fork_in_parent()
    _forking.clear()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    own_work.is_busy = False
    for member in _forking:
        member.after_fork_in_child()
    _forking.clear()


def _at_exit() -> None:
    # No thread can be started here since Python 3.12; what is left is sent on this one.
    for member in list(_members):
        member.at_exit()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,
                        after_in_child=_after_fork_in_child)


class Speaker:
    """Messages for people on standard error, one about each topic."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._said: Set[str] = set()

    def say(self, topic: str, message: str) -> None:
        if topic in self._said:
            return
        self._said.add(topic)
        try:
            print(f"stagelog: job {self._job}: {message}", file=sys.stderr, flush=True)
        except Exception:
            pass  # a standard error that is closed is no reason to disturb the program
