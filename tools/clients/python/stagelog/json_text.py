"""JSON that the daemon takes, from whatever a program puts into a payload."""

from __future__ import annotations

import json
import math
from typing import Any, Dict, Set

# The daemon takes 128 levels; an event and its payload are two.
_MAX_DEPTH = 100
# More members and elements than the 250 KiB of an event can have.
_MAX_VALUES = 200_000


def _clean_text(text: str) -> str:
    """Text without halves of characters, which are no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any) -> Any:
    """The value as JSON can say it. What JSON has no word for becomes text, what contains itself
    or is larger than any event becomes "..."; nothing raises."""
    return _Cleaner().clean(value, 0)


class _Cleaner:
    def __init__(self) -> None:
        self._path: Set[int] = set()  # ids of the containers around
        self._left = _MAX_VALUES

    def clean(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return _clean_text(str(value))
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, (bytes, bytearray)):
            return bytes(value).decode("utf-8", "replace")
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._clean_container(value, depth)
        return text_of(value)

    def _clean_container(self, value: Any, depth: int) -> Any:
        self._left -= 1 + len(value)
        if depth >= _MAX_DEPTH or id(value) in self._path or self._left < 0:
            return "..."
        self._path.add(id(value))
        try:
            if isinstance(value, dict):
                return {_clean_key(key): self.clean(item, depth + 1) for key, item in value.items()}
            items = [self.clean(item, depth + 1) for item in value]
            return sorted(items, key=repr) if isinstance(value, (set, frozenset)) else items
        finally:
            self._path.discard(id(value))


def _clean_key(key: Any) -> str:
    return _clean_text(key) if isinstance(key, str) else text_of(key)


def text_of(value: Any) -> str:
    """str(value), also where that raises."""
    try:
        return _clean_text(str(value))
    except Exception:  # the value's own code
        return f"<{type(value).__name__}>"


def compact(value: Any) -> str:
    """One line, no white space between tokens, characters as they are. Expects what clean()
    returned."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def compact_payload(payload: Dict[str, Any]) -> str:
    try:
        return compact(clean(payload))
    except Exception as problem:  # a number of too many digits, a dict changed by another thread
        return compact({"unreadable_payload": text_of(problem)})


def object_of(text: "str | bytes") -> Dict[str, Any]:
    """The JSON object in `text`; empty where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
