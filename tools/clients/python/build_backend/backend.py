"""Builds the package with the standard library alone (PEP 517, 660), so that it installs where no
network is."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Dict, Optional

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "stagelog"
# The earliest time that a zip file can say: the same sources make the same bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def _project() -> Dict[str, str]:
    """The plain texts of [project]; Python has had a TOML parser since 3.11 only."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[project]\n", 1)[1].split("\n[", 1)[0]
    return dict(re.findall(r'^([a-z-]+) = "(.*)"$', section, re.MULTILINE))


def _metadata() -> str:
    project = _project()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return (f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
            f"Summary: {project['description']}\n"
            f"Requires-Python: {project['requires-python']}\n"
            f"Description-Content-Type: text/markdown\n\n{readme}")


def _base_name() -> str:
    return f"{PACKAGE}-{_project()['version']}"


def _write_wheel(folder: str, files: Dict[str, bytes]) -> str:
    info = f"{_base_name()}.dist-info"
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = (b"Wheel-Version: 1.0\nGenerator: stagelog\n"
                              b"Root-Is-Purelib: true\nTag: py3-none-any\n")
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    wheel = f"{_base_name()}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return wheel


def build_wheel(wheel_directory: str, config_settings: Optional[Dict[str, str]] = None,
                metadata_directory: Optional[str] = None) -> str:
    sources = sorted(path for path in (ROOT / PACKAGE).iterdir()
                     if path.suffix in (".py", ".typed") or path.name == "py.typed")
    return _write_wheel(wheel_directory,
                        {f"{PACKAGE}/{path.name}": path.read_bytes() for path in sources})


def build_editable(wheel_directory: str, config_settings: Optional[Dict[str, str]] = None,
                   metadata_directory: Optional[str] = None) -> str:
    return _write_wheel(wheel_directory, {f"{PACKAGE}.pth": f"{ROOT}\n".encode()})


def build_sdist(sdist_directory: str, config_settings: Optional[Dict[str, str]] = None) -> str:
    name = f"{_base_name()}.tar.gz"
    kept = [ROOT / "pyproject.toml", ROOT / "README.md"]
    for folder in (PACKAGE, "build_backend", "tests"):
        kept += sorted((ROOT / folder).rglob("*.py"))
    kept.append(ROOT / PACKAGE / "py.typed")
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz",
                      format=tarfile.PAX_FORMAT) as archive:
        for path in kept:
            archive.add(path, f"{_base_name()}/{path.relative_to(ROOT)}")
        metadata = _metadata().encode()
        entry = tarfile.TarInfo(f"{_base_name()}/PKG-INFO")
        entry.size = len(metadata)
        archive.addfile(entry, io.BytesIO(metadata))
    return name
