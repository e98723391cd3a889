"""Events of one job that wait to be sent, in the folder that all stagelog processes of a user
share, whatever language they are in:

    events.ndjson   appended to, whole lines under its lock, by whoever has an event of the job
    sent            how many bytes of it the daemon has, and which file it is; replaced by rename
    sender.lock     locked by the one process that sends
    refused.ndjson  events that the daemon will never take, each with the reason

`sent` is removed before events.ndjson, so that no crash in between leaves an offset that belongs
to another file: at worst events are sent again, and their event_id tells the daemon so."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import List, Mapping, Optional, Tuple

from . import spool_file as files
from .json_text import compact


def spool_root(environment: Mapping[str, str]) -> Optional[str]:
    state = environment.get("XDG_STATE_HOME", "")
    # A relative one is to be passed over, says the XDG Base Directory Specification.
    if state.startswith("/"):
        return state + "/stagelog/spool"
    home = environment.get("HOME")
    return home + "/.local/state/stagelog/spool" if home else None


@dataclass(frozen=True)
class SpoolPlace:
    """A position after the last appended line."""

    file: str
    offset: int


def _read_sent(folder: str, events: int) -> int:
    """0, so that everything is sent again, where `sent` is missing or speaks of another file."""
    fd = files.open_if_there(folder + "/sent", os.O_RDONLY)
    if fd is None:
        return 0
    try:
        text = files.read_at(fd, 0, 128).decode("ascii", "replace")
    finally:
        os.close(fd)
    match = re.match(r"(\d+) (\d+ [0-9a-f]{64})\n\Z", text)
    if match is None or match.group(2) != files.file_identity(events):
        return 0
    offset = int(match.group(1))
    return offset if offset <= files.size_of(events) else 0


class SpoolWriter:
    """Appends. One thread at a time."""

    def __init__(self, folder: str) -> None:
        self._path = folder + "/events.ndjson"
        self._fd: Optional[int] = None
        self._end = -1  # where this writer left the file
        self._identity = ""

    def append(self, lines: bytes) -> SpoolPlace:
        """Appends whole lines after those of other processes. An OSError leaves nothing of them."""
        fd = self._open()
        try:
            size = files.size_of(fd)
            if size != self._end:  # somebody else has written
                size = files.cut_torn_tail(fd)
            try:
                files.write_all(fd, lines)
            except OSError:
                # Nobody else appends before the lock is open: what was written can be taken back.
                os.ftruncate(fd, size)
                raise
            if size == 0 or not self._identity:
                self._identity = files.file_identity(fd)
            self._end = size + len(lines)
            return SpoolPlace(self._identity, self._end)
        finally:
            files.unlock(fd)

    def _open(self) -> int:
        if self._fd is not None:
            if files.lock_if_linked(self._fd):
                return self._fd
            self.close()
        fd = files.open_locked(self._path, waits=True)
        assert fd is not None
        self._fd = fd
        return fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._end, self._identity = None, -1, ""


class SpoolReader:
    """Sends: at most one process per job, the holder of the lock. One thread at a time."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._path = folder + "/events.ndjson"
        self._lock: Optional[int] = None
        self._events: Optional[int] = None
        self._offset = 0

    @property
    def is_locked(self) -> bool:
        return self._lock is not None

    def lock(self) -> bool:
        """False if another process is the sender."""
        if self._lock is None:
            self._lock = files.open_locked(self.folder + "/sender.lock", waits=False)
        return self._lock is not None

    def next(self, max_lines: int, max_bytes: int) -> Tuple[List[bytes], int]:
        """The oldest lines that are not sent, and the offset behind them. A line that is longer
        than `max_bytes` comes alone; one that a crash has torn does not come."""
        if not self._open_and_lock_events():
            return [], 0
        assert self._events is not None
        try:
            content = files.read_at(self._events, self._offset, max_bytes)
            while len(content) >= max_bytes and b"\n" not in content:
                max_bytes *= 2
                before = len(content)
                content = files.read_at(self._events, self._offset, max_bytes)
                if len(content) == before:
                    break
        finally:
            files.unlock(self._events)
        lines = content.split(b"\n", max_lines)[:-1]
        return lines, self._offset + sum(len(line) + 1 for line in lines)

    def _open_and_lock_events(self) -> bool:
        # Locked, for what an appender may still take back (a full disk) must not be sent.
        while True:
            if self._events is None:
                self._events = files.open_if_there(self._path, os.O_RDWR)
                if self._events is None:
                    self._offset = 0
                    return False
                self._offset = _read_sent(self.folder, self._events)
            if files.lock_if_linked(self._events):
                return True
            self._close_events()  # somebody has removed it by hand

    def mark_sent(self, offset: int) -> None:
        assert self._events is not None
        self._offset = offset
        text = f"{offset} {files.file_identity(self._events)}\n"
        files.replace_small_file(self.folder + "/sent", text.encode())

    def refuse(self, line: bytes, reason: str) -> None:
        """Keeps the line with the reason, a JSON object."""
        text = line.decode("utf-8", "replace")
        try:
            json.loads(text)
        except ValueError:  # a damaged disk
            text = compact(text)
        fd = files.open_locked(self.folder + "/refused.ndjson", waits=True)
        assert fd is not None
        try:
            files.write_all(fd, f'{{"reason":{reason},"event":{text}}}\n'.encode())
        finally:
            os.close(fd)

    def remove_if_sent(self) -> bool:
        """Removes the spool if all is sent. False if new events have arrived."""
        if self._events is None or not files.lock_if_linked(self._events):
            return True
        is_sent = files.cut_torn_tail(self._events) <= self._offset
        if is_sent:
            files.remove_if_there(self.folder + "/sent")
            files.remove_if_there(self._path)
        files.unlock(self._events)
        if is_sent:
            self._close_events()
        return is_sent

    def unlock(self) -> None:
        """Lets another process send. Look at has_unsent() afterwards: who came meanwhile has
        left."""
        if self._lock is None:
            return
        is_empty = not os.path.lexists(self._path)
        if is_empty:
            files.remove_if_there(self.folder + "/sender.lock")
        self.close()
        if is_empty:
            try:
                os.rmdir(self.folder)
            except OSError:
                pass  # it stays where something was refused

    def has_unsent(self) -> bool:
        """Without the lock."""
        fd = files.open_if_there(self._path, os.O_RDONLY)
        if fd is None:
            return False
        try:
            return _read_sent(self.folder, fd) < files.size_of(fd)
        finally:
            os.close(fd)

    def unsent_lines(self) -> int:
        """Without the lock; for people."""
        fd = files.open_if_there(self._path, os.O_RDONLY)
        if fd is None:
            return 0
        try:
            offset, lines = _read_sent(self.folder, fd), 0
            while True:
                part = files.read_at(fd, offset, 1 << 20)
                if not part:
                    return lines
                lines += part.count(b"\n")
                offset += len(part)
        finally:
            os.close(fd)

    def is_sent(self, place: SpoolPlace) -> bool:
        """Without the lock: true when everything up to `place` is sent."""
        fd = files.open_if_there(self._path, os.O_RDONLY)
        if fd is None:
            return True
        try:
            if files.file_identity(fd) != place.file:
                return True
            return _read_sent(self.folder, fd) >= place.offset
        finally:
            os.close(fd)

    def close(self) -> None:
        """Closes the files. In a forked child this leaves the lock with the parent, whose it is."""
        self._close_events()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _close_events(self) -> None:
        if self._events is not None:
            os.close(self._events)
        self._events, self._offset = None, 0
