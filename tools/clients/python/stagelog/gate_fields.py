"""The fields of a gate and the answers to them, where no daemon checks them: its rules, and its
words."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Union

from .errors import RefusedError
from .json_text import clean
from .names import is_name

_KEYS = ("name", "type", "label", "required", "options", "min", "max")
_MAX_FIELDS = 32
_MAX_OPTIONS = 64
_MAX_LABEL_BYTES = 256
_MAX_TEXT_CHARACTERS = 16_384
_GREATEST_ANSWER = 1e15


def field_list(fields: Union[Mapping[str, Any], Iterable[Mapping[str, Any]]]) -> List[Any]:
    """For the payload. One field may stand for itself."""
    listed = [fields] if isinstance(fields, Mapping) else fields
    return [clean(dict(each) if isinstance(each, Mapping) else each) for each in listed]


def check_fields(fields: Sequence[Any]) -> None:
    """ValueError for what a daemon would refuse. `fields` is what field_list() returned."""
    if len(fields) > _MAX_FIELDS:
        raise ValueError(f"a gate has at most {_MAX_FIELDS} fields")
    names = [each.get("name") if isinstance(each, dict) else None for each in fields]
    for place, field in enumerate(fields):
        problem = "must be a dict" if not isinstance(field, dict) else _problem_of(field)
        if not problem and names[place] in names[:place]:
            problem = "has the name of another field"
        if problem:
            raise ValueError(f"fields[{place}] {problem}")


def _problem_of(field: Mapping[str, Any]) -> str:
    """Empty: nothing is wrong. None stands for "left out"."""
    unknown = [key for key in field if key not in _KEYS and not key.startswith("x-")]
    if unknown:
        return f"has an unknown key '{unknown[0]}'; known are {', '.join(_KEYS)}"
    name, kind = field.get("name"), field.get("type")
    if not isinstance(name, str) or not is_name(name) or name[0].isdigit():
        return "needs a name: 1 to 128 letters, digits, '.', '_' or '-', starting with a letter"
    if not isinstance(kind, str) or kind not in _IS_ANSWER:
        return "needs a type: 'text', 'number', 'choice' or 'boolean'"
    if field.get("label") is not None and not _is_label(field["label"]):
        return "has a label that is no string of 1 to 256 bytes"
    if not isinstance(field.get("required", False), (bool, type(None))):
        return "has 'required', which must be true or false"
    options, least, most = field.get("options"), field.get("min"), field.get("max")
    if kind == "choice" and not _is_option_list(options):
        return "needs options: 1 to 64 strings of 1 to 256 bytes"
    if kind != "choice" and options is not None:
        return "has options, and is no choice"
    if not all(bound is None or _is_bound(kind, bound) for bound in (least, most)):
        return f"has a bound that is none of a {kind}"
    is_empty_range = least is not None and most is not None and least > most
    return "has a min above its max" if is_empty_range else ""


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value.encode()) <= _MAX_LABEL_BYTES


def _is_option_list(value: Any) -> bool:
    return (isinstance(value, list) and 1 <= len(value) <= _MAX_OPTIONS
            and all(_is_label(option) for option in value))


def _is_bound(kind: str, bound: Any) -> bool:
    if kind == "text":
        return type(bound) is int and 0 <= bound <= _MAX_TEXT_CHARACTERS
    return kind == "number" and _is_number({}, bound)


def _is_in_range(field: Mapping[str, Any], value: float) -> bool:
    least, most = field.get("min"), field.get("max")
    return (least is None or value >= least) and (most is None or value <= most)


def _is_number(field: Mapping[str, Any], answer: Any) -> bool:
    is_number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
    return is_number and abs(answer) <= _GREATEST_ANSWER and _is_in_range(field, answer)


def _is_text(field: Mapping[str, Any], answer: Any) -> bool:
    return (isinstance(answer, str) and len(answer) <= _MAX_TEXT_CHARACTERS
            and _is_in_range(field, len(answer)))


_IS_ANSWER: Dict[str, Callable[[Mapping[str, Any], Any], bool]] = {
    "text": _is_text,
    "number": _is_number,
    "choice": lambda field, answer: isinstance(answer, str) and answer in field["options"],
    "boolean": lambda field, answer: isinstance(answer, bool),
}


def _must_be(field: Mapping[str, Any]) -> str:
    kind, least, most = field["type"], field.get("min"), field.get("max")
    limits = f"{least} to {most}" if least is not None and most is not None else (
        f"at least {least}" if least is not None else f"at most {most}")
    has_limits = least is not None or most is not None
    if kind == "number":
        return f"a number, {limits}" if has_limits else "a number from -1e15 to 1e15"
    if kind == "choice":
        return "one of " + ", ".join(f"'{option}'" for option in field["options"])
    if kind == "boolean":
        return "true or false"
    return f"a string of {limits if has_limits else 'at most 16384'} characters"


def _is_missing(field: Mapping[str, Any], answer: Any) -> bool:
    is_blank = field["type"] == "text" and isinstance(answer, str) and not answer.strip(" \t\r\n")
    return answer is None or is_blank


def checked_answers(fields: Sequence[Mapping[str, Any]],
                    answers: Mapping[str, Any]) -> Dict[str, Any]:
    """In the order of the fields; whole numbers are int. RefusedError with the daemon's code for
    the first that is missing or wrong. Expects fields that check_fields() has passed."""
    given = clean(dict(answers))
    names = [field["name"] for field in fields]
    for name in given:
        if name not in names:
            known = f"; known are {', '.join(names)}" if names else ""
            raise RefusedError("unknown_key", f"the gate has no field '{name}'{known}",
                               f"answers.{name}")
    checked: Dict[str, Any] = {}
    for field in fields:
        name = field["name"]
        answer = given.get(name)
        if field.get("required") and _is_missing(field, answer):
            raise RefusedError("answer_required", f"the gate requires an answer to '{name}'",
                               f"answers.{name}")
        if answer is None:
            continue
        if not _IS_ANSWER[field["type"]](field, answer):
            raise RefusedError("invalid_field", f"'answers.{name}' must be {_must_be(field)}",
                               f"answers.{name}")
        is_whole = isinstance(answer, float) and answer.is_integer()
        checked[name] = int(answer) if is_whole else answer
    return checked
