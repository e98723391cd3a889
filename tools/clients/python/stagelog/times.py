"""Times as the journal spells them, and ids that sort by time."""

from __future__ import annotations

import datetime
import os
import time

_EPOCH = datetime.datetime(1970, 1, 1)
# What four digits for the year can spell.
_LATEST_MICROS = 253_402_300_799_999_999


def now_micros() -> int:
    """Microseconds since 1970 by the clock on the wall, which may be wrong."""
    return time.time_ns() // 1_000


def format_micros(micros: int) -> str:
    """RFC 3339 in UTC with all six digits: 2026-11-21T07:41:02.123456Z"""
    micros = min(max(micros, 0), _LATEST_MICROS)
    moment = _EPOCH + datetime.timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds") + "Z"


def parse_micros(text: str) -> int:
    """The opposite of format_micros(). ValueError for anything else."""
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


def uuid7(micros: int) -> str:
    """UUID version 7 (RFC 9562): 48 bits of milliseconds, the rest random."""
    milliseconds = min(max(micros, 0) // 1_000, (1 << 48) - 1)
    value = int.from_bytes(os.urandom(10), "big") | (milliseconds << 80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
