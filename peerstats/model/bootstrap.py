"""Bootstrap of a fit: many refits to resampled outcomes or clusters.

Parametric: outcomes drawn from the fitted model with new random effects (Efron & Tibshirani 1993,
chapter 6). Cluster: levels of a grouping factor drawn with replacement with all their rows, each
draw counting as a new level (Davison & Hinkley 1997, 3.8). Intervals from the draws t*:

    percentile  [q(α/2), q(1-α/2)]              basic  [2t - q(1-α/2), 2t - q(α/2)].

Every replicate has its own generator, spawned from the one given, so the numbers do not depend on
the number of jobs. A refit has no formula to read and no matrix to build. Where it can, it starts
at the fit's estimates and modes, in the space whitened by their covariance, and stops within 1e-4
standard errors of its maximum; a search that leads far away is left to the engine, which tells a
separated resample from a strange one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import ModelError, UsageError
from peerstats.model.convergence import Solution
from peerstats.model.design import Design, Grouping
from peerstats.model.engines.optimise import highest
from peerstats.model.limits import check_likelihood
from peerstats.model.prediction import check_choice
from peerstats.model.refit import (
    one_row_each,
    pools,
    refit,
    take_rows,
    with_outcome,
    with_solution,
)
from peerstats.model.simulation import draw_outcome
from peerstats.model.surface import covariance_of, surface_of

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

KINDS = ("parametric", "cluster")
INTERVALS = ("percentile", "basic")
BATCHES = 8  # a job's share of the replicates is handed out in so many parts
NEAR = 1e-4  # gradient in standard errors at which a refit counts as done
FAR = 8.0  # standard errors from the estimates beyond which the engine has the last word
MOST_FAILED = 0.05  # share of refits without a maximum that is mentioned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bootstrap:
    """`draws` has a row a replicate and a column a parameter; failed refits are nan.

    Parameters are the coefficients and the standard deviations `sd(group term)`. `estimate` holds
    those of the fit.
    """

    kind: str
    estimate: pd.Series
    draws: pd.DataFrame

    @property
    def failed(self) -> int:
        """Replicates whose refit reached no maximum."""
        return int(self.draws.isna().all(axis=1).sum())

    @property
    def bse(self) -> pd.Series:
        """Standard deviations of the draws."""
        return self.draws.std().rename("std_error")

    def conf_int(self, alpha: float = 0.05, kind: str = "percentile") -> pd.DataFrame:
        """Intervals, "percentile" or "basic"; columns 0 and 1 as in statsmodels."""
        check_choice("kind", kind, INTERVALS)
        low, high = (self.draws.quantile(q) for q in (alpha / 2, 1 - alpha / 2))
        if kind == "basic":
            low, high = 2 * self.estimate - high, 2 * self.estimate - low
        return pd.DataFrame({0: low, 1: high})

    @property
    def messages(self) -> tuple[str, ...]:
        """What a reader of the intervals should know."""
        share = self.failed / len(self.draws)
        if share <= MOST_FAILED:
            return ()
        return (
            f"{self.failed} of {len(self.draws)} refits reached no maximum and were left out: the "
            "intervals are too short.",
        )

    def __repr__(self) -> str:
        return f"<Bootstrap: {self.kind}, {len(self.draws)} refits, {self.failed} failed>"


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where refits begin: a root of the estimates' covariance, and the modes."""

    scale: Array
    modes: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How outcomes are drawn: parametric, or by clusters of `group`."""

    kind: str = "parametric"
    group: str | None = None
    start: Start | None = None


def _check(rng: object, size: int) -> None:
    if not isinstance(rng, np.random.Generator):
        raise UsageError("rng must be a random generator: bootstrap(np.random.default_rng(1)).")
    if size < 1:
        raise UsageError("size must be 1 or more.")


def bootstrap(
    fit: Fit, rng: np.random.Generator, size: int, how: Resampling, jobs: int
) -> Bootstrap:
    """Refit `size` times in `jobs` processes.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> drawn = model.bootstrap(np.random.default_rng(2), 20)
    >>> drawn
    <Bootstrap: parametric, 20 refits, 0 failed>
    >>> list(drawn.conf_int().index)
    ['Intercept', 'sd(site Intercept)', 'sd(Residual)']
    """
    check_choice("kind", how.kind, KINDS)
    _check(rng, size)
    if how.kind == "parametric":
        check_likelihood(fit, "parametric bootstrap")
    whole = bare(one_row_each(fit))
    if how.kind == "cluster":
        how = replace(how, group=cluster_factor(fit, how.group))
    how = replace(how, start=_start(whole))
    generators = rng.spawn(size)
    if jobs == 1:
        draws = _replicates(whole, generators, how)
    else:
        from joblib import Parallel, delayed

        parts = np.array_split(np.arange(size), min(size, jobs * BATCHES))
        found = Parallel(n_jobs=jobs)(
            delayed(_replicates)(whole, [generators[i] for i in part], how) for part in parts
        )
        draws = np.vstack(found)
    estimate = _parameters(fit, fit.solution)
    frame = pd.DataFrame(draws, columns=estimate.index)
    return Bootstrap(kind=how.kind, estimate=estimate, draws=frame)


def cluster_factor(fit: Fit, group: str | None) -> str:
    """Return the grouping factor asked for, or the one with the fewest levels."""
    if not fit.groups:
        raise ModelError("The model has no grouping factor; its clusters are not known.")
    if group is None:
        return min(fit.groups, key=lambda name: fit.groups[name])
    check_choice("group", group, tuple(fit.groups))
    return group


def bare(fit: Fit) -> Fit:
    """Leave out what other processes cannot be sent and a refit does not need."""
    changes: dict[str, Any] = {
        "groups": dict(fit.design.groups),
        "auxiliary": dict(fit.design.auxiliary),
        "random": tuple(replace(block, recipe=None) for block in fit.design.random),  # type: ignore[arg-type]
        "recipe": None,
    }
    return replace(fit, design=replace(fit.design, **changes))


def _parameters(fit: Fit, solution: Solution) -> pd.Series:
    refitted = with_solution(fit, solution)
    parts = refitted.varcorr
    names = [f"sd({group} {term}".strip() + ")" for group, term in parts[["group", "term"]].values]
    sds = pd.Series(parts["sd"].to_numpy(dtype=np.float64), index=names)
    return pd.concat([refitted.params, sds]).rename("estimate")


def _replicates(fit: Fit, generators: list[np.random.Generator], how: Resampling) -> Array:
    return np.array([_replicate(fit, rng, how) for rng in generators])


def _replicate(fit: Fit, rng: np.random.Generator, how: Resampling) -> Array:
    if how.group is not None:
        design = resample_clusters(fit.design, how.group, rng)
    else:
        design = with_outcome(fit.design, draw_outcome(fit, rng))
    if how.start is not None:
        quick = _quick(replace(fit, design=design), how.start)
        if quick is not None:
            return quick
    try:
        solution = refit(fit, design)
    except (ModelError, np.linalg.LinAlgError):
        solution = None
    if solution is None or not solution.convergence.converged:
        return np.full(len(_parameters(fit, fit.solution)), np.nan)
    return _parameters(fit, solution).to_numpy(dtype=np.float64)


def _start(fit: Fit) -> Start | None:
    """Where refits can begin; None for models that the engine fits from the beginning."""
    fixed_only = not fit.formula.random
    if fixed_only or fit.family.has_dispersion or fit.family.thresholds is not None:
        return None
    if fit.convergence.singular or not fit.converged:
        return None
    surface = surface_of(fit)
    modes = surface.objective(surface.best, surface.modes).modes
    try:
        scale = np.linalg.cholesky(covariance_of(surface, modes))
    except np.linalg.LinAlgError:
        return None
    return Start(np.asarray(scale, dtype=np.float64), modes)


def _quick(fit: Fit, start: Start) -> Array | None:
    """Estimates from a search that begins at those of the original; None when it leads away."""
    surface = surface_of(fit)
    modes = start.modes if len(start.modes) == len(surface.modes) else surface.modes
    with np.errstate(all="ignore"), pools().limit(limits=1):
        phi, found = highest(surface.objective, surface.best, start.scale, modes, None, NEAR)
    left = np.abs(found.gradient @ start.scale).max() if found.usable else np.inf
    away = np.abs(np.linalg.solve(start.scale, phi - surface.best)).max()
    if not (left <= 10 * NEAR and away <= FAR):
        return None
    shown = {c.name: abs(phi[c.place]) if c.is_sd else phi[c.place] for c in surface.coordinates}
    return np.array([shown[name] for name in _parameters(fit, fit.solution).index])


def resample_clusters(design: Design, group: str, rng: np.random.Generator) -> Design:
    """Draw levels of a factor with replacement; each draw is a new level.

    Levels of factors nested in it are new with each draw too; those of crossed factors stay.
    """
    drawn = design.groups[group]
    order = np.argsort(drawn.codes, kind="stable")
    members = np.split(order, np.cumsum(drawn.sizes)[:-1])
    chosen = rng.integers(len(drawn.levels), size=len(drawn.levels))
    rows = np.concatenate([members[k] for k in chosen])
    which = np.repeat(np.arange(len(chosen)), drawn.sizes[chosen])
    taken = take_rows(design, rows)
    groups = {}
    for name, old in design.groups.items():
        if old.members is not None:  # a woman's venues are not nested in anything
            groups[name] = taken.groups[name]
            continue
        pairs = len(np.unique(old.codes * len(drawn.levels) + drawn.codes))
        if pairs > len(old.levels):  # crossed
            groups[name] = taken.groups[name]
            continue
        found, codes = np.unique(which * len(old.levels) + old.codes[rows], return_inverse=True)
        levels = tuple(str(k) for k in range(len(found)))
        groups[name] = Grouping(name=name, codes=codes.astype(np.intp), levels=levels)
    return replace(taken, groups=groups)
