"""Read an analysis file and say everything that is wrong with its shape, each with its line."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from peerstats.errors import Problem, UsageError, did_you_mean
from peerstats.spec.analysis import Analysis
from peerstats.spec.lines import Path, find_lines, nearest_line

LIMIT_BYTES = 1_000_000
UNREAD = "unread"  # stands for a required name that was missing or faulty


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An analysis as far as it could be read, and the mistakes found on the way.

    Where a part was faulty, `analysis` has the default or, for a required name, the word UNREAD, so
    that the names in the sound parts can still be checked and all mistakes be told at once.
    """

    analysis: Analysis
    problems: tuple[Problem, ...]
    file: str
    text: str
    lines: Mapping[Path, int]

    def problem(self, where: Path, message: str) -> Problem:
        """Make a problem for a place in the file."""
        return _problem(self.file, self.lines, where, message)


def read_spec(path: FilePath) -> Draft:
    """Read an analysis file into a draft with all mistakes of shape.

    Raises UsageError when the file is missing, too large or not TOML.
    """
    text = _read_text(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or _line_in(str(error))
        message = f"this is not valid TOML: {str(error).split(' (at')[0]}"
        raise UsageError(Problem(message=message, file=str(path), line=line)) from None
    lines = find_lines(text)
    analysis, faults = _validate(document)
    return Draft(
        analysis=analysis,
        problems=tuple(_describe(fault, lines, str(path)) for fault in faults),
        file=str(path),
        text=text,
        lines=lines,
    )


def _read_text(path: FilePath) -> str:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the analysis file in it.")
    try:
        raw = path.read_bytes()
    except OSError:
        near = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise UsageError(f"There is no analysis file {path}.{hint}") from None
    if len(raw) > LIMIT_BYTES:
        raise UsageError(f"{path} is larger than {LIMIT_BYTES:,} bytes; is it an analysis file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}).") from None


def _validate(document: dict[str, Any]) -> tuple[Analysis, list[Mapping[str, Any]]]:
    """Validate; on mistakes mend every faulty part and validate again.

    Mending one part can uncover a mistake inside it (an entry that was no table), so this is done
    a few times; the mistakes reported are those of the file as it was written.
    """
    first: list[Mapping[str, Any]] = []
    mended = copy.deepcopy(document)
    for _ in range(5):
        try:
            return Analysis.model_validate(mended), first
        except ValidationError as error:
            faults: list[Mapping[str, Any]] = list(error.errors(include_url=False))
        first = first or faults
        for fault in faults:
            _mend(mended, fault)
    return Analysis.model_validate({"title": UNREAD, "data": {"synthetic": UNREAD}}), first


def _mend(document: dict[str, Any], fault: Mapping[str, Any]) -> None:
    """Take out an unknown or optional part; put UNREAD where a name is required."""
    *way, last = fault["loc"]
    holder: Any = document
    for step in way:
        holder = holder[step]
    if last == "data":
        holder[last] = {"synthetic": UNREAD}
    elif fault["type"] in ("model_type", "dict_type"):
        holder[last] = {}
    elif isinstance(last, int) or _is_required(tuple(fault["loc"])):
        holder[last] = UNREAD
    else:
        holder.pop(last, None)


def _is_required(loc: Path) -> bool:
    fields = _fields_around(loc)
    return str(loc[-1]) in fields and bool(fields[str(loc[-1])].is_required())


def _fields_around(loc: Path) -> Mapping[str, Any]:
    """The keys that may stand where the last part of `loc` stands."""
    fields: Mapping[str, Any] = Analysis.model_fields
    for name in (part for part in loc[:-1] if isinstance(part, str)):
        annotation = fields[name].annotation if name in fields else None
        inner = next(iter(getattr(annotation, "__args__", ())), annotation)
        fields = getattr(inner, "model_fields", {})
    return fields


def _describe(fault: Mapping[str, Any], lines: Mapping[Path, int], file: str) -> Problem:
    loc: Path = tuple(fault["loc"])
    where = ".".join(str(part) for part in loc)
    match fault["type"]:
        case "extra_forbidden":
            known = _fields_around(loc)
            message = f"unknown key '{loc[-1]}'.{did_you_mean(str(loc[-1]), known)}"
        case "missing":
            message = f"'{loc[-1]}' is missing" + (
                "; every covariate needs the reason why it is adjusted for"
                if loc[-1] == "reason"
                else ""
            )
        case "literal_error":
            given = str(fault["input"])
            options = [o.strip("'") for o in _options(str(fault["ctx"]["expected"]))]
            hint = did_you_mean(given, options)
            message = f"'{loc[-1]}' is '{given}' but must be {fault['ctx']['expected']}.{hint}"
        case "model_type" | "dict_type":
            keys = ", ".join(f"{name} = …" for name in _fields_around((*loc, "")))
            message = f"this must be a table {{{keys}}}"
        case "value_error":
            message = str(fault["ctx"]["error"])
        case _:
            message = f"'{loc[-1]}': {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return _problem(file, lines, loc, message if loc[:-1] == () else f"{where}: {message}")


def _options(expected: str) -> list[str]:
    return [part for part in expected.replace(" or ", ", ").split(", ") if part]


def _problem(file: str, lines: Mapping[Path, int], loc: Path, message: str) -> Problem:
    return Problem(message=message, file=file, line=nearest_line(lines, loc))


def _line_in(message: str) -> int | None:
    words = message.split("line ")
    digits = words[1].split(",")[0] if len(words) > 1 else ""
    return int(digits) if digits.isdigit() else None
