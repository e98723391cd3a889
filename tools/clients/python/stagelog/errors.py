"""What can go wrong, as types. All of them are StagelogError."""

from __future__ import annotations

from typing import Optional


class StagelogError(Exception):
    """Something about the journal went wrong; the program's own work did not."""


class UnreachableError(StagelogError):
    """Nobody answers at the daemon's address, or not like a daemon."""

    def __init__(self, detail: str, is_silence: bool = False) -> None:
        super().__init__(detail)
        self.is_silence = is_silence  # the connection stands, but nothing comes


class AuthError(StagelogError):
    """The daemon does not know the token (401), or the token may not do this (403)."""

    def __init__(self, detail: str, status: int = 401, code: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class RefusedError(StagelogError):
    """The daemon refused a request for what it says."""

    def __init__(self, code: str, detail: str, field: Optional[str] = None,
                 status: int = 0) -> None:
        super().__init__(f"{detail} ({status} {code})" if status else f"{detail} ({code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field


class SpoolError(StagelogError):
    """An event could not be written to the disk."""


class DroppedError(StagelogError):
    """An event was dropped: neither the disk nor the memory had room for it."""


class CanceledError(StagelogError):
    """The job was canceled from outside. Raised by JobLogger.raise_if_canceled() alone."""
