"""Tables → Study: read, match, type, check keys, apply skip rules, derive, check, restrict.

Each stage is a function of what the one before made, and each collects its problems before it
stops, so that a study with five wrong columns says so once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from peerstats.data.checks import RULES, check, check_all, offenders
from peerstats.data.codebook import Codebook, Condition
from peerstats.data.codebook_file import read_codebook
from peerstats.data.columns import match_columns
from peerstats.data.conditions import check_condition, holds
from peerstats.data.derive import derive
from peerstats.data.flow import build_flow
from peerstats.data.keys import check_keys
from peerstats.data.linked import positions
from peerstats.data.raw import ReadOptions, plain
from peerstats.data.readers import READERS
from peerstats.data.readers.path import existing_file
from peerstats.data.sample import rows_of
from peerstats.data.skip import apply_skip
from peerstats.data.study import Finding, Study, Table
from peerstats.data.typed import as_text, type_table
from peerstats.errors import (
    DataError,
    PeerstatsError,
    PlaceError,
    Problem,
    UsageError,
    did_you_mean,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """Where a study's tables are and how they are to be read.

    `tables` maps a table of the codebook to a file or a frame; participants and sites are needed.
    `population` keeps the women who meet a condition, in words `population_label`; `exclude` names
    rules of which the offending women are left out, and counted, where the study would otherwise
    be refused; `ignore` lists headings that are left out without a remark. `encoding` and `decimal`
    hold for all files.
    """

    name: str
    tables: Mapping[str, Path | pd.DataFrame]
    codebook: Codebook | None = None
    encoding: str | None = None
    decimal: str | None = None
    population: Condition | None = None
    population_label: str | None = None
    exclude: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    synthetic: bool = False
    provenance: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class _Said:
    """What the stages say on the way, in the order in which they say it."""

    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rules_run: tuple[str, ...] = ()


def load_study(source: Source) -> Study:
    """Read and check a study; what is returned obeys its codebook.

    Raises UsageError for tables, files and conditions that cannot be meant, DataError with one
    problem for everything in the data that is not as declared, PlaceError for unreadable files.
    """
    codebook = source.codebook or read_codebook()
    _check_source(source, codebook)
    said = _Said()
    frames = _read(source, said)
    tables = _typed(frames, source, codebook, said)
    tables, notes = check_keys(tables, codebook)
    said.notes += notes
    tables, _ = apply_skip(tables, codebook)
    tables, against = apply_skip(derive(tables, codebook), codebook)  # again: gates may be derived
    said.findings += against
    kept, left_out = _consistent(tables, source, codebook, said)
    kept, outside = _population(kept, source, codebook)
    flow = build_flow(tables, (*left_out, *outside))
    return Study(
        name=source.name,
        codebook=codebook,
        tables=_restricted(tables, kept["participants"], codebook),
        findings=tuple(said.findings),
        rules_run=said.rules_run,
        notes=tuple(said.notes),
        flow=flow,
        synthetic=source.synthetic,
        provenance=source.provenance,
    )


# ------------------------------------------------------------------------------- what is asked for


def _check_source(source: Source, codebook: Codebook) -> None:
    problems: list[str] = []
    for name in source.tables:
        if name not in codebook.tables:
            hint = did_you_mean(name, codebook.tables) or f" One of: {', '.join(codebook.tables)}."
            problems.append(f"Unknown table '{name}'.{hint}")
    problems += [
        f"The study needs a table '{name}'."
        for name in ("participants", "sites")
        if name not in source.tables
    ]
    problems += [
        f"exclude: unknown rule '{rule}'.{did_you_mean(rule, RULES)}"
        for rule in source.exclude
        if rule not in RULES
    ]
    if source.decimal not in (None, ".", ","):
        problems.append("decimal must be '.' or ','.")
    if problems:
        raise UsageError(*problems)
    if source.population is not None:
        check_condition(source.population, codebook)


# ------------------------------------------------------------------------------------ text → tables


def _read(source: Source, said: _Said) -> dict[str, pd.DataFrame]:
    frames: dict[str, pd.DataFrame] = {}
    problems: list[PeerstatsError] = []
    options = ReadOptions(encoding=source.encoding)
    for name, given in source.tables.items():
        try:
            if isinstance(given, pd.DataFrame):
                frames[name] = _from_frame(name, given)
                continue
            path = existing_file(given, READERS)
            raw = READERS[path.suffix.lower()](path, options)
        except PermissionError:
            problems.append(PlaceError(f"'{given}' cannot be read: permission denied."))
        except PeerstatsError as error:
            problems.append(error)
        else:
            frames[name] = raw.frame
            said.notes += raw.notes
    if problems:
        first = min(problems, key=lambda error: error.exit_code)
        raise type(first)(*(problem for error in problems for problem in error.problems))
    return frames


def _from_frame(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame as text; refused where it no longer holds what the file held."""
    headings = [plain(str(column)) for column in frame.columns]
    if len(set(headings)) < len(headings):
        raise DataError(Problem(message="two columns have the same heading.", table=name))
    if frame.empty:
        raise DataError(Problem(message="has no rows.", table=name))
    return as_text(frame.set_axis(headings, axis=1))


