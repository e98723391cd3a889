"""A journal without a daemon: runs/<job>/events.jsonl with the daemon's bytes.

Several processes may append: each event is placed under the lock of `stagelog.sequence`, which
holds the last seq and ts of the folder. A daemon that opens the folder later takes the files over;
while one has it, or has had it, this refuses to write there."""

from __future__ import annotations

import collections
import fcntl
import glob
import hashlib
import os
import threading
from typing import Deque, Optional, Sequence, Tuple

from . import process, spool_file as files, times
from .errors import SpoolError, StagelogError
from .event import Draft
from .json_text import compact, object_of
from .vocabulary import STATUS, level_of, refusal_of

ACTOR = "python"

_SEQUENCE_BYTES = 42  # two numbers of twenty digits, a space, a newline


def encode(draft: Draft, job: str, seq: int, job_seq: int, ts_micros: int,
           previous_hash: str) -> Tuple[bytes, str]:
    """The stored line, without a newline, and its hash."""
    ts = times.format_micros(ts_micros)
    members = [("seq", seq), ("job_id", job), ("job_seq", job_seq), ("event_id", draft.event_id),
               ("ts", ts), ("occurred_at", draft.occurred_at or ts), ("type", draft.type),
               ("stage", draft.stage), ("gate", draft.gate),
               ("status", STATUS.get(draft.type, "")),
               ("level", draft.level or level_of(draft.type)),
               ("message", draft.message)]
    text = ",".join(f'"{key}":{compact(value)}' for key, value in members if value)
    if draft.payload:
        text += f',"payload":{draft.payload}'
    unsealed = "{" + text + f',"actor":"{ACTOR}"'
    digest = hashlib.sha256((previous_hash + unsealed + "}").encode()).hexdigest()
    return f'{unsealed},"hash":"{digest}"}}'.encode(), digest


def _last_line(fd: int, end: int) -> bytes:
    """The last whole line of a file that ends with a newline."""
    start = files.end_of_last_line(fd, end - 1)
    return files.read_at(fd, start, end - start - 1)


