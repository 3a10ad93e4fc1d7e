"""What is lost from the border profile, and why, with its typed code.

Refusals depend on the site and the interviewer (missing at random given both). Refusing to speak
of one perpetrator's violence is more likely when it happened (VIOLENCE_DELTA on the log-odds scale,
not at random). Years in the city are not known to 6 %, and the stigma block was not collected at
one site in twelve. An answer that was never asked for (".a", ".n") stays so; where the answer to a
gate is lost, the answers behind it are lost with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.places import SITES_PER_COUNTRY
from peerstats.data.synthetic.streams import Bools, Floats, Ints, Texts, expit, stream
from peerstats.data.synthetic.truth import (
    DOCUMENT_REFUSED_SHARE,
    DONT_KNOW_YEARS_SHARE,
    INCONSISTENT_SHARE,
    VIOLENCE_DELTA,
)
from peerstats.data.synthetic.violence import CELLS, PERPETRATORS, Violence
from peerstats.data.synthetic.words import digits

Columns = dict[str, Texts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Columns that are lost together, how often, and the code left behind."""

    share: float
    columns: tuple[str, ...]
    code: str = ".r"


OF_WOMEN = (
    Loss(share=DOCUMENT_REFUSED_SHARE, columns=("migration_doc",)),
    Loss(share=DONT_KNOW_YEARS_SHARE, columns=("years_in_city",), code=".d"),
    Loss(share=0.05, columns=("ever_deported", "n_deport", "deported_from")),
    Loss(share=0.04, columns=("age_entry",), code=".d"),
    Loss(share=0.08, columns=("entry_coerced",)),
    Loss(share=0.10, columns=("childhood_abuse",)),
    Loss(share=0.09, columns=("prior_ipv",)),
    Loss(share=0.07, columns=("gang_violence_home",)),
    Loss(share=0.02, columns=("education_yrs",), code=".m"),
)
OF_VISITS = (
    Loss(share=0.06, columns=("condom_freq_clients", "condom_last_client")),
    Loss(share=0.05, columns=("acts_7d", "unprotected_7d"), code=".d"),
    Loss(share=0.05, columns=("client_refusal_6m",)),
    Loss(share=0.05, columns=("more_money_offered_6m", "more_money_accepted_6m")),
    Loss(
        share=0.04,
        columns=("hiv_test_ever", "months_since_test", "test_reason", "test_voluntary"),
    ),
    Loss(share=0.08, columns=("sti_self_12m", "sti_type")),
    Loss(share=0.06, columns=("sti_symptoms_6m",)),
    Loss(share=0.12, columns=("hiv_status_self",)),
    Loss(share=0.10, columns=("suicidal_thoughts",)),
    Loss(share=0.08, columns=("drug_use_1m",)),
    Loss(share=0.07, columns=("income_week",), code=".d"),
    Loss(share=0.01, columns=("hours_week",), code=".m"),
)
ITEM_SHARE = 0.015  # of scale items skipped by mistake
ITEM_PREFIXES = ("coh_", "ten_", "lon_", "net_", "stig_int_", "stig_enacted_")
ACTS_SHARE, ACT_SHARE = 0.01, 0.003  # whole block of support acts refused; one act left blank
VIOLENCE_SHARES: Mapping[str, float] = {
    "client": 0.06, "police": 0.06, "immigration": 0.04, "health_inspector": 0.04,
    "manager": 0.05, "peer": 0.05, "partner": 0.10,
}  # fmt: skip
UNCOLLECTED_SITE = 2 * SITES_PER_COUNTRY - 1  # the last of every twelve sites
UNCOLLECTED = ("stig_int_", "stig_enacted_")


def lean(seed: int, site: Ints, interviewer: Texts) -> Floats:
    """Return each woman's log odds of refusing, from her site and interviewer; mean 0, SD 0.35."""
    rng = stream(seed, "missing", "lean")
    _, who = np.unique(interviewer.astype(str), return_inverse=True)
    sites = 0.25 * rng.standard_normal(int(site.max()) + 1)
    return np.asarray(sites[site] + 0.25 * rng.standard_normal(int(who.max()) + 1)[who])


def _rows(rng: np.random.Generator, share: float, leaning: Floats) -> Bools:
    return np.asarray(rng.random(len(leaning)) < expit(np.log(share / (1 - share)) + leaning))


def lose(
    seed: int, columns: Mapping[str, Texts], losses: Sequence[Loss], leaning: Floats
) -> Columns:
    """Return the columns with the losses in them; structural codes stay as they are."""
    out = dict(columns)
    for loss in losses:
        rng = stream(seed, "missing", *loss.columns)
        rows = _rows(rng, loss.share, leaning)
        for name in loss.columns:
            out[name] = _replace(out[name], rows, loss.code)
    return out


def _replace(texts: Texts, rows: Bools, code: str) -> Texts:
    structural = (texts == ".a") | (texts == ".n")
    return np.where(rows & ~structural, code, texts).astype(object)


def lose_items(seed: int, columns: Mapping[str, Texts], site: Ints) -> Columns:
    """Return the scale items with blanks, and the stigma block gone where it was not collected."""
    out = dict(columns)
    nowhere = site % (2 * SITES_PER_COUNTRY) == UNCOLLECTED_SITE
    for name in columns:
        if name.startswith(ITEM_PREFIXES):
            rows = stream(seed, "missing", name).random(len(site)) < ITEM_SHARE
            out[name] = _replace(out[name], rows, ".m")
        if name.startswith(UNCOLLECTED):
            out[name] = _replace(out[name], nowhere, ".x")
    return out


def refuse_violence(seed: int, violence: Violence, leaning: Floats) -> Bools:
    """Return who refuses which perpetrator's questions, (m, perpetrators)."""
    rng = stream(seed, "missing", "violence")
    refused = np.zeros((len(leaning), len(PERPETRATORS)), dtype=bool)
    for number, who in enumerate(PERPETRATORS):
        cells = [i for i, cell in enumerate(CELLS) if cell[0] == who]
        happened = violence.happened[:, cells].any(axis=1)
        refused[:, number] = _rows(rng, VIOLENCE_SHARES[who], leaning + VIOLENCE_DELTA * happened)
    return refused


def lose_acts(seed: int, columns: Mapping[str, Texts], leaning: Floats) -> Columns:
    """Return the support acts with whole visits refused and single acts left blank."""
    rng = stream(seed, "missing", "support_acts")
    size = len(columns["act"])
    refused = np.repeat(_rows(rng, ACTS_SHARE, leaning), size // len(leaning))
    blank = rng.random(size) < ACT_SHARE
    out = dict(columns)
    for name in ("received", "provided", "n_peers"):
        out[name] = _replace(_replace(out[name], blank, ".m"), refused, ".r")
    return out


def misreport(
    seed: int, columns: Mapping[str, Texts], encounters: Encounters, consistent: Bools
) -> Columns:
    """Return the visits with 3 % of always-users telling of unprotected acts all the same.

    `consistent` says who uses condoms always; that answer is kept, so the outcome stays true and
    only the contradiction (rule C15) is planted.
    """
    rng = stream(seed, "missing", "misreport")
    told = columns["unprotected_7d"] == "0"
    rows = consistent & told & (rng.random(len(told)) < INCONSISTENT_SHARE)
    unprotected = np.where(rng.random(len(told)) < 0.7, 1, 2)
    least = np.minimum(unprotected, 1 + (columns["acts_7d"] != "1"))
    out = dict(columns)
    out["unprotected_7d"] = np.where(rows, digits(least), columns["unprotected_7d"]).astype(object)
    return out
