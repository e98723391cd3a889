"""Names of jobs, stages and gates, by the rules of the daemon."""

from __future__ import annotations

import hashlib
import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_MAY_STAND_IN_NAME = re.compile(r"[A-Za-z0-9._-]")
_MADE = re.compile(r"--[0-9a-f]{20}\Z")
_MAX_NAME = 128
_MAX_STAGE_PATH = 512
_DIGITS = 20


def is_name(text: str) -> bool:
    return _NAME.match(text) is not None


def is_job_id(text: str) -> bool:
    return is_name(text) and not text.startswith(("stagelog.", "journal.json"))


def is_stage_path(text: str) -> bool:
    return len(text) <= _MAX_STAGE_PATH and all(is_name(part) for part in text.split("/"))


def _made_name(original: str) -> str:
    """A legal name in which the original can be recognised, and which no other original has."""
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()
    readable = ""
    for character in original:
        if len(readable) == _MAX_NAME - _DIGITS - 2:
            break
        if _MAY_STAND_IN_NAME.match(character):
            readable += character
        elif readable and not readable.endswith("-"):
            readable += "-"
    readable = readable.rstrip("-").lstrip("._-")
    return f"{readable or 'x'}--{digest[:_DIGITS]}"


def legal_name(original: str) -> str:
    """The name itself where it is legal. A pipeline does not fail for a stage that is called
    "ALIGN (sample 1)"; `stagelog import` makes names in the same manner."""
    if is_name(original) and not _MADE.search(original):
        return original
    return _made_name(original)


def legal_stage_path(original: str) -> str:
    parts = original.split("/")
    path = "/".join(legal_name(part) for part in parts)
    if all(parts) and len(path) <= _MAX_STAGE_PATH:
        return path
    return _made_name(original)