class SharedSequence:
    """Hands out seq and ts, both strictly rising over all jobs of the folder."""

    def __init__(self, runs_dir: str) -> None:
        self._runs_dir = runs_dir
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(os.path.join(runs_dir, "stagelog.sequence"), flags, 0o640)
        # A daemon that starts finds this lock and leaves the folder to us.
        self._guard = os.open(os.path.join(runs_dir, "stagelog.lock"), flags, 0o644)
        try:
            fcntl.flock(self._guard, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise StagelogError(f"a daemon is writing in {runs_dir}; give its url") from None

    def lock(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def unlock(self) -> None:
        files.unlock(self._fd)

    def next(self, at_least: Tuple[int, int]) -> Tuple[int, int]:
        """Needs the lock. `at_least`: the seq and ts of the job's last event."""
        parts = files.read_at(self._fd, 0, _SEQUENCE_BYTES).split()
        is_whole = len(parts) == 2 and all(part.isdigit() for part in parts)
        last = (int(parts[0]), int(parts[1])) if is_whole else self._scan()
        seq = max(last[0], at_least[0]) + 1
        ts = max(times.now_micros(), last[1] + 1, at_least[1] + 1)
        os.pwrite(self._fd, b"%020d %020d\n" % (seq, ts), 0)
        return seq, ts

    def _scan(self) -> Tuple[int, int]:
        highest = (0, 0)
        for path in glob.glob(os.path.join(glob.escape(self._runs_dir), "*", "events.jsonl")):
            fd = files.open_if_there(path, os.O_RDONLY)
            if fd is None:
                continue
            end = files.end_of_last_line(fd, files.size_of(fd))
            if end > 0:
                place = place_of(object_of(_last_line(fd, end)))
                highest = max(highest[0], place[0]), max(highest[1], place[1])
            os.close(fd)
        return highest

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._guard)


def place_of(event: "dict[str, object]") -> Tuple[int, int]:
    """Its seq and ts; zeros where the line is none of a journal."""
    seq, ts = event.get("seq"), event.get("ts")
    try:
        return (seq if isinstance(seq, int) else 0), times.parse_micros(str(ts))
    except ValueError:
        return 0, 0


class JournalDelivery:
    """Into the file, at once. Safe from any thread."""

    def __init__(self, runs_dir: str, job: str) -> None:
        """StagelogError where the folder cannot be written."""
        self._runs_dir = runs_dir
        self._job = job
        self._say = process.Speaker(job).say
        self._path = os.path.join(runs_dir, job, "events.jsonl")
        self.dropped = 0
        self.refused = 0
        self.problem: Optional[StagelogError] = None  # the last refusal
        self._lock = threading.RLock()
        self._incoming: Deque[Sequence[Draft]] = collections.deque()
        self._is_adding = False
        self._sequence: Optional[SharedSequence] = None
        self._fd = -1
        self._end = -1  # where this process left the file
        self._last = (0, 0, 0, "")  # seq, ts, job_seq, hash of the last event
        try:
            self._open()
        except OSError as problem:
            raise SpoolError(f"cannot write a journal in {runs_dir}: {problem}") from problem
        process.join(self)

    def _open(self) -> SharedSequence:
        if self._sequence is not None:
            return self._sequence
        os.makedirs(os.path.dirname(self._path), mode=0o750, exist_ok=True)
        if os.path.exists(os.path.join(self._runs_dir, "stagelog.db")):
            raise SpoolError(f"{self._runs_dir} is the journal of a daemon; give its url, or "
                             "another runs_dir")
        sequence = SharedSequence(self._runs_dir)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o640)
        except OSError:
            sequence.close()
            raise
        self._sequence, self._end = sequence, -1
        return sequence

    def has_events(self) -> bool:
        return files.size_of(self._fd) > 0

    def add(self, drafts: Sequence[Draft]) -> Optional[Exception]:
        problem: Optional[Exception] = None
        with self._lock:
            self._incoming.append(drafts)
            # A signal handler, or a destructor, that logs within add() itself: the outer one goes
            # on with its events.
            if self._is_adding:
                return None
            self._is_adding = True
            try:
                while self._incoming:
                    problem = self._add_all(self._incoming.popleft()) or problem
            finally:
                self._is_adding = False
        return problem

    def _add_all(self, drafts: Sequence[Draft]) -> Optional[Exception]:
        try:
            sequence = self._open()
            sequence.lock()
            try:
                for draft in drafts:
                    if self._is_legal(draft):
                        self._append(draft, sequence)
            finally:
                sequence.unlock()
            return None
        except (OSError, StagelogError) as problem:
            self.dropped += len(drafts)
            self._say("dropped", f"events are dropped: {self._path}: {problem}; "
                                 "JobLogger.dropped counts them")
            return problem

    def _is_legal(self, draft: Draft) -> bool:
        refusal = refusal_of(draft)
        if refusal is not None:
            self.refused += 1
            self.problem = refusal
            self._say("refused", f"an event is not written: {refusal}; JobLogger.refused counts "
                                 "them")
        return refusal is None

    def _append(self, draft: Draft, sequence: SharedSequence) -> None:
        self._find_end()
        last_seq, last_ts, job_seq, last_hash = self._last
        seq, ts = sequence.next((last_seq, last_ts))
        line, digest = encode(draft, self._job, seq, job_seq + 1, ts, last_hash)
        try:
            files.write_all(self._fd, line + b"\n")
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(line) + 1
        self._last = (seq, ts, job_seq + 1, digest)
        if draft.type.startswith(("job_", "gate_")):
            os.fdatasync(self._fd)

    def _find_end(self) -> None:
        """Reads the last event again if another process has appended, or has died in a line."""
        if files.size_of(self._fd) == self._end:
            return
        self._end = files.cut_torn_tail(self._fd)
        if self._end == 0:
            self._last = (0, 0, 0, "")
            return
        event = object_of(_last_line(self._fd, self._end))
        job_seq, digest = event.get("job_seq"), event.get("hash")
        if not isinstance(job_seq, int) or not isinstance(digest, str):
            self._end = -1
            raise OSError(f"its last line is no event; `stagelog verify {self._path}` says more")
        self._last = (*place_of(event), job_seq, digest)

    def beat(self, is_on: bool) -> None:
        """Nobody listens."""

    def flush(self, timeout: Optional[float]) -> bool:
        with self._lock:
            try:
                if self._sequence is not None:
                    os.fsync(self._fd)
            except OSError as problem:
                self._say("sync", f"{self._path}: {problem}")
                return False
        return True

    def close(self, patience: float) -> None:
        """Leaves the folder to others, such as a daemon. Another event opens it again."""
        self.flush(None)
        with self._lock:
            self._close_files()

    def _close_files(self) -> None:
        if self._sequence is not None:
            self._sequence.close()
            os.close(self._fd)
            self._sequence = None

    def at_exit(self) -> None:
        self.flush(None)

    # --- Fork

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """A lock that parent and child share keeps neither out, so the child opens its own."""
        self._lock = threading.RLock()
        self._close_files()
