"""A TOML file as it was read: its content, and the line on which each entry stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from peerstats.errors import Problem, UsageError, did_you_mean
from peerstats.spec.lines import Path, find_lines, nearest_line

LIMIT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """One file's content, and where each of its entries stands."""

    file: str
    text: str
    content: dict[str, Any]
    lines: Mapping[Path, int]

    def problem(self, where: Path, message: str) -> Problem:
        """Make a problem for a place in the file, or the nearest place around it."""
        return Problem(message=message, file=self.file, line=nearest_line(self.lines, where))


def read_document(path: FilePath, what: str) -> Document:
    """Read a TOML file; `what` is its name in messages, such as "analysis file".

    Raises UsageError when it is missing, a folder, too large, not UTF-8 or not TOML.
    """
    text = _read_text(path, what)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = int(place.group(1)) if place else None
        said = re.sub(r"\s*\(at .*\)$", "", str(error))
        message = f"this is not valid TOML: {said}"
        raise UsageError(Problem(message=message, file=str(path), line=line)) from None
    return Document(file=str(path), text=text, content=content, lines=find_lines(text))


def _read_text(path: FilePath, what: str) -> str:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the {what} in it.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise UsageError(f"There is no {what} {path}.{did_you_mean(path.name, near)}") from None
    except OSError:
        raise UsageError(f"The {what} {path} cannot be read.") from None
    if len(raw) > LIMIT_BYTES:
        raise UsageError(f"{path} is larger than {LIMIT_BYTES:,} bytes; is it the {what}?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} {path} is not UTF-8 text (byte {error.start}).") from None
