"""The audited methods on many replicates at once (`peerstats.model.batch`).

A yes/no study whose covariates stay as they are is a table of sites by cells, a cell being the
women of a site who are alike in every covariate; only the number of "yes" in each cell changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from peerstats.inference.audit.setting import Setting
from peerstats.inference.audit.tally import Scored
from peerstats.model.batch.agq import Likelihood
from peerstats.model.batch.firth import FirthBatch, fit_firth, hold_firth, profile_ratio
from peerstats.model.batch.marginal import fit_gee, fit_modified_poisson
from peerstats.model.batch.mixed import fit_mixed
from peerstats.model.batch.tables import Tables, estimable
from peerstats.model.batch.two_stage import regress
from peerstats.model.marginal.shrinkage import spread_out

Array = NDArray[np.float64]
Positions = tuple[int, ...]

ALPHA = 0.05
Z = float(special.ndtri(1 - ALPHA / 2))
TIGHT = 1e-12  # decrement; the ratio is then right to the same
FAR = 8.0  # logits from which a Wald estimate counts as infinite: separation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Every column as (J, C, 1), the women of each cell (J, C) and the place of each row."""

    columns: tuple[Array, ...]
    n: Array
    place: NDArray[np.intp]

    def tables(self, outcomes: Array, columns: Positions | None = None) -> Tables:
        """Return outcomes (R, n) as tables with all columns or some."""
        R, (J, C) = len(outcomes), self.n.shape
        yes = np.zeros((J * C, R))
        np.add.at(yes, self.place, outcomes.T)
        chosen = range(len(self.columns)) if columns is None else columns
        return Tables(
            columns=tuple(self.columns[k] for k in chosen),
            yes=yes.reshape(J, C, R),
            n=np.repeat(self.n[:, :, None], R, axis=2),
        )


def cells_of(setting: Setting) -> Cells:
    """Return the cells of a setting with sites."""
    X, codes = setting.fit.design.X, setting.codes
    rows = np.column_stack([codes, X])
    found, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    site = found[:, 0].astype(np.intp)
    J = int(site.max()) + 1
    start = np.searchsorted(site, np.arange(J))
    within = np.arange(len(site)) - start[site]
    C = int(within.max()) + 1
    place = site * C + within
    columns = []
    for k in range(X.shape[1]):
        # An empty cell repeats a value of its site, so that it adds nothing to look at.
        column = np.repeat(X[first[start], k][:, None], C, axis=1).reshape(-1)
        column[place] = X[first, k]
        columns.append(column.reshape(J, C, 1))
    n = np.zeros(J * C)
    n[place] = np.bincount(inverse)
    return Cells(columns=tuple(columns), n=n.reshape(J, C), place=place[inverse])


def suits(setting: Setting) -> bool:
    """Whether the outcomes are yes/no with the logit link at two sites or more, without offset."""
    logit = setting.binary and setting.fit.family.link == "logit"
    sites = int(setting.codes.max()) > 0
    return logit and sites and setting.fit.design.offset is None


def one_intercept(setting: Setting) -> bool:
    """Whether the random part is one intercept of the sites."""
    fit, codes = setting.fit, setting.codes
    if not suits(setting) or len(fit.design.random) != 1 or fit.penalty:
        return False
    (block,) = fit.design.random
    own = fit.design.groups[block.group]
    if own.members is not None or len(block.effects) != 1 or np.ptp(block.Z) > 0:
        return False
    pairs = len(np.unique(np.column_stack([own.codes, codes]), axis=0))
    return pairs == len(np.unique(codes)) == len(np.unique(own.codes))


def by_wald(estimate: Array, error: Array, truth: Array, critical: Array | float = Z) -> Scored:
    """Score Wald intervals of estimates (R, k); those without a finite error have no answer."""
    usable = np.isfinite(error) & (error > 0) & (np.abs(estimate) < FAR) & np.isfinite(critical)
    with np.errstate(invalid="ignore", divide="ignore"):
        covers = np.abs(estimate - truth) <= critical * error
        rejects = np.abs(estimate) > critical * error
        width = 2 * critical * error
    values = (estimate, covers, rejects, width)
    return Scored(
        **dict(
            zip(
                ("estimate", "covers", "rejects", "width"),
                (np.where(usable, value, np.nan) for value in values),
                strict=True,
            )
        )
    )


