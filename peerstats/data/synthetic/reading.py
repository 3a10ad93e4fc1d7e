"""The variables that `truth` names, read back from a synthetic border study's tables.

This is a second, short reading of the dictionary, made without the codebook and the derivations, so
that a test can compare the two and a benchmark can fit models on tables of any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from peerstats.data.synthetic.study import Synthetic

if TYPE_CHECKING:
    import pandas as pd

_PER_YEAR = {"week": 52.0, "month": 12.0, "year": 1.0}


def model_frame(study: Synthetic) -> pd.DataFrame:
    """Return one row per first visit: the keys, the nine outcomes and their predictors.

    Yes and no are 1 and 0, an answer that is missing for any reason is NaN, and `ps_z` is
    standardised over the rows.

    >>> from peerstats.data.synthetic import generate
    >>> frame = model_frame(generate("border", 1, missing=False))
    >>> round(float(frame["ps_z"].std()), 6), int(frame["condom_last_client"].isna().sum()) > 0
    (1.0, True)
    """
    import pandas as pd

    tables = study.tables
    first = tables["visits"][tables["visits"]["visit_no"] == "1"]
    rows = first.merge(tables["participants"], on="participant_id", validate="1:1")
    venues = tables["venues"].set_index("venue_id")["formality"]
    countries = tables["sites"].set_index("site_id")["country_work"]
    formal = rows["venue_id"].map(venues) == "formal"
    total = _acts(tables["support_acts"]).reindex(rows["visit_id"]).to_numpy(dtype=float)
    work_years = (_number(rows["age"]) - _number(rows["age_entry"])).round(6)
    columns = {
        "participant_id": rows["participant_id"],
        "site_id": rows["site_id"],
        "venue_id": rows["venue_id"],
        "ps_z": (total - np.nanmean(total)) / np.nanstd(total, ddof=1),
        "formal": formal.astype(float),
        "informal": (~formal).astype(float),
        "mex": (rows["site_id"].map(countries) == "MEX").astype(float),
        "recent": _below(_years(rows["years_in_city"]), 1),
        "new_sw": _below(work_years, 1),
        "mobile": _mobile(rows),
        "deported": _number(rows["ever_deported"]),
    }
    return pd.DataFrame(columns | _told(rows) | _violence(study, rows["visit_id"]))


def _number(texts: pd.Series) -> pd.Series:
    """Read numbers; a missing code is NaN. (A code starts with a point and has no digit.)"""
    lost = texts.str.fullmatch(r"\.[a-z]")
    return texts.where(~lost).astype(float)


def _below(values: pd.Series, limit: float) -> pd.Series:
    return (values < limit).astype(float).where(values.notna())


def _years(texts: pd.Series) -> pd.Series:
    parts = texts.str.extract(r"^(?P<below><)?(?P<amount>[\d.]+) (?P<unit>week|month|year)s?$")
    amount: pd.Series = parts["amount"].astype(float) * np.where(parts["below"].notna(), 0.5, 1.0)
    return amount / parts["unit"].map(_PER_YEAR)


def _acts(acts: pd.DataFrame) -> pd.Series:
    """Return the number of acts received per visit; NaN where half or more were not told."""
    received = _number(acts["received"])
    mean = received.groupby(acts["visit_id"]).mean()
    told = received.notna().groupby(acts["visit_id"]).mean()
    return (23 * mean).where(told >= 0.5)


def _mobile(rows: pd.DataFrame) -> pd.Series:
    several = _number(rows["n_venues_6m"]) >= 3
    yes = several | (rows["crossed_border_6m"] == "1") | (rows["moved_work_police_6m"] == "1")
    return yes.astype(float)


def _told(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the outcomes that stand in the visits table, or follow from one of its items."""
    often = _number(rows["condom_freq_clients"])
    months = 12 * _years(rows["months_since_test"])
    never = rows["hiv_test_ever"] == "0"
    return {
        "ccu_clients": (often == 5).astype(float).where(often.notna()),
        "condom_last_client": _number(rows["condom_last_client"]),
        "client_refusal_6m": _number(rows["client_refusal_6m"]),
        "hiv_test_12m": (months <= 12).astype(float).where(months.notna() | never),
        "sti_self_12m": _number(rows["sti_self_12m"]),
    }


def _violence(study: Synthetic, visit_id: pd.Series) -> dict[str, pd.Series]:
    """Return the outcomes of the long table: 1 with any, NaN with none told and any refused."""
    cells = study.tables["violence"]
    happened = _number(cells["w6m"])
    client = cells["perpetrator"] == "client"
    authorities = ("police", "immigration", "health_inspector")
    of = {
        "client_phys_sex_6m": client & cells["type"].isin(("physical", "sexual")),
        "client_verbal_6m": client & (cells["type"] == "verbal"),
        "authority_any_6m": cells["perpetrator"].isin(authorities),
        "peer_any_6m": cells["perpetrator"] == "peer",
    }
    out = {}
    for name, rows in of.items():
        grouped = happened[rows].groupby(cells["visit_id"][rows])
        worst = grouped.max()
        out[name] = worst.where((worst == 1) | (grouped.count() == grouped.size()))
    return {name: visit_id.map(values) for name, values in out.items()}
