"""Scores of the yes/no studies, all replicates of a case fitted at once.

Covers says whether the interval holds the truth: for a likelihood ratio, whether the ratio there is
below its critical value, so that no interval need be searched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.extended_cells import Case, Drawn, draw, draw_venues
from peerstats.model.batch.agq import Likelihood
from peerstats.model.batch.firth import FirthBatch, fit_firth, hold_firth, profile_ratio
from peerstats.model.batch.mixed import fit_mixed, satterthwaite
from peerstats.model.batch.tables import Tables, estimable, varying_sites
from peerstats.model.batch.two_stage import regress
from peerstats.model.marginal.shrinkage import spread_out

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TIGHT = 1e-11
CRITICAL = float(stats.chi2.isf(0.05, 1))
LEAST_SITES, LEAST_DF, MANY_SITES = 1, 3, 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A term and method: the estimate, whether its interval holds the truth, where it answers."""

    term: str
    method: str
    truth: float
    estimate: Array
    covers: Mask
    usable: Mask


def scores(case: Case, count: int) -> Iterator[Scored]:
    """Score every method of a case."""
    if case.study == "venues":
        yield from _venues(case, count)
        return
    drawn = draw(case, count)
    drawn = _take(drawn, ~drawn.tables.one_sided)
    enough = varying_sites(drawn.tables) >= LEAST_SITES
    best = fit_firth(drawn.tables, estimable(drawn.tables), tight=TIGHT)
    first = 0
    if case.study == "slopes by site":
        yield _slopes(case, drawn.tables)
        first = 1
    for k in range(first, len(drawn.tables.columns)):
        yield _ratio(f"within {k + 1}", case, drawn.tables, best, (k, enough[k]))
    if case.sites >= MANY_SITES:
        yield from _penalised(case, drawn)
    else:
        yield from _between(case, drawn, best, enough.all(axis=0))


def _take(drawn: Drawn, some: Mask) -> Drawn:
    return Drawn(tables=drawn.tables.take(some), outer=drawn.outer[..., some])


def _ratio(term: str, case: Case, tables: Tables, best: FirthBatch, at: tuple[int, Mask]) -> Scored:
    k, enough = at
    held = hold_firth(tables, best, k, case.effect, TIGHT)
    return Scored(
        term=term,
        method="fe_firth",
        truth=case.effect,
        estimate=best.b[k],
        covers=profile_ratio(best, held) <= CRITICAL,
        usable=best.active[k] & best.converged & held.converged & enough,
    )


def _between(case: Case, drawn: Drawn, best: FirthBatch, enough: Mask) -> Iterator[Scored]:
    one = np.ones((1, *drawn.outer.shape[1:]))
    tables = drawn.tables
    alpha = spread_out(best.alpha, tables.yes.sum(axis=1), tables.n.sum(axis=1))
    found = regress(alpha, np.concatenate([one, drawn.outer]))
    half = found.half_width()
    method = "two_stage" if (found.df >= LEAST_DF).all() else "two_stage, no p-value"
    for k in range(1, len(found.b)):
        if (found.df < 1).all():
            return
        yield _by_error(f"site {k}", method, case.effect, (found.b[k], half[k]), enough)


def _by_error(term: str, method: str, truth: float, about: tuple[Array, Array], ok: Mask) -> Scored:
    estimate, half = about
    with np.errstate(invalid="ignore"):
        return Scored(
            term=term,
            method=method,
            truth=truth,
            estimate=estimate,
            covers=np.abs(estimate - truth) <= half,
            usable=ok & np.isfinite(half),
        )


def _penalised(case: Case, drawn: Drawn) -> Iterator[Scored]:
    outer = [z[:, None] for z in drawn.outer]
    columns = (np.ones((1, 1, 1)), *drawn.tables.columns, *outer)
    model = Likelihood(nodes=9, penalised=True, slopes=tuple(range(1, len(columns))))
    tables = drawn.tables.only(columns)
    best = fit_mixed(tables, model)
    df = np.clip(satterthwaite(tables, model, best), 1.0, case.sites - len(outer) - 1.0)
    first = len(columns) - len(outer)
    for k in range(first, len(columns)):
        half = special.stdtrit(df[k], 0.975) * np.sqrt(best.covariance[k, k])
        about = (best.beta[k], half)
        yield _by_error(f"site {k - first + 1}", "penalised_wald", case.effect, about, best.usable)


def _slopes(case: Case, tables: Tables) -> Scored:
    """The sites' own slopes of the first column, each site a table of its own."""
    J, _, R = tables.yes.shape
    alone = Tables(
        columns=tuple(_apart(c) for c in tables.columns), yes=_apart(tables.yes), n=_apart(tables.n)
    )
    known = ~alone.one_sided & estimable(alone)[0]
    part = alone.take(known)
    fitted = fit_firth(part, estimable(part), tight=TIGHT)
    slope = np.full(J * R, np.nan)
    slope[known] = fitted.b[0]
    slope = slope.reshape(J, R)
    count = np.isfinite(slope).sum(axis=0)
    mean = np.nanmean(slope, axis=0)
    error = np.nanstd(slope, axis=0, ddof=1) / np.sqrt(count)
    half = special.stdtrit(np.maximum(count - 1.0, 1.0), 0.975) * error
    return _by_error("within 1", "site_slopes", case.effect, (mean, half), count - 1 >= LEAST_DF)


def _apart(values: Array) -> Array:
    """(J, C, R) as (1, C, J R)."""
    J, C, R = values.shape
    return np.ascontiguousarray(values.transpose(1, 0, 2).reshape(1, C, J * R))


def _venues(case: Case, count: int) -> Iterator[Scored]:
    drawn, half = draw_venues(case, count)
    drawn = _take(drawn, ~drawn.tables.one_sided)
    tables, J, V = drawn.tables, case.sites, case.venues
    best = fit_firth(tables, estimable(tables), tight=TIGHT)
    yield _ratio("woman", case, tables, best, (0, varying_sites(tables)[0] >= LEAST_SITES))
    site = np.repeat(np.arange(J), V)
    dummies = (site == np.arange(J)[:, None])[:, :, None] * np.ones(tables.replicates)
    alpha = spread_out(best.alpha, tables.yes.sum(axis=1), tables.n.sum(axis=1))
    found = regress(alpha, np.concatenate([drawn.outer, dummies]))
    about, ok = (found.b[0], found.half_width()[0]), np.ones(tables.replicates, dtype=bool)
    method = "venues" if J * V - J - 1 >= LEAST_DF else "venues, no p-value"
    yield _by_error("venue", method, case.effect, about, ok)
    Z = np.stack([np.ones(J), half])[:, :, None]
    above = regress(found.b[1:], Z * np.ones(tables.replicates))
    about = (above.b[1], above.half_width()[1])
    method = "stages" if J - 2 >= LEAST_DF else "stages, no p-value"
    yield _by_error("site", method, case.effect, about, ok)
