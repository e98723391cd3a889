"""Address and token: given, else from the environment, else from the settings file of the command
line, else those of a local daemon."""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Union

DEFAULT_URL = "http://127.0.0.1:8008"
DEFAULT_TOKEN = "default-admin-token-change-me"


class FromEnvironment(enum.Enum):
    """Stands for an argument that was not given, where None means something else."""

    FROM_ENVIRONMENT = "from the environment"


FROM_ENVIRONMENT = FromEnvironment.FROM_ENVIRONMENT
GivenUrl = Union[str, FromEnvironment]


@dataclass(frozen=True)
class Settings:
    url: str  # without a '/' at its end, perhaps with a path in front of /api/v1
    token: str = field(repr=False)


def settings_path(environment: Mapping[str, str]) -> Optional[str]:
    if environment.get("XDG_CONFIG_HOME"):
        return environment["XDG_CONFIG_HOME"] + "/stagelog/config.yaml"
    if environment.get("HOME"):
        return environment["HOME"] + "/.config/stagelog/config.yaml"
    return None


def _read_settings_file(path: Optional[str]) -> Dict[str, str]:
    """The file is `key: value` lines. The standard library has no YAML; what is more than such a
    line is for the command line to report."""
    values: Dict[str, str] = {}
    if path is None:
        return values
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(1 << 20).splitlines()
    except (OSError, UnicodeDecodeError):
        return values
    for line in lines:
        match = re.match(r"""(url|token)\s*:\s+(?:"([^"]*)"|'([^']*)'|(.*?))(?:\s+\#.*)?\s*\Z""",
                         line)
        if match is not None:
            values[match.group(1)] = next(text for text in match.groups()[1:] if text is not None)
    return values


def checked_url(url: str) -> str:
    text = url.rstrip("/")
    if not re.match(r"https?://[^/\s?#@][^\s?#@]*\Z", text):
        raise ValueError(f"'{url}' is not the URL of a daemon; expected something like "
                         f"{DEFAULT_URL}")
    return text


def load_settings(url: GivenUrl = FROM_ENVIRONMENT, token: Optional[str] = None,
                  environment: Optional[Mapping[str, str]] = None) -> Settings:
    """ValueError for a URL or a token that cannot be one."""
    variables = os.environ if environment is None else environment
    from_file = _read_settings_file(settings_path(variables))
    if isinstance(url, FromEnvironment):
        url = variables.get("STAGELOG_URL") or from_file.get("url") or DEFAULT_URL
    if not token:
        token = variables.get("STAGELOG_TOKEN") or from_file.get("token") or DEFAULT_TOKEN
    if not re.match(r"[\x21-\x7e]+( [\x21-\x7e]+)*\Z", token):
        raise ValueError("a token must be a single line of ASCII characters")
    return Settings(checked_url(url), token)
