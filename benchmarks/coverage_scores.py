"""Scores of a cell's replicates: the parts of the package's default rule, and its peers.

Terms are a (x1, individual), b (x2, venue type) and c (x3, site level). Methods:

* `firth_chi2`, `firth_f`  FE-Firth profile penalised likelihood ratio (a, b), where the covariate
  varies inside a site at least, as the package asks; `one_site_f` where it does inside one only;
* `two_stage`  site intercepts, then least squares between sites (c); x2 is in the second stage when
  it does not vary inside any site;
* `pen_wald`  penalised AGQ with t, from 30 sites (c);
* `wald_z` (as lme4's glmer), `gee_z` and `poisson_z` (as statsmodels prints): the peers. The two
  marginal models are scored against their own population-averaged targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.coverage_cells import Cell, design, full_model, marginal_targets
from peerstats.model.batch.agq import Likelihood
from peerstats.model.batch.firth import FirthBatch, fit_firth, hold_firth, profile_ratio
from peerstats.model.batch.marginal import MarginalBatch, fit_gee, fit_modified_poisson
from peerstats.model.batch.mixed import fit_mixed, satterthwaite
from peerstats.model.batch.tables import Tables, estimable, varying_sites
from peerstats.model.batch.two_stage import regress
from peerstats.model.marginal.shrinkage import spread_out

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TERMS = ("a", "b", "c")
MANY = 30  # sites from which the penalised model answers for c
LEAST_DF = 3  # below it the package gives no p-value
LEAST_SITES = 1  # in which a covariate must vary to be learnt inside sites
PEN = Likelihood(nodes=9, penalised=True, slopes=(1, 2, 3))
ML = Likelihood(nodes=9)
TIGHT = 1e-11
Z = float(stats.norm.isf(0.025))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """One method and term: which replicates it answered, and what it said (R,)."""

    method: str
    term: str
    estimate: Array
    covers: Mask
    rejects: Mask
    usable: Mask
    width: Array

    def sums(self) -> dict[str, float | str]:
        """Counts and sums over the replicates that have an answer."""
        ok = self.usable
        estimates = np.where(ok, self.estimate, 0.0)
        wide = np.where(ok & np.isfinite(self.width), self.width, 0.0)
        return {
            "method": self.method,
            "term": self.term,
            "replicates": len(ok),
            "usable": int(ok.sum()),
            "covers": int((self.covers & ok).sum()),
            "rejects": int((self.rejects & ok).sum()),
            "sum": float(estimates.sum()),
            "width": float(wide.sum()),
        }


def scores(cell: Cell, tables: Tables, peers: int) -> Iterator[Score]:
    """Score every method; the peers on the first `peers` replicates only."""
    x3 = design(cell).x3
    fits = np.flatnonzero(~tables.one_sided)
    kept = tables.take(fits)
    for score in _within(cell, kept, x3):
        yield _spread(score, fits, tables.replicates)
    if cell.sites >= MANY:
        yield _spread(_penalised(cell, full_model(kept, x3)), fits, tables.replicates)
    some = fits[fits < peers]
    if not len(some):
        return
    for score in _peers(cell, full_model(tables.take(some), x3)):
        yield _spread(score, some, min(peers, tables.replicates))


def refusals(tables: Tables) -> dict[str, int]:
    """Count of replicates that are refused by reason."""
    sided = tables.one_sided
    sites = varying_sites(tables)[1]
    collinear = ~estimable(tables).all(axis=0) & (varying_sites(tables) > 0).all(axis=0)
    return {
        "one_sided": int(sided.sum()),
        "constant": int((~sided & (sites == 0)).sum()),
        "one_site": int((~sided & (sites == 1)).sum()),
        "collinear": int((~sided & collinear).sum()),
    }


def _within(cell: Cell, tables: Tables, x3: Array) -> Iterator[Score]:
    active, varies = estimable(tables), varying_sites(tables)
    best = fit_firth(tables, active, tight=TIGHT)
    df = np.maximum(tables.women - cell.sites - active.sum(axis=0), 1)
    chi2, f = np.full(tables.replicates, Z**2), stats.f.isf(0.05, 1, df)
    for k, term in enumerate(TERMS[:2]):
        ratios = _ratios(cell, tables, best, k)
        ok = active[k] & best.converged
        several = ok & (varies[k] >= LEAST_SITES)
        for method, limit, usable in (
            ("firth_chi2", chi2, several),
            ("firth_f", f, several),
            ("one_site_f", f, ok & (varies[k] == 1)),
        ):
            yield _by_ratio((method, term), best.b[k], ratios, limit, usable)
    yield _two_stage(cell, tables, best, x3)


def _ratios(cell: Cell, tables: Tables, best: FirthBatch, k: int) -> tuple[Array, Array]:
    """Statistics of the truth and of no effect."""
    truth = float(cell.slopes[k])
    at_truth = profile_ratio(best, hold_firth(tables, best, k, truth, TIGHT))
    if truth == 0.0:
        return at_truth, at_truth
    return at_truth, profile_ratio(best, hold_firth(tables, best, k, 0.0, TIGHT))


def _by_ratio(
    name: tuple[str, str], estimate: Array, ratios: tuple[Array, Array], limit: Array, usable: Mask
) -> Score:
    return Score(
        method=name[0],
        term=name[1],
        estimate=estimate,
        covers=ratios[0] <= limit,
        rejects=ratios[1] > limit,
        usable=usable,
        width=np.full(len(usable), np.nan),
    )


def _by_error(
    cell: Cell, method: str, estimate: Array, half: Array, about: tuple[str, float, Mask]
) -> Score:
    term, truth, usable = about
    with np.errstate(invalid="ignore"):
        return Score(
            method=method,
            term=term,
            estimate=estimate - truth + cell.slopes[0],
            covers=np.abs(estimate - truth) <= half,
            rejects=np.abs(estimate) > half,
            usable=usable & np.isfinite(half),
            width=2 * half,
        )


def _two_stage(cell: Cell, tables: Tables, best: FirthBatch, x3: Array) -> Score:
    R = tables.replicates
    total = np.maximum(tables.n.sum(axis=1), 1.0)
    x2 = (tables.n * tables.columns[1]).sum(axis=1) / total
    Z2 = np.stack([np.ones((cell.sites, R)), np.broadcast_to(x3[:, None], x2.shape), x2])
    always = np.ones(R, dtype=bool)
    kept = np.stack([always, always, varying_sites(tables)[1] < LEAST_SITES])
    alpha = spread_out(best.alpha, tables.yes.sum(axis=1), tables.n.sum(axis=1))
    found = regress(alpha, Z2, kept)
    # With 3 sites the interval has one degree of freedom and is shown without a test.
    ok = best.converged & (found.df >= min(LEAST_DF, cell.sites - 2))
    about = ("c", float(cell.slopes[2]), ok)
    return _by_error(cell, "two_stage", found.b[1], found.half_width()[1], about)


def _penalised(cell: Cell, tables: Tables) -> Score:
    """Penalised AGQ for x3: Wald's t with ν = min(between-within, Satterthwaite)."""
    best = fit_mixed(tables, PEN)
    df = np.clip(satterthwaite(tables, PEN, best)[3], 1.0, cell.sites - 2.0)
    half = stats.t.isf(0.025, df) * np.sqrt(best.covariance[3, 3])
    about = ("c", float(cell.slopes[2]), best.usable)
    return _by_error(cell, "pen_wald", best.beta[3], half, about)