def _typed(
    frames: Mapping[str, pd.DataFrame], source: Source, codebook: Codebook, said: _Said
) -> dict[str, Table]:
    _refuse_float_keys(source, codebook)
    matched = match_columns(frames, codebook, source.ignore)
    said.findings += matched.findings
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for name, frame in matched.frames.items():
        typing = type_table(name, frame, matched.fields[name], source.decimal)
        problems += typing.problems
        said.findings += typing.findings
        said.notes += typing.notes
        tables[name] = typing.table
    if problems:
        raise DataError(*problems)
    return tables


def _refuse_float_keys(source: Source, codebook: Codebook) -> None:
    """Above 2**53 a float is no longer one integer, and two women become one."""
    problems = [
        Problem(
            message="keys came as floating-point numbers and may be damaged. Read them as text.",
            table=name,
            column=key.column,
        )
        for name, given in source.tables.items()
        if isinstance(given, pd.DataFrame)
        for key in codebook.keys[name]
        if key.column in given.columns and pd.api.types.is_float_dtype(given[key.column].dtype)
    ]
    if problems:
        raise DataError(*problems)


# --------------------------------------------------------------------------------- who is analysed


def _consistent(
    tables: Mapping[str, Table], source: Source, codebook: Codebook, said: _Said
) -> tuple[dict[str, Table], list[tuple[str, str, int]]]:
    """Leave out the women who break an excluded rule; refuse the study for any other error."""
    kept, left_out = dict(tables), []
    if source.exclude:
        first = check(tables, codebook)
        said.findings += [f for f in first if f.rule in source.exclude]
        for rule in source.exclude:
            out = offenders(kept, codebook, rule)
            if out:
                kept = _without(kept, out, codebook)
                left_out.append((f"rule_{rule}", f"Not so: {RULES[rule].title}", len(out)))
    said.rules_run, found = check_all(kept, codebook)
    findings = [f for f in found if f.rule not in source.exclude]
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        raise DataError(*(_problem(finding) for finding in errors))
    said.findings += findings
    return kept, left_out


def _problem(finding: Finding) -> Problem:
    return Problem(
        message=(
            f"{RULES[finding.rule].title}; {finding.count} of {finding.checked} rows fail. Correct "
            f'them, or leave these women out: exclude = ["{finding.rule}"] in [data].'
        ),
        table=finding.table,
        column=", ".join(finding.columns) or None,
        code=finding.rule,
    )


def _population(
    tables: Mapping[str, Table], source: Source, codebook: Codebook
) -> tuple[dict[str, Table], list[tuple[str, str, int]]]:
    """Keep the women who meet the condition (at their first visit, if it speaks of visits)."""
    if source.population is None:
        return dict(tables), []
    variable = check_condition(source.population, codebook)
    rows = rows_of(tables, "participants")
    if variable.name not in rows.values.columns:
        raise DataError(f"population: the study has no values of '{variable.name}'.")
    inside = holds(source.population, rows.values[variable.name], variable)
    out = set(rows.values["participant_id"][~inside])
    if len(out) == len(rows.values):
        raise DataError(f"population: no participant meets '{source.population}'.")
    if not out:
        return dict(tables), []
    words = source.population_label or _words(source.population, codebook)
    label = f"Outside the population ({words})"
    return _without(tables, out, codebook), [("population", label, len(out))]


def _words(condition: Condition, codebook: Codebook) -> str:
    """A condition in the codebook's labels: "Migration = International"."""
    variable = codebook.fields[condition.variable]
    labels = {level.value: level.label for level in variable.levels}
    values = ", ".join(labels.get(value, value) for value in condition.values)
    return f"{variable.label} {condition.operator} {values}"


def _without(
    tables: Mapping[str, Table], out: Collection[str], codebook: Codebook
) -> dict[str, Table]:
    women = tables["participants"]
    keep = ~women.values["participant_id"].isin(set(out))
    return _restricted(tables, _rows(women, keep), codebook)


def _restricted(tables: Mapping[str, Table], women: Table, codebook: Codebook) -> dict[str, Table]:
    """All tables with these women only, and the venues and sites that are still theirs."""
    kept: dict[str, Table] = {}
    for name, table in tables.items():
        if name == "participants":
            kept[name] = women
        elif name in ("sites", "venues"):
            key = codebook.tables[name].key[0]
            used = set(women.values[key]) if key in women.values.columns else set()
            kept[name] = _rows(table, table.values[key].isin(used)) if used else table
        elif "participant_id" in table.values.columns:
            place = positions(women.values["participant_id"], table.values["participant_id"])
            kept[name] = _rows(table, place >= 0)
        else:
            kept[name] = table
    return kept


def _rows(table: Table, keep: pd.Series) -> Table:
    chosen = keep.to_numpy(dtype=bool)
    if chosen.all():
        return table
    return replace(
        table,
        values=table.values[chosen].reset_index(drop=True),
        codes=table.codes[chosen].reset_index(drop=True),
    )
