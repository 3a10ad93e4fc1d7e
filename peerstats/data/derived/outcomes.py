"""Outcomes and scores that follow from other answers: testing, condoms, mobility, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from peerstats.data.codebook import Codebook, Scale
from peerstats.data.derived.absence import Column, all_needed, any_of
from peerstats.data.derived.source import Derivation, Source, interval, more
from peerstats.data.scales import score

DAYS_PER_MONTH = 365.25 / 12
ALWAYS = 5  # condom_freq_clients: 1 never … 5 always
MANY_VENUES = 3  # in 6 months
LONELY = 6  # UCLA-3, of 3–9
AT_RISK = 12  # LSNS-6 below this, of 0–30
MANAGER_SUPPORT = tuple(f"mgr_support_{i}" for i in range(1, 5))
MANAGER_PRACTICES = (
    *("mgr_condoms", "mgr_training", "mgr_clinic_days"),
    *("mgr_security", "mgr_rules_client", "mgr_violence"),
)


def hiv_tests(source: Source) -> Mapping[str, Column]:
    """Return whether the last test was at most 12 and 6 months ago; 0 for never tested.

    An interval that straddles the cut (such as "less than a year" for 6 months) is `.m`.
    """
    low, high, code = _months_since_test(source)
    never = pd.Series(False, index=low.index)
    if source.has("hiv_test_ever"):
        never = source.value("hiv_test_ever") == 0
        code = code.where(source.value("hiv_test_ever").notna(), source.code("hiv_test_ever"))
        code = code.mask(low.notna() | never, "")
    return {
        f"hiv_test_{cut}m": all_needed((1 - more(low, high, cut)).mask(never, 0.0), code)
        for cut in (12, 6)
    }


def _months_since_test(source: Source) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return bounds and code of the months since the last test, from the answer or from dates."""
    if source.has("months_since_test"):
        low, high = interval(source, "months_since_test")
        return low, high, source.code("months_since_test").mask(low.notna(), "")
    days = (source.value("date") - source.value("last_test_date")).dt.total_seconds() / 86_400
    months = (days / DAYS_PER_MONTH).where(days >= 0)
    return months, months, all_needed(months, source.code("last_test_date"), source.code("date"))[1]


def ccu_clients(source: Source) -> Mapping[str, Column]:
    """Return 1 for always using condoms with clients; women without clients keep their `.a`."""
    often = source.value("condom_freq_clients").astype(float)
    always = (often == ALWAYS).astype(float).where(often.notna())
    return {"ccu_clients": all_needed(always, source.code("condom_freq_clients"))}


def mobile(source: Source) -> Mapping[str, Column]:
    """Return 1 for crossing a border, moving because of police, or 3 or more venues in 6 months."""
    names = ["crossed_border_6m", "moved_work_police_6m", "n_venues_6m"]
    values, codes = source.rows.values[names].astype(float), source.rows.codes[names]
    many = (values["n_venues_6m"] >= MANY_VENUES).astype(float).where(values["n_venues_6m"].notna())
    return {"mobile": any_of(values.assign(n_venues_6m=many), codes)}


def lonely(source: Source) -> Mapping[str, Column]:
    """Return 1 for a UCLA-3 score of 6 or more."""
    return {"lonely": _threshold(source, "isolation_score", lambda x: x >= LONELY)}


def network_at_risk(source: Source) -> Mapping[str, Column]:
    """Return 1 for an LSNS-6 score below 12."""
    return {"network_at_risk": _threshold(source, "network_score", lambda x: x < AT_RISK)}


def mgr_support_score(source: Source) -> Mapping[str, Column]:
    """Return the number of kinds of support from managers (0–4), half-rule."""
    return {"mgr_support_score": _count(source, MANAGER_SUPPORT)}


def mgr_index(source: Source) -> Mapping[str, Column]:
    """Return the number of safety practices of a venue's management (0–6); 0 without a manager."""
    value, code = _count(source, MANAGER_PRACTICES)
    if source.has("mgr_present"):
        nobody = source.value("mgr_present") == 0
        value, code = value.mask(nobody, 0.0), code.mask(nobody, "")
    return {"mgr_index": (value, code)}


def scale_scores(codebook: Codebook) -> tuple[Derivation, ...]:
    """Return one derivation for each scale of the codebook that names its score."""
    return tuple(
        Derivation(
            names=(scale.score,), place="unit", make=_scorer(scale, scale.score), needs=scale.items
        )
        for scale in codebook.scales.values()
        if scale.score and scale.items
    )


def _scorer(scale: Scale, name: str) -> Callable[[Source], Mapping[str, Column]]:
    def make(source: Source) -> Mapping[str, Column]:
        turned = {item for item in scale.items if source.codebook.fields[item].reverse}
        return {name: score(source.rows.values, source.rows.codes, scale, turned)}

    return make


def _threshold(source: Source, name: str, holds: Callable[[pd.Series], pd.Series]) -> Column:
    value = source.value(name).astype(float)
    yes = pd.Series(np.where(holds(value), 1.0, 0.0), index=value.index)
    return all_needed(yes.where(value.notna()), source.code(name))


def _count(source: Source, items: tuple[str, ...]) -> Column:
    scale = Scale(name="count", label="count", items=items, low=0, high=1)
    return score(source.rows.values, source.rows.codes, scale)


OUTCOMES = (
    Derivation(
        names=("hiv_test_12m", "hiv_test_6m"),
        place="unit",
        make=hiv_tests,
        needs=("months_since_test",),
        may=("hiv_test_ever", "months_since_test_low", "months_since_test_high"),
    ),
    Derivation(
        names=("hiv_test_12m", "hiv_test_6m"),
        place="unit",
        make=hiv_tests,
        needs=("last_test_date", "date"),
        may=("hiv_test_ever",),
    ),
    Derivation(
        names=("ccu_clients",), place="unit", make=ccu_clients, needs=("condom_freq_clients",)
    ),
    Derivation(
        names=("mobile",),
        place="unit",
        make=mobile,
        needs=("crossed_border_6m", "moved_work_police_6m", "n_venues_6m"),
    ),
    Derivation(names=("lonely",), place="unit", make=lonely, needs=("isolation_score",)),
    Derivation(
        names=("network_at_risk",), place="unit", make=network_at_risk, needs=("network_score",)
    ),
    Derivation(
        names=("mgr_support_score",), place="unit", make=mgr_support_score, needs=MANAGER_SUPPORT
    ),
    Derivation(
        names=("mgr_index",),
        place="venues",
        make=mgr_index,
        needs=MANAGER_PRACTICES,
        may=("mgr_present",),
    ),
)
