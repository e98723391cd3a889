"""Files that several processes append to, lock and remove concurrently. The locks (flock) are
those of the command line."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from typing import Optional

_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_READ_BYTES = 64 << 10
# An event's id stands before its payload, so this much of a first line tells files apart.
_IDENTITY_BYTES = 4096
# Each turn means that somebody removed the file or its folder in this very moment.
_MAX_TURNS = 1_000


def make_private_folders(path: str) -> None:
    """With its parents, accessible to this user only."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if not parent or os.path.lexists(parent):  # a link that leads nowhere, a folder that is gone
            raise
        make_private_folders(parent)
        os.mkdir(path, 0o700)


def lock_if_linked(fd: int) -> bool:
    """Locks a file that is open. False when it has been removed."""
    fcntl.flock(fd, fcntl.LOCK_EX)
    if os.fstat(fd).st_nlink > 0:
        return True
    unlock(fd)
    return False


def unlock(fd: int) -> None:
    fcntl.flock(fd, fcntl.LOCK_UN)


def open_locked(path: str, waits: bool) -> Optional[int]:
    """Opens or creates `path` and locks it, again if it was removed meanwhile. None: another
    process has the lock and `waits` is false."""
    for _ in range(_MAX_TURNS):
        try:
            fd = os.open(path, _APPEND, 0o600)
        except FileNotFoundError:
            make_private_folders(os.path.dirname(path))
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            if os.fstat(fd).st_nlink > 0:
                return fd
            os.close(fd)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
    raise OSError(errno.EBUSY, "the file keeps being removed", path)


def open_if_there(path: str, flags: int) -> Optional[int]:
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None


def size_of(fd: int) -> int:
    return os.fstat(fd).st_size


def file_identity(fd: int) -> str:
    """Which file it is: its inode and a digest of its first line, for an inode that is free is
    soon given to another file."""
    first_line = read_at(fd, 0, _IDENTITY_BYTES).split(b"\n", 1)[0]
    return f"{os.fstat(fd).st_ino} {hashlib.sha256(first_line).hexdigest()}"


def read_at(fd: int, offset: int, size: int) -> bytes:
    """Fewer bytes than `size` only at the end of the file."""
    parts = []
    while size > 0:
        part = os.pread(fd, size, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)


def write_all(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest):]


def end_of_last_line(fd: int, size: int) -> int:
    """`size` if the file ends with a newline."""
    end = size
    while end > 0:
        start = max(0, end - (_READ_BYTES if end < size else 1))
        newline = read_at(fd, start, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def cut_torn_tail(fd: int) -> int:
    """Takes off what a crash left of a line; the caller has the lock. The size that is left."""
    size = size_of(fd)
    end = end_of_last_line(fd, size)
    if end != size:
        os.ftruncate(fd, end)
    return end


def replace_small_file(path: str, content: bytes) -> None:
    draft = path + ".new"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)
    os.replace(draft, path)


def remove_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
