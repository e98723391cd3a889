"""Events to be sent: in the job's spool, or, while the disk rejects them, in memory behind those
in the spool."""

from __future__ import annotations

import collections
import os
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Callable, Deque, List, Optional, Tuple

from .spool import SpoolPlace, SpoolReader, SpoolWriter

MAX_MEMORY_BYTES = 64 << 20
# A spool this large is cleared away as soon as it is all sent, not only at the end.
_LARGE_SPOOL_BYTES = 64 << 20


@dataclass
class Batch:
    """What to send next."""

    lines: List[bytes] = field(default_factory=list)
    is_busy: bool = False  # another process sends this job's events now
    is_spooled: bool = False
    end: int = 0  # of the spool


class Outbox:
    """add() is safe from any thread; everything else is for the one that sends."""

    def __init__(self, folder: Optional[str], max_memory_bytes: int,
                 say: Callable[[str, str], None]) -> None:
        self.folder = folder
        self.dropped = 0
        self._say = say
        self._max_memory_bytes = max_memory_bytes
        self._make()
        if folder is None:
            self._report("neither XDG_STATE_HOME nor HOME is set")

    def _make(self) -> None:
        self._lock = threading.RLock()
        self._reader = SpoolReader(self.folder or "")
        self._writer = SpoolWriter(self.folder or "")
        self._incoming: Deque[Tuple[List[bytes], bool]] = collections.deque()
        self._is_adding = False
        self._memory: Deque[bytes] = collections.deque()
        self._memory_bytes = 0
        self._last_spooled: Optional[SpoolPlace] = None

    # --- Adding ---

    def add(self, lines: List[bytes], is_log: bool) -> Optional[OSError]:
        """Together: no other line comes between. Never waits for the daemon. The error where they
        are not on the disk."""
        problem: Optional[OSError] = None
        with self._lock:
            self._incoming.append((lines, is_log))
            # A signal handler, or a destructor, that logs within add() itself: the outer one goes
            # on with its event.
            if self._is_adding:
                return None
            self._is_adding = True
            try:
                while self._incoming:
                    problem = self._add_one(*self._incoming.popleft()) or problem
            finally:
                self._is_adding = False
        return problem

    def _add_one(self, lines: List[bytes], is_log: bool) -> Optional[OSError]:
        # What is in memory came first; the disk may have room again once it is sent.
        problem: Optional[OSError] = None
        if self.folder is not None and not self._memory:
            try:
                self._last_spooled = self._writer.append(b"\n".join(lines) + b"\n")
                return None
            except OSError as error:
                problem = error
                self._report(str(error))
        for line in lines:
            self._remember(line, is_log)
        return problem

    def _remember(self, line: bytes, is_log: bool) -> None:
        # An event of the job's course counts more than a log line, but not without end.
        room = self._max_memory_bytes * (1 if is_log else 2)
        if self._memory_bytes + len(line) > room:
            self.dropped += 1
            self._say("dropped", "events are dropped: neither the disk nor the memory has room; "
                                 "JobLogger.dropped counts them")
            return
        self._memory_bytes += len(line)
        self._memory.append(line)

    def _report(self, problem: str) -> None:
        self._say("spool", f"cannot write events to the spool ({problem}); keeping them in memory; "
                  "free disk space or set XDG_STATE_HOME")

    # --- Sending ---

    def next(self, max_events: int, max_bytes: int) -> Batch:
        """OSError where the spool cannot be read."""
        if self.folder is not None:
            if self._locked():
                lines, end = self._reader.next(max_events, max_bytes)
                if lines:
                    return Batch(lines, is_spooled=True, end=end)
                if end > _LARGE_SPOOL_BYTES:
                    self._reader.remove_if_sent()
            else:
                with self._lock:
                    # What is in memory comes after what is in the spool.
                    is_my_turn = self._memory and (
                        self._last_spooled is None or self._reader.is_sent(self._last_spooled))
                if not is_my_turn:
                    return Batch(is_busy=True)
        return self._next_remembered(max_events, max_bytes)

    def _locked(self) -> bool:
        try:
            return self._reader.lock()
        except OSError:
            # A full disk has no room for a lock file either; what is in memory can be sent.
            if self._memory:
                return False
            raise

    def _next_remembered(self, max_events: int, max_bytes: int) -> Batch:
        batch, size = Batch(), 0
        with self._lock:
            for line in self._memory:
                size += len(line)
                if len(batch.lines) == max_events or (size > max_bytes and batch.lines):
                    break
                batch.lines.append(line)
        return batch

    def taken(self, batch: Batch) -> None:
        if batch.is_spooled:
            try:
                self._reader.mark_sent(batch.end)
            except OSError:
                pass  # a full disk: what is not marked is sent again, and known by its id
            return
        with self._lock:
            for line in batch.lines:
                if self._memory and self._memory[0] is line:  # else it was saved meanwhile
                    self._memory_bytes -= len(self._memory.popleft())

    def refused(self, batch: Batch, reason: str) -> None:
        """The daemon permanently rejects the only event of `batch`. `reason`: a JSON object."""
        try:
            if self.folder is not None:
                self._reader.refuse(batch.lines[0], reason)
        except OSError:
            self._say("refused file", f"cannot save the refused event in {self.refused_path}")
        self.taken(batch)

    @property
    def refused_path(self) -> str:
        return f"{self.folder}/refused.ndjson"

    def is_all_sent(self) -> bool:
        """True when all events of this process are sent, whoever sent them."""
        with self._lock:
            if self._memory:
                return False
            return self._last_spooled is None or self._reader.is_sent(self._last_spooled)

    def has_unsent(self) -> bool:
        """In the spool, whoever put it there. Without the lock."""
        try:
            return self.folder is not None and self._reader.has_unsent()
        except OSError:
            return False

    def has_anything(self) -> bool:
        return bool(self._memory) or self._last_spooled is not None or self._reader.is_locked

    def leave(self) -> bool:
        """Removes the spool if it is all sent, and lets other processes send. False: call next()
        again."""
        if not self._reader.is_locked:
            return True
        if not self._reader.remove_if_sent():
            return False
        self._reader.unlock()
        # Who appended after the look and could not get the lock relies on this second look.
        return not self._reader.has_unsent()

    # --- The end ---

    def settle(self) -> int:
        """After the last attempt to send. How many events wait in the spool."""
        self._reader.unlock()
        return 0 if self.folder is None else self._reader.unsent_lines()

    def save_memory(self) -> None:
        """What is in memory goes to the spool if possible, else to a file for temporary ones."""
        with self._lock:
            rest = b"".join(line + b"\n" for line in self._memory)
            if rest and not self._spool_rest(rest):
                self._rescue(rest, len(self._memory))
            self._memory.clear()
            self._memory_bytes = 0
            self._writer.close()

    def _spool_rest(self, rest: bytes) -> bool:
        try:
            if self.folder is not None:
                self._writer.append(rest)
                return True
        except OSError:
            pass
        return False

    def _rescue(self, rest: bytes, events: int) -> None:
        # The disk of the spool is full or out of reach; that of temporary files may be another.
        path = ""
        try:
            fd, path = tempfile.mkstemp(prefix="stagelog-spool-")
            with os.fdopen(fd, "wb") as file:
                file.write(rest)
            self._say("rescue",
                      f"{events} events are in {path}; send them with: stagelog emit < {path}")
        except OSError:
            self.dropped += events
            self._say("lost", f"{events} events are lost: no disk has room for them")
            if path:
                os.unlink(path)

    # --- Fork ---

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """The parent sends what it has in memory; its lock and its files stay its own."""
        self._reader.close()
        self._writer.close()
        self._make()
