"""JSON that the daemon takes, from whatever a program puts into a payload."""

from __future__ import annotations

import json
import math
from typing import Any, Dict

# The daemon takes 128 levels; an event and its payload are two.
_MAX_DEPTH = 100


def _clean_text(text: str) -> str:
    """Text without halves of characters, which are no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any, depth: int = 0) -> Any:
    """The value as JSON can say it. What JSON has no word for becomes text; nothing raises."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _clean_text(str(value))
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, dict):
        return {_clean_key(key): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((clean(item, depth + 1) for item in value), key=repr)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    return text_of(value)


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