def _peers(cell: Cell, tables: Tables) -> Iterator[Score]:
    log_odds, log_risks = marginal_targets(cell)
    mixed = fit_mixed(tables, ML)
    error = np.sqrt(np.einsum("kkr->kr", mixed.covariance))
    for k, term in enumerate(TERMS):
        about = (term, float(cell.slopes[k]), mixed.usable)
        yield _by_error(cell, "wald_z", mixed.beta[k + 1], Z * error[k + 1], about)
    others: tuple[tuple[str, MarginalBatch, Array], ...] = (
        ("gee_z", fit_gee(tables), log_odds),
        ("poisson_z", fit_modified_poisson(tables), log_risks),
    )
    for method, found, targets in others:
        for k, term in enumerate(TERMS):
            about = (term, float(targets[k]), found.usable)
            yield _by_error(cell, method, found.b[k + 1], Z * found.std_error[k + 1], about)


def _spread(score: Score, fits: NDArray[np.intp], R: int) -> Score:
    """Back to all replicates; a one-sided outcome has no answer."""

    def whole(values: NDArray[Any], fill: Any) -> NDArray[Any]:
        every = np.full(R, fill)
        every[fits] = values
        return every

    return Score(
        method=score.method,
        term=score.term,
        estimate=whole(score.estimate, np.nan),
        covers=whole(score.covers, False),
        rejects=whole(score.rejects, False),
        usable=whole(score.usable, False),
        width=whole(score.width, np.nan),
    )
