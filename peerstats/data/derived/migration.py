"""Time in the city, time in the work, and what they make of a woman's situation.

Stage cut-points: in the city 1 year (recent arrivals, "within the last year") and 5 years; in the
work 1 and 3 years. A duration known only as an interval has a stage when the whole interval lies in
it; one that straddles a cut-point has none (`.m`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from peerstats.data.derived.absence import Column, all_needed, both_of, cut, ruling_code
from peerstats.data.derived.source import Derivation, Source, interval, less, more

CA4_YEARS = 90 / 365  # a CA-4 entry allows a stay of 90 days
ROUNDING = 1.0  # years: age and years in the city are each rounded to whole years


def years_sw(source: Source) -> Mapping[str, Column]:
    """Return age - age_entry in years; a negative difference cannot be and is `.m`."""
    years = source.value("age") - source.value("age_entry")
    return {"years_sw": all_needed(years.where(years >= 0), *_codes(source, "age", "age_entry"))}


def age_at_arrival(source: Source) -> Mapping[str, Column]:
    """Return age - years_in_city; 0 where rounding makes it negative, `.m` where more does."""
    age = source.value("age") - source.value("years_in_city")
    age = age.where(age >= -ROUNDING).clip(lower=0)
    return {"age_at_arrival": all_needed(age, *_codes(source, "age", "years_in_city"))}


def migration_stage(source: Source) -> Mapping[str, Column]:
    """Return recent (< 1 year in the city), settling (1 to < 5) or long (5 or more)."""
    labels = ("recent", "settling", "long")
    return {"migration_stage": _stage(source, "years_in_city", (1, 5), labels)}


def sw_stage(source: Source) -> Mapping[str, Column]:
    """Return new (< 1 year in sex work), early (1 to < 3) or experienced (3 or more)."""
    return {"sw_stage": _stage(source, "years_sw", (1, 3), ("new", "early", "experienced"))}


def double_newcomer(source: Source) -> Mapping[str, Column]:
    """Return 1 for a recent arrival who is also new to sex work; one known "no" makes it 0."""
    recent = _is(source, "migration_stage", "recent")
    return {"double_newcomer": both_of(recent, _is(source, "sw_stage", "new"))}


def stage_order(source: Source) -> Mapping[str, Column]:
    """Return whether sex work began before or after arriving: sign(years_sw - years_in_city)."""
    gap = (source.value("years_sw") - source.value("years_in_city")).apply(np.sign)
    order = cut(gap, (0, 0.5), ("after_arrival", "same_time", "before_arrival"))
    return {"stage_order": all_needed(order, *_codes(source, "years_sw", "years_in_city"))}


def irregular(source: Source) -> Mapping[str, Column]:
    """Return 1 with no document, or a CA-4 entry and more than 90 days in the city.

    Time in the city is a lower bound of time in the country, so a short time with a CA-4 entry is
    counted as regular.
    """
    doc, code = source.value("migration_doc").astype(object), source.code("migration_doc")
    stay = more(*interval(source, "years_in_city"), CA4_YEARS)
    entered = doc == "ca4_entry"
    value = pd.Series(np.where(doc == "none", 1.0, 0.0), index=doc.index).where(~entered, stay)
    later = source.code("years_in_city").where(entered, "")
    return {"irregular": all_needed(value, code, later)}


def _stage(source: Source, name: str, edges: Sequence[float], labels: Sequence[str]) -> Column:
    low, high = interval(source, name)
    rank = sum((1 - less(low, high, edge) for edge in edges), pd.Series(0.0, index=low.index))
    bounded = low.notna()  # an interval without a point value is still an observation
    stage = cut(rank.where(bounded), range(1, len(edges) + 1), labels)
    return all_needed(stage, source.code(name).mask(bounded, ""))


def _is(source: Source, name: str, level: str) -> Column:
    value = source.value(name).astype(object)
    yes = pd.Series(np.where(value == level, 1.0, 0.0), index=value.index)
    return yes.where(value.notna()), source.code(name)


def _codes(source: Source, *names: str) -> tuple[pd.Series, ...]:
    """Return the codes, `.m` for a value that is absent without a code."""
    return tuple(
        ruling_code(source.code(n).to_frame()).mask(
            source.value(n).isna() & (source.code(n) == ""), ".m"
        )
        for n in names
    )


CITY = ("years_in_city_low", "years_in_city_high")
MIGRATION = (
    Derivation(
        names=("years_sw",), place="participants", make=years_sw, needs=("age", "age_entry")
    ),
    Derivation(
        names=("age_at_arrival",),
        place="participants",
        make=age_at_arrival,
        needs=("age", "years_in_city"),
    ),
    Derivation(
        names=("migration_stage",),
        place="participants",
        make=migration_stage,
        needs=("years_in_city",),
        may=CITY,
    ),
    Derivation(names=("sw_stage",), place="participants", make=sw_stage, needs=("years_sw",)),
    Derivation(
        names=("double_newcomer",),
        place="participants",
        make=double_newcomer,
        needs=("migration_stage", "sw_stage"),
    ),
    Derivation(
        names=("stage_order",),
        place="participants",
        make=stage_order,
        needs=("years_sw", "years_in_city"),
    ),
    Derivation(
        names=("irregular",),
        place="participants",
        make=irregular,
        needs=("migration_doc", "years_in_city"),
        may=CITY,
    ),
)
