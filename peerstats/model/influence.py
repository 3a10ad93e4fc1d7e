"""What each cluster does to the estimates: fits with one level left out at a time.

For level j of a grouping factor, with β̂_(j) and σ̂_(j) from the rows of all other levels,

    shift of a coefficient   (β̂_(j) - β̂) / SE(β̂)      (DFBETAS with the full fit's SE)
    Cook's distance          (β̂_(j) - β̂)' C^-1 (β̂_(j) - β̂) / p,   C = Cov(β̂)

(Cook 1977, Technometrics 19:15; for clusters Christensen, Pearson & Johnson 1992, Technometrics
34:38.) "exact" refits. "one_step" takes one Newton step from the full fit with the variances held
and the effects predicted from the linearised model, which costs no fit (Pregibon 1981, Ann Stat
9:705): with working outcome ỹ = Xβ̂ + Zb̂ + W^-1 r and V = W^-1 + ZΣZ', block by block,

    β̂_(j) ≈ (Σ_{i≠j} X_i'V_i^-1X_i)^-1 Σ_{i≠j} X_i'V_i^-1 ỹ_i.

It needs clusters that are independent of each other: the factor must contain all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from peerstats.errors import ModelError
from peerstats.model.bootstrap import cluster_factor
from peerstats.model.prediction import check_choice, fitted_link
from peerstats.model.random_effect import RandomEffect, random_effects, root
from peerstats.model.refit import refit, take_rows
from peerstats.model.simulation import fitted_family

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

KINDS = ("exact", "one_step")


def influence(fit: Fit, group: str | None, kind: str) -> pd.DataFrame:
    """Return a row a level: the shift of every coefficient in SEs, cook and rows.

    "exact" gives the random effects' standard deviations without the level too, as `sd(...)`.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> list(model.influence(kind="one_step").columns)
    ['Intercept', 'cook', 'rows']
    """
    check_choice("kind", kind, KINDS)
    factor = cluster_factor(fit, group)
    grouping = fit.design.groups[factor]
    if grouping.members is not None:
        raise ModelError(f"Rows belong to several levels of '{factor}': none can be left out.")
    found = _exact(fit, grouping.codes) if kind == "exact" else _one_step(fit, factor)
    names = fit.design.names
    p = len(names)
    shift = found[:, :p] - fit.solution.beta
    covariance = fit.solution.covariance[:p, :p]
    errors = np.sqrt(np.diag(covariance))
    frame = pd.DataFrame(
        shift / errors, index=pd.Index(grouping.levels, name=factor), columns=names
    )
    frame["cook"] = np.einsum("ja,ab,jb->j", shift, linalg.inv(covariance), shift) / p
    if kind == "exact":
        for label, column in zip(_sd_names(fit), found[:, p:].T, strict=True):
            frame[label] = column
    frame["rows"] = grouping.sizes
    return frame


def _sd_names(fit: Fit) -> list[str]:
    return [f"sd({e.group} {name})" for e in random_effects(fit) for name in e.names]


def _exact(fit: Fit, codes: NDArray[np.intp]) -> Array:
    rows = []
    for level in range(int(codes.max()) + 1):
        try:
            solution = refit(fit, take_rows(fit.design, np.flatnonzero(codes != level)))
        except (ModelError, linalg.LinAlgError):
            rows.append(np.full(len(fit.solution.beta) + len(fit.solution.sds), np.nan))
            continue
        found = np.r_[solution.beta, solution.sds]
        rows.append(found if solution.convergence.converged else np.full(len(found), np.nan))
    return np.array(rows)


def _one_step(fit: Fit, factor: str) -> Array:
    effects = random_effects(fit)
    codes = fit.design.groups[factor].codes
    _check_independent(effects, codes, factor)
    X, design = fit.design.X, fit.design
    eta = fitted_link(design, fit.solution, conditional=True)
    offset = 0.0 if design.offset is None else design.offset
    m = np.ones(design.n) if design.weights is None else design.weights
    m = m if design.trials is None else m * design.trials
    _, r, w = fitted_family(fit).slopes(design.y, eta, m / fit.solution.dispersion)
    # Only W ỹ enters, so that rows without weight (zeros of a hurdle model) do no harm.
    weighted = np.column_stack([w[:, None] * X, w * (eta - offset) + r])
    levels = len(design.groups[factor].levels)
    p = X.shape[1]
    gram, cross = np.zeros((levels, p, p)), np.zeros((levels, p))
    for level in range(levels):
        at = np.flatnonzero(codes == level)
        solved = _solve(effects, at, w[at], weighted[at])
        gram[level] = X[at].T @ solved[:, :p]
        cross[level] = X[at].T @ solved[:, p]
    left = gram.sum(axis=0) - gram
    found: Array = np.linalg.solve(left, (cross.sum(axis=0) - cross)[:, :, None])[:, :, 0]
    # Started from the linearised model's own estimate, so that no cluster left out means no shift.
    whole = np.linalg.solve(gram.sum(axis=0), cross.sum(axis=0))
    return found - whole + fit.solution.beta


def _check_independent(
    effects: tuple[RandomEffect, ...], codes: NDArray[np.intp], factor: str
) -> None:
    for effect in effects:
        pairs = np.unique(
            np.column_stack([effect.codes.ravel(), np.repeat(codes, effect.codes.shape[1])]), axis=0
        )
        if len(pairs) > effect.count:
            raise ModelError(
                f"Levels of '{factor}' share levels of '{effect.group}', so none stands alone: "
                "use kind='exact', or group= the factor that contains the others."
            )


def _solve(
    effects: tuple[RandomEffect, ...], at: NDArray[np.intp], w: Array, right: Array
) -> Array:
    """V^-1 times something within one cluster; `right` is W times it. V = W^-1 + AA'."""
    columns = []
    for effect in effects:
        scaled = effect.Z[at] @ root(effect.covariance)
        known = np.unique(effect.codes[at])
        for level in known:
            member = ((effect.codes[at] == level) * effect.shares[at]).sum(axis=1)
            columns.append(scaled * member[:, None])
    A = np.column_stack(columns)
    weighted = w[:, None] * A
    inner = np.eye(A.shape[1]) + A.T @ weighted
    inner_part = linalg.solve(inner, A.T @ right, assume_a="sym")
    solved: Array = right - weighted @ inner_part
    return solved
