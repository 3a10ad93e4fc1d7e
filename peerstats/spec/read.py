"""Read an analysis file and say everything that is wrong with its shape, each with its line."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from peerstats.errors import Problem, did_you_mean
from peerstats.spec.analysis import Analysis, Section
from peerstats.spec.document import Document, read_document
from peerstats.spec.lines import Path

UNREAD = "unread"  # stands for a required name that was missing or faulty


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An analysis as far as it could be read, and the mistakes found on the way.

    Where a part was faulty, `analysis` has the default or, for a required name, the word UNREAD, so
    that the names in the sound parts can still be checked and all mistakes be told at once.
    """

    analysis: Analysis
    problems: tuple[Problem, ...]
    document: Document


def read_spec(path: FilePath) -> Draft:
    """Read an analysis file into a draft with all mistakes of shape.

    Raises UsageError when the file is missing, too large or not TOML.
    """
    document = read_document(path, "analysis file")
    analysis, faults = _validate(document.content)
    problems = tuple(describe(fault, document) for fault in faults)
    return Draft(analysis=analysis, problems=problems, document=document)


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


def _fields_around(loc: Path, top: type[Section] = Analysis) -> Mapping[str, Any]:
    """The keys that may stand where the last part of `loc` stands, in a file of the kind `top`."""
    fields: Mapping[str, Any] = top.model_fields
    for name in (part for part in loc[:-1] if isinstance(part, str)):
        annotation = fields[name].annotation if name in fields else None
        inner = next(iter(getattr(annotation, "__args__", ())), annotation)
        fields = getattr(inner, "model_fields", {})
    return fields


def describe(
    fault: Mapping[str, Any], document: Document, top: type[Section] = Analysis
) -> Problem:
    """Say in our words, with its line, what pydantic found wrong in a file of the kind `top`."""
    loc: Path = tuple(fault["loc"])
    where = ".".join(str(part) for part in loc)
    match fault["type"]:
        case "extra_forbidden":
            known = _fields_around(loc, top)
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
            keys = ", ".join(f"{name} = …" for name in _fields_around((*loc, ""), top))
            message = f"this must be a table {{{keys}}}"
        case "string_pattern_mismatch":
            allowed = "lower-case letters without accents, digits and _, beginning with a letter"
            message = f"'{loc[-1]}' is '{fault['input']}' but must be a short name: {allowed}"
        case "value_error":
            message = str(fault["ctx"]["error"])
        case _:
            message = f"'{loc[-1]}': {fault['msg'][0].lower()}{fault['msg'][1:]}"
    return document.problem(loc, message if loc[:-1] == () else f"{where}: {message}")


def _options(expected: str) -> list[str]:
    return [part for part in expected.replace(" or ", ", ").split(", ") if part]