def gee_z(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Exchangeable GEE with the uncorrected sandwich and z."""
    found = fit_gee(cells_of(setting).tables(outcomes))
    return _of_marginal(found.b, found.std_error, found.usable, (truth, positions))


def poisson_z(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Poisson regression with a cluster-robust covariance and z."""
    found = fit_modified_poisson(cells_of(setting).tables(outcomes))
    return _of_marginal(found.b, found.std_error, found.usable, (truth, positions))


def _of_marginal(
    b: Array, error: Array, usable: NDArray[np.bool_], asked: tuple[Array, Positions]
) -> Scored:
    truth, columns = asked[0], list(asked[1])
    own = np.where(usable, error, np.nan)[columns].T
    return by_wald(b[columns].T, own, truth[columns])


def ml_z(
    setting: Setting, truth: Array, outcomes: Array, positions: Positions, nodes: int = 9
) -> Scored:
    """Maximum likelihood by adaptive quadrature with one random intercept, and z."""
    tables = cells_of(setting).tables(outcomes)
    columns, kept = list(positions), np.flatnonzero(~tables.one_sided)
    scored = Scored.empty(len(outcomes), len(columns))
    if not len(kept):
        return scored
    with np.errstate(all="ignore"):
        found = fit_mixed(tables.take(kept), Likelihood(nodes=nodes))
        variance = np.einsum("kkr->kr", found.covariance)[: len(found.beta)]
        error = np.where(found.usable, np.sqrt(variance), np.nan)[columns].T
    return _filled(scored, kept, by_wald(found.beta[columns].T, error, truth[columns]))


def within_sites(setting: Setting) -> Positions:
    """Positions of the columns that comparisons within sites can estimate."""
    if not suits(setting):
        return ()
    cells = cells_of(setting)
    found = estimable(cells.tables(np.zeros((1, setting.fit.design.n))))[:, 0]
    return tuple(int(k) for k in np.flatnonzero(found))


def fe_firth(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Firth's logit with site intercepts: profile likelihood ratio, or two stages for site levels.

    Positions that vary within sites are tested at the truth and at 0, which is all that coverage
    and power ask; the width is that of the interval in its quadratic approximation. The others are
    regressed on in the second stage.
    """
    within = within_sites(setting)
    tables = cells_of(setting).tables(outcomes, within)
    scored = Scored.empty(len(outcomes), len(positions))
    kept = np.flatnonzero(~tables.one_sided)
    if not len(kept) or not within:
        return scored
    tables = tables.take(kept)
    with np.errstate(all="ignore"):
        best = fit_firth(tables, np.ones((len(within), len(kept)), dtype=bool), tight=TIGHT)
        most = float(stats.chi2.isf(ALPHA, 1))
        done = Scored.empty(len(kept), len(positions))
        for at, k in enumerate(positions):
            if k not in within:
                continue
            place = within.index(k)
            ratios = {value: _ratio(tables, best, place, value) for value in {float(truth[k]), 0.0}}
            at_truth, at_zero = ratios[float(truth[k])], ratios[0.0]
            done.covers[:, at] = np.where(np.isfinite(at_truth), at_truth <= most, np.nan)
            done.rejects[:, at] = np.where(np.isfinite(at_zero), at_zero > most, np.nan)
            done.estimate[:, at] = best.b[place]
            spread = np.sqrt(np.einsum("kkr->kr", _inverse(best.S))[place])
            done.width[:, at] = 2 * np.sqrt(most) * spread
        alpha = spread_out(best.alpha, tables.yes.sum(axis=1), tables.n.sum(axis=1))
        _second_stage(setting, (alpha, truth), positions, done)
    return _filled(scored, kept, done)


def _ratio(tables: Tables, best: FirthBatch, place: int, value: float) -> Array:
    held = hold_firth(tables, best, place, value, tight=TIGHT)
    return np.where(held.converged & best.converged, profile_ratio(best, held), np.nan)


def _inverse(S: Array) -> Array:
    by_replicate = np.ascontiguousarray(np.moveaxis(S, -1, 0))
    return np.asarray(np.moveaxis(np.linalg.inv(by_replicate), 0, -1), dtype=np.float64)


def _second_stage(
    setting: Setting, known: tuple[Array, Array], positions: Positions, into: Scored
) -> None:
    """Fill in the site-level columns: least squares between site intercepts, t."""
    alpha, truth = known
    within, codes = within_sites(setting), setting.codes
    X = setting.fit.design.X
    own = [k for k in range(X.shape[1]) if k not in within]
    if not set(own) & set(positions):
        return
    sizes = np.bincount(codes)
    Z_ = np.array([np.bincount(codes, weights=X[:, k]) / sizes for k in own])[:, :, None]
    found = regress(alpha, Z_)
    df = float(len(sizes) - len(own))
    critical = float(stats.t.isf(ALPHA / 2, df)) if df > 0 else np.nan
    chosen = [(at, k) for at, k in enumerate(positions) if k in own]
    rows, columns = [own.index(k) for _, k in chosen], [k for _, k in chosen]
    scored = by_wald(found.b[rows].T, found.std_error[rows].T, truth[columns], critical)
    for name in ("estimate", "covers", "rejects", "width"):
        getattr(into, name)[:, [at for at, _ in chosen]] = getattr(scored, name)


def _filled(into: Scored, rows: NDArray[np.intp], found: Scored) -> Scored:
    for name in ("estimate", "covers", "rejects", "width"):
        getattr(into, name)[rows] = getattr(found, name)
    return into
