"""The rows one analysis uses, and why the others are not among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from peerstats.data.codebook import Codebook, Field
from peerstats.data.linked import first_visits, link, positions
from peerstats.data.study import Study, Table
from peerstats.errors import DataError, Problem, UsageError, did_you_mean

UNITS = ("participants", "visits")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One row per unit with every variable asked for; rows dropped are counted by reason.

    `frame` is complete in `variables`. Categories are ordered with the reference first, so that a
    treatment contrast is against the codebook's reference.
    """

    frame: pd.DataFrame
    fields: Mapping[str, Field]
    n_start: int
    dropped: tuple[
        tuple[str, str, int], ...
    ]  # (variable, missing code or rule, rows), first reason wins

    def __repr__(self) -> str:
        return f"<Sample: {len(self.frame)} of {self.n_start} rows, {len(self.fields)} variables>"


def analysis_table(study: Study, unit: str = "participants") -> Table:
    """Return one row per participant (with her first visit) or per visit, with all it belongs to.

    Columns of visits, participants, venues and sites stand side by side; every join is many to one.
    Raises UsageError for another unit.
    """
    return rows_of(study.tables, unit)


def rows_of(tables: Mapping[str, Table], unit: str) -> Table:
    """`analysis_table` for tables that are not yet a study."""
    if unit not in UNITS:
        raise UsageError(f"Unknown unit '{unit}'.{did_you_mean(unit, UNITS)}")
    if "visits" not in tables:
        return link(tables, "participants")
    if unit == "visits":
        return link(tables, "visits")
    return link({**tables, "participants": _with_first_visit(tables)}, "participants")


def take_sample(study: Study, variables: Sequence[str], unit: str = "participants") -> Sample:
    """Return the rows that are complete in `variables`, and why the others are not.

    A row is counted once, under the first of the variables that it lacks and that value's code.
    Keys come along in the frame. Raises UsageError for unknown variables, DataError for variables
    that the codebook declares and this study does not have.
    """
    rows = analysis_table(study, unit)
    wanted = list(dict.fromkeys(variables))
    _check_names(wanted, rows, study.codebook)
    dropped: Counter[tuple[str, str]] = Counter()
    keep = pd.Series(True, index=rows.values.index)
    for name in wanted:
        absent = (keep & rows.values[name].isna()).to_numpy()
        codes = rows.codes[name].to_numpy()[absent]
        dropped.update((name, code or ".m") for code in codes)
        keep &= ~absent
    keys = [c for c in rows.values.columns if c in _key_names(study.codebook) and c not in wanted]
    frame = rows.values.loc[keep, [*keys, *wanted]].reset_index(drop=True)
    return Sample(
        frame=frame,
        fields={name: _field(name, study.codebook) for name in wanted},
        n_start=len(rows.values),
        dropped=tuple((name, code, count) for (name, code), count in dropped.items()),
    )


def _with_first_visit(tables: Mapping[str, Table]) -> Table:
    women, visits = tables["participants"], tables["visits"]
    first = first_visits(visits).to_numpy()
    values = visits.values[first].reset_index(drop=True)
    codes = visits.codes[first].reset_index(drop=True)
    place = positions(values["participant_id"], women.values["participant_id"]).to_numpy()
    new = [c for c in values.columns if c not in women.values.columns]
    index = women.values.index
    taken = codes[new].reindex(place, fill_value=".m").set_axis(index, axis=0)
    return Table(
        name="participants",
        values=pd.concat(
            [women.values, values[new].reindex(place).set_axis(index, axis=0)], axis=1
        ),
        codes=pd.concat([women.codes, taken], axis=1),
    )


def _check_names(wanted: Sequence[str], rows: Table, codebook: Codebook) -> None:
    there = list(rows.values.columns)
    for name in wanted:
        if name in there:
            continue
        if name in codebook.fields:
            field = codebook.fields[name]
            message = (
                f"The study has no values of '{name}' ({field.label}): its column "
                "is not in the data and cannot be derived from what is."
            )
            raise DataError(Problem(message=message, table=field.table, column=field.column))
        raise UsageError(f"Unknown variable '{name}'.{did_you_mean(name, there)}")


def _key_names(codebook: Codebook) -> set[str]:
    return {field.name for keys in codebook.keys.values() for field in keys}


def _field(name: str, codebook: Codebook) -> Field:
    """The field of a variable; an end of a duration's interval is spoken of like the duration."""
    field = codebook.fields.get(name)
    return field if field is not None else codebook.fields[name.rsplit("_", 1)[0]]
