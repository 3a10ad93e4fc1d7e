"""Patterns over many answers: scales, interviewers, supplied scores, empty cells (C26–C32, D01).

Interviewers (C27). A block is every variable of sensitivity 2. The rule speaks of an interviewer
with at least 5 interviews who has more than 30 % refusals among the answers asked for, or at least
20 interviews without one report of violence: with a true share of 20 % that has a probability of
1 %. Counted are the interviews.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from peerstats.data.checks.rule import Piece, Rule, always, implies
from peerstats.data.codebook import Scale
from peerstats.data.derive import recomputed
from peerstats.data.derived.source import Source
from peerstats.data.linked import positions

REFUSALS, FEWEST = 0.30, 5
NO_VIOLENCE = 20
ROUNDING = 0.05  # a supplied score with one decimal is not a difference


def straight_lining(view: Source) -> list[Piece]:
    """C26: the same answer to every item of a scale that has reversed items."""
    pieces = []
    for scale in view.codebook.scales.values():
        turned = [view.codebook.fields[i].reverse for i in scale.items]
        if not view.has(*scale.items) or len(turned) < 3 or all(turned) or not any(turned):
            continue
        answers = view.rows.values[list(scale.items)].astype(float)
        spread = answers.max(axis=1) - answers.min(axis=1)
        pieces.append(implies(view, tuple(scale.items), always(view), spread > 0))
    return pieces


def interviewers(view: Source) -> list[Piece]:
    """C27: an interviewer with many refusals, or without any report of violence."""
    who = view.value("interviewer_id").astype(object)
    block = [
        f.name
        for f in view.codebook.fields.values()
        if f.sensitive == 2 and not f.derived and view.has(f.name)
    ]
    pieces = []
    if block:
        codes = view.rows.codes[block]
        asked, refused = (~codes.isin([".a", ".n", ".x"])).sum(axis=1), (codes == ".r").sum(axis=1)
        by = (
            pd.DataFrame({"asked": asked, "refused": refused, "n": 1}).groupby(who).transform("sum")
        )
        many = (by["refused"] > REFUSALS * by["asked"]) & (by["n"] >= FEWEST)
        pieces.append(implies(view, ("interviewer_id",), asked > 0, ~many))
    for name in ("any_violence_6m", "any_workplace_6m"):
        if view.has(name):
            n = view.value(name).groupby(who).transform("count")
            none = view.value(name).groupby(who).transform("max") == 0
            silent = none & (n >= NO_VIOLENCE)
            pieces.append(implies(view, ("interviewer_id", name), always(view), ~silent))
            break
    return pieces


def score_in_range(view: Source) -> list[Piece]:
    """C30: a score lies in its theoretical range and stands on all the items of its scale."""
    pieces = []
    scales = {s.score: s for s in view.codebook.scales.values() if s.score}
    for field in view.codebook.fields.values():
        if not (field.derived and field.type in ("number", "integer") and view.has(field.name)):
            continue
        scale = scales.get(field.name)
        low, high = _range(scale) if scale else (field.low, field.high)
        if low is None or high is None or field.unit is not None:
            continue
        value = view.value(field.name).astype(float)
        pieces.append(
            implies(view, (field.name,), always(view), value.between(low - 1e-9, high + 1e-9))
        )
        if scale and view.has(*scale.items[:1]) and not view.has(*scale.items):
            pieces.append(implies(view, (field.name,), always(view), ~always(view)))
    return pieces


def _range(scale: Scale) -> tuple[float, float]:
    return scale.low * len(scale.items), scale.high * len(scale.items)


def supplied_as_derived(view: Source) -> list[Piece]:
    """D01: a derived variable that came with the data equals what its inputs give."""
    pieces = []
    for table, name, again in recomputed(view.tables, view.codebook):
        given = view.tables[table].values[name]
        both = given.notna() & again.notna()
        if pd.api.types.is_numeric_dtype(given.dtype):
            differ = both & ((given - again).abs() > ROUNDING)
        else:
            differ = both & (given.astype(object) != again.astype(object))
        pieces.append(
            Piece(
                columns=(name,),
                applies=_on_rows(view, table, both),
                offends=_on_rows(view, table, differ),
            )
        )
    return pieces


def _on_rows(view: Source, table: str, mask: pd.Series) -> pd.Series:
    """Return a mask of a parent table on the rows that belong to it."""
    if table == view.rows.name:
        return mask
    key = {"participants": "participant_id", "venues": "venue_id"}[table]
    if not view.has(key):
        return ~always(view)
    at = positions(view.tables[table].values[key], view.value(key))
    return pd.Series(mask.to_numpy()[at], index=at.index) & at.ge(0)


def empty_cells(frame: pd.DataFrame, a: str, b: str) -> tuple[tuple[str, str], ...]:
    """Return the combinations of two categorical columns in which nobody is (rule C32).

    Levels are the categories of a categorical column, in order, and else the values seen. An
    interaction of `a` and `b` cannot be estimated while one of its cells is empty.

    >>> f = pd.DataFrame({"country": ["MEX", "GTM", "GTM"], "formal": [0, 1, 0]})
    >>> empty_cells(f, "country", "formal")
    (('MEX', '1'),)
    """
    seen = set(frame[[a, b]].dropna().astype(object).itertuples(index=False, name=None))
    return tuple(
        (_name(x), _name(y))
        for x in _levels(frame[a])
        for y in _levels(frame[b])
        if (x, y) not in seen
    )


def _levels(column: pd.Series) -> list[object]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    return list(pd.unique(column.dropna()))


def _name(level: object) -> str:
    whole = isinstance(level, float | np.floating) and float(level).is_integer()
    return str(int(level)) if whole else str(level)  # type: ignore[call-overload]


def asked_per_interaction(view: Source) -> list[Piece]:
    """C32 is asked of each requested interaction with `empty_cells`; by itself it finds nothing."""
    return []


RULES = (
    Rule(
        id="C26",
        severity="warn",
        table="unit",
        title="answers to a scale with reversed items are not all the same",
        find=straight_lining,
    ),
    Rule(
        id="C27",
        severity="warn",
        table="unit",
        title="interviewers have few refusals on sensitive items, and some report of violence",
        columns=("interviewer_id",),
        find=interviewers,
    ),
    Rule(
        id="C30",
        severity="error",
        table="unit",
        title="scores lie in their theoretical range and have all their items",
        find=score_in_range,
    ),
    Rule(
        id="C32",
        severity="error",
        table="participants",
        title="every combination of an exposure and its modifier has participants",
        find=asked_per_interaction,
    ),
    Rule(
        id="D01",
        severity="warn",
        table="unit",
        title="derived variables that came with the data equal what their inputs give",
        find=supplied_as_derived,
    ),
)
