"""Scores of studies that the batch engine cannot fit: one replicate after another, by the package.

The fit is asked as `ps.infer` asks it, and the method the rule names answers. A likelihood ratio is
evaluated at the truth alone; searching its interval's ends would tell the same and take ten fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.extended_batch import Scored
from benchmarks.extended_cells import Case
from peerstats.errors import ModelError, PeerstatsError
from peerstats.inference.fe_firth import slope
from peerstats.inference.method import Question
from peerstats.inference.methods import METHODS
from peerstats.inference.quasi_likelihood import quasi_ratio
from peerstats.inference.ratio import quantile
from peerstats.inference.remarks import overdispersed
from peerstats.inference.rule import candidates, question_of, refusal
from peerstats.inference.site_fixed import site_ratio
from peerstats.model.fit import fit

Array = NDArray[np.float64]
RATIOS = {"site_fixed": site_ratio, "quasi_likelihood": quasi_ratio}
SHAPES = {"nb2": 1.5, "wide nb2": 0.3}  # negative binomial counts: variance μ + μ²/shape
CUTS = (-1.0, 0.2, 1.4)  # of the latent outcome, on the logit scale
ODDS, RATE, MEAN = math.log(2.0), math.log(1.5), 0.5
VISITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Family of the analysis and of the draws, random part, and what its inner clusters are."""

    family: str
    drawn: str
    random: str = "(1 | site)"
    inner: str = ""


STUDIES = {
    "venues": Study(
        family="binomial", drawn="binomial", random="(1 | site) + (1 | venue)", inner="venue"
    ),
    "visits": Study(
        family="binomial", drawn="binomial", random="(1 | site) + (1 | woman)", inner="woman"
    ),
    "Poisson counts": Study(family="poisson", drawn="poisson"),
    "NB2 counts": Study(family="negative_binomial", drawn="nb2"),
    "NB2 counts as Poisson": Study(family="poisson", drawn="nb2"),
    "strongly overdispersed": Study(family="negative_binomial", drawn="wide nb2"),
    "strongly overdispersed as Poisson": Study(family="poisson", drawn="wide nb2"),
    "ordinal": Study(family="cumulative_logit", drawn="ordinal"),
    "gaussian in venues": Study(
        family="gaussian", drawn="gaussian", random="(1 | site) + (1 | venue)", inner="venue"
    ),
    "gaussian": Study(family="gaussian", drawn="gaussian"),
}


def draw_rows(case: Case, rng: np.random.Generator) -> dict[str, Any]:
    """Draw one replicate: x varies between rows, v between inner clusters (or clusters in sites,
    where there are none), s between sites."""
    study, J = STUDIES[case.study], case.sites
    inner = max(case.venues, 1)
    site = np.repeat(np.arange(J), inner * case.n)
    unit = np.repeat(np.arange(J * inner), case.n)
    N = len(site)
    x = (rng.random(N) < 0.5) * 1.0
    s = (np.arange(J) < J // 2)[site] * 1.0
    if study.inner == "venue":
        v = (unit % 4 < np.where(site % 2 == 0, 3, 1)) * 1.0
    elif study.inner:
        v = (rng.random(J * inner) < 0.5)[unit] * 1.0
    else:
        v = (rng.random(N) < np.where(site % 2 == 0, 0.9, 0.1)) * 1.0
    eta = case.effect * (x + v + s - 1.5) + case.sd_site * rng.standard_normal(J)[site]
    eta = eta + case.sd_inner * rng.standard_normal(J * inner)[unit]
    data = {"y": _outcome(study.drawn, case.level, eta, rng), "x": x, "v": v, "s": s, "site": site}
    return {**data, study.inner: unit} if study.inner else data


def _outcome(drawn: str, level: float, eta: Array, rng: np.random.Generator) -> Array:
    if drawn == "gaussian":
        return np.asarray(eta + rng.standard_normal(len(eta)))
    if drawn == "ordinal":
        latent = eta + rng.logistic(size=len(eta))
        return np.searchsorted(CUTS, latent).astype(np.float64)
    if drawn == "binomial":
        start = math.log(level / (1.0 - level))
        return (rng.random(len(eta)) < expit(start + eta)) * 1.0
    mean = level * np.exp(eta)
    if drawn in SHAPES:
        mean = mean * rng.gamma(SHAPES[drawn], 1.0 / SHAPES[drawn], len(eta))
    return rng.poisson(mean).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one replicate says of one term, by the method that answered; "" where none did."""

    term: str
    method: str
    estimate: float = math.nan
    covers: bool = False


def scores(case: Case, count: int) -> Iterator[Scored]:
    """Score what the rule answers for each term, by method, and count what it could not answer."""
    rng, found = case.rng(), {}
    for replicate in range(count):
        for one in answers(case, draw_rows(case, rng)):
            found.setdefault((one.term, one.method), {})[replicate] = one
    for (term, method), rows in sorted(found.items()):
        values = np.array([row.estimate for row in rows.values()])
        yield Scored(
            term=term,
            method=method,
            truth=case.effect,
            estimate=values,
            covers=np.array([row.covers for row in rows.values()]),
            usable=np.isfinite(values),
        )


TERMS = {"x": "row", "v": "inner", "s": "site"}


def answers(case: Case, data: dict[str, Any]) -> Iterator[Answered]:
    """What the default rule answers in one replicate."""
    study = STUDIES[case.study]
    try:
        question = question_of(
            fit(f"y ~ x + v + s + {study.random}", data, family=study.family), "site"
        )
    except PeerstatsError:
        for term in TERMS.values():
            yield Answered(term, "no fit")
        return
    for name, term in TERMS.items():
        position = question.fit.design.names.index(name)
        yield replace(answer(question, position, case.effect), term=term)
    if study.family == "poisson" and overdispersed(question.fit):
        yield Answered("told overdispersed", "remark", case.effect, True)


def answer(question: Question, position: int, truth: float) -> Answered:
    """The first method of the rule that has an answer."""
    refused = refusal(question, position) is not None
    shown = ("two_stage",) if question.kinds[position].level == 0 else ("site_fixed",)
    for method in shown if refused else candidates(question, position):
        try:
            value, covers = scored(question, position, method, truth)
        except ModelError:
            continue
        return Answered("", f"{method}, no p-value" if refused else method, value, covers)
    return Answered("", "refused")


def scored(question: Question, position: int, method: str, truth: float) -> tuple[float, bool]:
    """Estimate and whether the interval of one method holds the truth; ModelError without one."""
    if method == "fe_firth":
        found, place = slope(question, position)
        return float(found.params.iloc[place]), abs(found.root(place, truth)) <= quantile(
            found.df, question.alpha
        )
    if method in RATIOS:
        ratio, df = RATIOS[method](question, position)
        return ratio.estimate, abs(ratio.root(truth)) <= quantile(df, question.alpha)
    reason = METHODS[method].why_not(question, position)
    if reason is not None:
        raise ModelError(reason)
    row = METHODS[method].estimate(question, position)
    return row.estimate, row.conf_low <= truth <= row.conf_high
