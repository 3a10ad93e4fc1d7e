"""One variable's column as the descriptive tables see it: who was asked, who answered, and what.

A question that a skip rule passed over (`.a`) or that cannot apply (`.n`) was not asked; a refusal,
a "don't know", an item left out at a site and an unexplained blank were asked and not answered.
Percentages are of those who answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.data.codebook import STRUCTURAL_CODES, Field, Level
from peerstats.data.study import Study, Table
from peerstats.errors import DataError, Problem, UsageError, did_you_mean

NUMERIC_TYPES = ("number", "integer", "duration")
_NO_YES = (Level(value="0", label="No"), Level(value="1", label="Yes"))
_SIGNS: Mapping[str, str] = {"=": "is", "!=": "is not", ">=": "≥", "<=": "≤", "in": "is one of"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """A column of n rows: `asked` and `answered` (n,) of bool, `values` (n,) of level or number.

    `values` holds floats (NaN where not answered) for a measurement, else a level's `value` (""
    where not answered).
    """

    field: Field
    levels: tuple[Level, ...]
    asked: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    values: NDArray

    @property
    def numeric(self) -> bool:
        """Whether it is summarised by a mean rather than by counts."""
        return is_numeric(self.field)


def is_numeric(field: Field) -> bool:
    """Whether a variable is a measurement; an ordinal variable without named levels is one."""
    return field.type in NUMERIC_TYPES or (field.type == "ordinal" and not field.levels)


def read_answers(table: Table, field: Field) -> Answers:
    """Read one variable of a table, rows in the table's order.

    Raises UsageError when the table has no such variable or its type has no summary (text, dates,
    several choices), DataError when it holds a value the codebook does not name.
    """
    if field.name not in table.values.columns:
        raise UsageError(
            f"Table '{table.name}' has no variable '{field.name}'."
            f"{did_you_mean(field.name, table.values.columns)}"
        )
    if field.type in ("text", "date", "multi"):
        raise UsageError(
            f"Variable '{field.name}' is of type '{field.type}', which this table cannot summarise;"
            f" derive a yes/no, category or number variable from it."
        )
    codes = table.codes[field.name].to_numpy(dtype=object)
    column = table.values[field.name]
    answered = codes == ""
    asked = ~np.isin(codes.astype(str), STRUCTURAL_CODES)
    if is_numeric(field):
        numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)
        values: NDArray = np.where(answered, numbers, np.nan)
        return Answers(field=field, levels=(), asked=asked, answered=answered, values=values)
    values = np.array([level_value(v) if a else "" for v, a in zip(column, answered, strict=True)])
    levels = _levels(field, values[answered], table)
    return Answers(field=field, levels=levels, asked=asked, answered=answered, values=values)


def level_value(value: object) -> str:
    """Return a cell as the codebook writes a level: True, 1 and 1.0 are all "1".

    >>> level_value(True), level_value(2.0), level_value("3+")
    ('1', '2', '3+')
    """
    if isinstance(value, bool | int | float | np.bool_ | np.number):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    return str(value)


def _levels(field: Field, seen: NDArray, table: Table) -> tuple[Level, ...]:
    """Return the codebook's levels, or for a key (a site) what the table holds, sorted.

    A category's levels that nobody has are left out: a codebook lists every country, and a table of
    zeros would bury the three that matter. Yes/no and ordered answers are always shown whole.
    """
    levels = field.levels or (_NO_YES if field.type == "boolean" else ())
    if not levels:
        return tuple(Level(value=str(v), label=str(v).replace("_", " ")) for v in np.unique(seen))
    strange = int((~np.isin(seen, [level.value for level in levels])).sum())
    if strange:
        raise DataError(
            Problem(
                message=f"{strange} values are not among the levels the codebook names; add the"
                " levels to the codebook or correct the data",
                table=table.name,
                column=field.name,
            )
        )
    if field.type == "category" and len(seen):
        return tuple(level for level in levels if level.value in seen)
    return levels


def name_levels(study: Study, key: Field) -> Field:
    """Return a key (`site_id`) with levels named by the table it is the key of (`site_name`).

    Levels are in the order of that table's rows. The field comes back as it is when it has levels,
    or when the study has no such table or lacks a name for one of its rows.
    """
    named = f"{key.name.removesuffix('_id')}_name"
    homes = [name for name, t in study.codebook.tables.items() if t.key == (key.name,)]
    table = next((study.tables[name] for name in homes if name in study.tables), None)
    if key.levels or table is None or not {key.name, named} <= set(table.values.columns):
        return key
    rows = table.values[[key.name, named]].dropna().drop_duplicates(key.name)
    names = {level_value(value): str(label) for value, label in rows.to_numpy()}
    if not set(table.values[key.name].dropna().map(level_value)) <= set(names):
        return key
    return replace(key, levels=tuple(Level(value=v, label=name) for v, name in names.items()))


def skip_rule(field: Field, others: Mapping[str, Field]) -> str | None:
    """Say in words of whom an item was asked, or None when it was asked of everybody.

    >>> from peerstats.data.codebook import Condition
    >>> rule = Condition(variable="n_children", operator=">=", values=("1",))
    >>> item = Field(name="apart", table="participants", label="Lives apart from a child",
    ...              type="boolean", column="apart", asked_if=rule)
    >>> skip_rule(item, {})
    'asked if n_children ≥ 1'
    """
    rule = field.asked_if
    if rule is None:
        return None
    gate = others.get(rule.variable)
    named = gate.levels or (_NO_YES if gate.type == "boolean" else ()) if gate else ()
    words = {level.value: level.label for level in named}
    values = " or ".join(words.get(value, value) for value in rule.values)
    label = gate.label if gate else rule.variable
    return f"asked if {label} {_SIGNS.get(rule.operator, rule.operator)} {values}"
