"""Peer support received: totals, domains, the standardised score and its split by venue.

The instrument of a study is the acts that occur in its table; scores are prorated over those (half-
rule, `scales.score`), so a study with fewer acts has a smaller range.

    ps_z      (ps_total - mean) / SD, both over first visits, SD with divisor n - 1
    ps_high   1 at or above the median over first visits
    venue_ps_mean, ps_within    mean of ps_z over all rows of the venue, and the deviation from it:
              ps_z = venue_ps_mean + ps_within (Mundlak, Econometrica 1978;46:69), per SD of ps_z
    venue_support_climate       mean of ps_z over the *other* women of the venue; for a model in
              which the climate itself is the exposure
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from peerstats.data.codebook import Scale
from peerstats.data.derived.absence import Column, all_needed
from peerstats.data.derived.source import Derivation, Source, spread
from peerstats.data.linked import first_visits
from peerstats.data.scales import score

DOMAINS = ("E", "I", "T", "M", "S", "A", "B")


def support_scores(source: Source) -> Mapping[str, Column]:
    """Return the total and the domain scores of acts received, per unit."""
    values, codes = received_acts(source)
    groups = {"ps_total": list(values.columns)}
    for letter in DOMAINS:
        groups[f"ps_domain_{letter.lower()}"] = [
            a for a in values.columns if a[:1] == letter and a[1:].isdigit()
        ]
    return {
        name: score(values, codes, Scale(name=name, label=name, items=tuple(acts), low=0, high=1))
        for name, acts in groups.items()
        if acts
    }


def received_acts(source: Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return which acts each unit received, one column an act in the codebook's order."""
    long = source.tables["support_acts"]
    values, codes = spread(source, long, long.values["act"], "received")
    field = source.codebook.fields.get("act")
    order = [level.value for level in field.levels] if field else []
    acts = sorted(values.columns, key=lambda a: (order.index(a) if a in order else len(order), a))
    return values[acts], codes[acts]


def ps_z(source: Source) -> Mapping[str, Column]:
    """Return the total standardised over first visits; nothing where it does not vary."""
    total = source.value("ps_total").astype(float)
    first = total[first_visits(source.rows)]
    if not first.std(ddof=1) > 0:
        return {}
    return {"ps_z": all_needed((total - first.mean()) / first.std(ddof=1), source.code("ps_total"))}


def ps_high(source: Source) -> Mapping[str, Column]:
    """Return 1 at or above the median of first visits."""
    total = source.value("ps_z").astype(float)
    high = (total >= total[first_visits(source.rows)].median()).astype(float)
    return {"ps_high": all_needed(high.where(total.notna()), source.code("ps_z"))}


def venue_split(source: Source) -> Mapping[str, Column]:
    """Return the venue's mean of ps_z, the deviation from it, and the mean of the other women."""
    z, code = source.value("ps_z").astype(float), source.code("ps_z")
    venue, woman = source.value("venue_id"), source.value("participant_id")
    missing_venue = source.code("venue_id")
    mean = z.groupby(venue).transform("mean")
    sums, counts = z.groupby(venue).transform("sum"), z.groupby(venue).transform("count")
    hers = z.groupby([venue, woman])
    others = counts - hers.transform("count")
    climate = ((sums - hers.transform("sum")) / others.where(others > 0)).where(others > 0)
    return {
        "venue_ps_mean": all_needed(mean, missing_venue),
        "ps_within": all_needed(z - mean, code, missing_venue),
        "venue_support_climate": all_needed(climate, missing_venue),
    }


SUPPORT = (
    Derivation(
        names=("ps_total", *(f"ps_domain_{d.lower()}" for d in DOMAINS)),
        place="unit",
        make=support_scores,
        may=("visit_no", "date"),
        long=("support_acts", "act", "received"),
    ),
    Derivation(
        names=("ps_z",),
        place="unit",
        make=ps_z,
        needs=("ps_total",),
        may=("visit_no", "date"),
        relative=True,
    ),
    Derivation(
        names=("ps_high",),
        place="unit",
        make=ps_high,
        needs=("ps_z",),
        may=("visit_no", "date"),
        relative=True,
    ),
    Derivation(
        names=("venue_ps_mean", "ps_within", "venue_support_climate"),
        place="unit",
        make=venue_split,
        needs=("ps_z", "venue_id", "participant_id"),
        relative=True,
    ),
)
