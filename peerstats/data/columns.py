"""Headings of the source → variables of the codebook.

What the codebook does not declare is not read: a name, a telephone number or a GPS position that an
export carries along never enters the program. A study of one visit per woman may keep everything in
one file; its visit-level columns are then moved to a `visits` table whose key is the participant's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from peerstats.data.codebook import Codebook, Field
from peerstats.data.study import Finding
from peerstats.errors import DataError, Problem, did_you_mean

_VISIT_KEY = "visit_id"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Tables of text whose columns carry variable names, with the fields that type them."""

    frames: Mapping[str, pd.DataFrame]
    fields: Mapping[str, tuple[Field, ...]]
    findings: tuple[Finding, ...]


def match_columns(
    frames: Mapping[str, pd.DataFrame], codebook: Codebook, ignore: Collection[str] = ()
) -> Matched:
    """Name the columns of every table by the codebook, and leave out the others.

    `ignore` lists headings that are left out without a remark. Raises DataError for columns that
    must be there and are not.
    """
    problems: list[Problem] = []
    findings: list[Finding] = []
    named: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        known = _known(name, frames, codebook)
        found = [f for f in known if f.column in frame.columns]
        if not found:
            problems.append(_no_header(name, len(frame.columns)))
            continue
        named[name] = pd.DataFrame({f.name: frame[f.column] for f in found}, dtype=object)
        left = [c for c in frame.columns if c not in {f.column for f in found}]
        findings += _not_read(name, [c for c in left if c not in ignore], known)
    if not problems:
        named = _with_visits(named, codebook)
        problems = [p for n in named for p in _absent(n, named, codebook, frames)]
    if problems:
        raise DataError(*problems)
    fields = {n: tuple(_field_of(c, n, codebook) for c in f.columns) for n, f in named.items()}
    return Matched(frames=named, fields=fields, findings=tuple(findings))


def _known(name: str, frames: Mapping[str, pd.DataFrame], codebook: Codebook) -> list[Field]:
    """The fields a file may hold: its table's, and the visit's where visits have no file."""
    known = list(codebook.of_table(name))
    if name == "participants" and "visits" not in frames:
        names = {f.name for f in known}
        known += [f for f in codebook.of_table("visits") if f.name not in names]
    return known


def _field_of(column: str, table: str, codebook: Codebook) -> Field:
    return next(f for f in codebook.of_table(table) if f.name == column)


def _with_visits(named: Mapping[str, pd.DataFrame], codebook: Codebook) -> dict[str, pd.DataFrame]:
    """Move visit-level columns out of participants, and give long tables the keys they can have."""
    tables = dict(named)
    women = tables.get("participants")
    if women is not None and "visits" not in tables and "participant_id" in women.columns:
        own = {f.name for f in codebook.of_table("participants")}
        moved = [c for c in women.columns if c not in own]
        if moved:
            visits = women[["participant_id", *moved]].copy()
            if _VISIT_KEY not in moved:
                visits.insert(0, _VISIT_KEY, women["participant_id"])
            tables["visits"] = visits
            tables["participants"] = women.drop(columns=moved)
    one_visit = "visits" not in named
    for name, frame in tables.items():
        keys = {f.name for f in codebook.keys[name]}
        has = set(frame.columns)
        if name == "visits" or not {_VISIT_KEY, "participant_id"} <= keys:
            continue
        if one_visit and _VISIT_KEY not in has and "participant_id" in has:
            tables[name] = frame.assign(**{_VISIT_KEY: frame["participant_id"]})
        elif "participant_id" not in has and _VISIT_KEY in has and "visits" in tables:
            visits = tables["visits"]
            owner = dict(zip(visits[_VISIT_KEY], visits["participant_id"], strict=True))
            tables[name] = frame.assign(participant_id=frame[_VISIT_KEY].map(owner).fillna(""))
    return tables


def _absent(
    name: str,
    named: Mapping[str, pd.DataFrame],
    codebook: Codebook,
    frames: Mapping[str, pd.DataFrame],
) -> list[Problem]:
    """Problems for keys, pointers to tables that are there, and fields declared as required."""
    keys = codebook.tables[name]
    needed = dict.fromkeys(keys.key)
    needed |= {c: None for c, target in keys.points_to.items() if target in named}
    needed |= {f.name: None for f in codebook.of_table(name) if f.required and f.table == name}
    found = []
    for variable in needed:
        if variable in named[name].columns:
            continue
        field = codebook.fields[variable]
        there = list(frames[name].columns) if name in frames else []
        hint = did_you_mean(field.column, there)
        message = f"there is no column '{field.column}' ({field.label}).{hint}"
        found.append(Problem(message=message, table=name))
    return found


def _no_header(name: str, columns: int) -> Problem:
    """Says nothing of what the first line holds: without a header it is a woman's row."""
    message = (
        f"none of its {columns} columns is declared in the codebook. Is the first line the header?"
    )
    return Problem(message=message, table=name)


def _not_read(name: str, left: list[str], known: list[Field]) -> list[Finding]:
    if not left:
        return []
    hints = [did_you_mean(c, [f.column for f in known]) for c in left]
    near = [f"'{c}' was not read.{hint}" for c, hint in zip(left, hints, strict=True) if hint]
    message = f"{len(left)} columns are not in the codebook and were not read. {' '.join(near)}"
    return [
        Finding(
            rule="undeclared",
            severity="note",
            table=name,
            columns=tuple(left),
            count=len(left),
            checked=len(left) + len(known),
            message=message.strip(),
        )
    ]
