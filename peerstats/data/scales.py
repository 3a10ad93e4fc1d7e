"""Sum scores of questionnaire scales, and how reliable they are.

Scoring. A reversed item x with range low..high becomes low + high - x. A woman's score is the mean
of her observed items times the number of items (the prorated sum), given when at least
`scale.least_share` of the items are observed (the half-rule); otherwise it is missing, with the
code that `peerstats.data.derived.absence` gives precedence to.

Reliability. With S the covariance matrix of k items among women who answered all of them:

    alpha = k/(k-1) · (1 - tr S / 1'S1)                          Cronbach, Psychometrika 1951;16:297
    omega = (Σλ)² / ((Σλ)² + Σψ)                      McDonald, Test Theory 1999, omega total

where x = λf + e, var(f) = 1, var(e_i) = ψ_i is the one-factor model of the items. λ is estimated by
minimum residuals (Harman & Jones, Psychometrika 1966;31:351): it minimises the sum of the squared
off-diagonal residuals of the *correlation* matrix, so that an item with a large variance does not
rule the fit, and is then multiplied by the items' standard deviations, since the score is a sum
of raw items. Coordinate i of that problem has the closed solution
λ_i = Σ_{j≠i} r_ij λ_j / Σ_{j≠i} λ_j², which is applied in turn until nothing moves. A Heywood case,
|λ_i| > 1 (a negative unique variance), is stopped at ±1: the problem is convex in one coordinate,
so the bound is its exact restricted minimum. `Reliability.heywood` names those items.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.data.codebook import Scale
from peerstats.data.derived.absence import Column, ruling_code
from peerstats.errors import DataError

Floats = NDArray[np.float64]
STEPS = 10_000
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How well the items of one scale hang together; NaN where a quantity cannot be had.

    Shares are of the women with complete items, on 0–1. `loadings` are in the items' own units.
    """

    n: int  # women with at least one item
    n_complete: int
    items: tuple[str, ...]
    alpha: float
    omega: float
    loadings: tuple[float, ...]
    item_rest: tuple[float, ...]  # correlation with the sum of the other items
    item_means: tuple[float, ...]
    mean: float  # of the score, among women with complete items
    sd: float  # with divisor n - 1
    floor: float  # share with the lowest possible score
    ceiling: float
    heywood: tuple[str, ...]
    note: str = ""  # why alpha or omega is missing


def turn(items: pd.DataFrame, scale: Scale, reversed: Collection[str]) -> pd.DataFrame:
    """Return the items of the scale as floats, the reversed ones as low + high - x.

    Raises DataError when an item of the scale is not among the columns.

    >>> s = Scale(name="s", label="S", items=("a", "b"), low=1, high=5)
    >>> turn(pd.DataFrame({"a": [1.0], "b": [2.0]}), s, {"b"}).to_numpy().tolist()
    [[1.0, 4.0]]
    """
    absent = [name for name in scale.items if name not in items.columns]
    if absent:
        raise DataError(
            f"Scale '{scale.name}' needs the column(s) {', '.join(absent)}, which the "
            "table does not have. Add them, or take them out of the scale in the codebook."
        )
    turned = items.loc[:, list(scale.items)].astype(float)
    for name in scale.items:
        if name in reversed:
            turned[name] = scale.low + scale.high - turned[name]
    return turned


def score(
    items: pd.DataFrame, codes: pd.DataFrame, scale: Scale, reversed: Collection[str] = ()
) -> Column:
    """Return the prorated sum score (n,) and its codes (n,), "" where there is a score.

    Raises DataError when an item of the scale is not among the columns.

    >>> s = Scale(name="s", label="S", items=("a", "b"), low=1, high=5)
    >>> x = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, 4.0]})
    >>> c = pd.DataFrame({"a": ["", ".r"], "b": ["", ""]})
    >>> score(x, c, s)[0].tolist()
    [3.0, 8.0]
    """
    turned = turn(items, scale, reversed)
    seen = turned.notna().sum(axis=1)
    enough = (seen > 0) & (seen >= scale.least_share * len(scale.items))
    values = (turned.mean(axis=1) * len(scale.items)).where(enough)
    return values, ruling_code(codes.loc[:, list(scale.items)], lost_first=True).where(~enough, "")


def reliability(
    items: pd.DataFrame, scale: Scale | None = None, reversed: Collection[str] = ()
) -> Reliability:
    """Describe the items (n, k), turned first when a scale is given.

    Floor and ceiling are the lowest and highest possible sums of the scale; without a scale they
    are the sums of the lowest and highest values seen. Alpha needs two items that vary and three
    women with complete items; omega needs three items (with two, the one-factor model has no
    unique solution).

    >>> x = pd.DataFrame({"a": [1, 2, 3, 4.0], "b": [1, 2, 3, 4.0], "c": [2, 2, 3, 5.0]})
    >>> round(reliability(x).alpha, 4)
    0.9783
    """
    turned = items.astype(float) if scale is None else turn(items, scale, reversed)
    x = turned.dropna().to_numpy(dtype=float)
    note = _why_not(x)
    covariance = _covariance(x)
    loadings = np.full(x.shape[1], np.nan)
    heywood: tuple[str, ...] = ()
    if not note and x.shape[1] > 2:
        loadings, capped = one_factor(covariance)
        heywood = tuple(str(n) for n, c in zip(turned.columns, capped, strict=True) if c)
    (low, high), total = _bounds(turned, scale), x.sum(axis=1)
    return Reliability(
        n=int(turned.notna().any(axis=1).sum()),
        n_complete=len(x),
        items=tuple(str(c) for c in turned.columns),
        alpha=float("nan") if note else cronbach_alpha(covariance),
        omega=omega_total(covariance, loadings),
        loadings=tuple(float(v) for v in loadings),
        item_rest=tuple(float(v) for v in _item_rest(x)),
        item_means=tuple(float(v) for v in turned.mean()),
        mean=_mean(total),
        sd=float(total.std(ddof=1)) if len(x) > 1 else float("nan"),
        floor=_mean(np.isclose(total, low)),
        ceiling=_mean(np.isclose(total, high)),
        heywood=heywood,
        note=note or ("" if x.shape[1] > 2 else "omega needs at least three items"),
    )


def cronbach_alpha(covariance: Floats) -> float:
    """Return alpha of a covariance matrix (k, k): k/(k-1) · (1 - tr S / 1'S1).

    >>> round(cronbach_alpha(np.array([[2.0, 1.0], [1.0, 2.0]])), 4)
    0.6667
    """
    k = len(covariance)
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def omega_total(covariance: Floats, loadings: Floats) -> float:
    """Return omega of the one-factor model: (Σλ)² / ((Σλ)² + Σψ), ψ = diag S - λ²."""
    common = float(np.sum(loadings)) ** 2
    unique = float(np.sum(np.diag(covariance) - loadings**2))
    return common / (common + unique)


def one_factor(covariance: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the loadings (k,) of one factor by minimum residuals, and which hit the Heywood bound.

    The sign is the one that makes the sum of the loadings positive. The steps and their source are
    in the text at the top of this file.

    >>> truth = np.array([0.9, 0.6, 0.5])
    >>> s = np.outer(truth, truth) + np.diag(1 - truth**2)
    >>> [round(float(v), 6) for v in one_factor(s)[0]]
    [0.9, 0.6, 0.5]
    """
    spread = np.sqrt(np.diag(covariance))
    r = covariance / np.outer(spread, spread)
    np.fill_diagonal(r, 0.0)
    values, vectors = np.linalg.eigh(r + np.eye(len(r)))  # start at the first principal component
    loading = np.clip(vectors[:, -1] * np.sqrt(values[-1]), -0.95, 0.95)
    for _ in range(STEPS):
        before = loading.copy()
        for i in range(len(r)):
            others = float(loading @ loading - loading[i] ** 2)
            best = float(r[i] @ loading) / others if others > 0 else 0.0
            loading[i] = min(1.0, max(-1.0, best))
        if np.max(np.abs(loading - before)) < TOLERANCE:
            break
    loading *= 1.0 if loading.sum() >= 0 else -1.0
    return loading * spread, np.abs(loading) >= 1 - 1e-9


def _why_not(x: Floats) -> str:
    if x.shape[1] < 2:
        return "reliability needs at least two items"
    if len(x) < 3:
        return "fewer than three complete answers"
    if np.any(np.ptp(x, axis=0) == 0):
        return "an item does not vary"
    if np.ptp(x.sum(axis=1)) == 0:
        return "the score does not vary"
    return ""


def _covariance(x: Floats) -> Floats:
    """Return the items' covariance matrix; zeros for fewer than two women."""
    if len(x) < 2:
        return np.zeros((x.shape[1], x.shape[1]))
    return np.atleast_2d(np.cov(x, rowvar=False))


def _mean(x: NDArray[Any]) -> float:
    return float(np.mean(x)) if len(x) else float("nan")


def _bounds(turned: pd.DataFrame, scale: Scale | None) -> tuple[float, float]:
    if scale is not None:
        return scale.low * len(scale.items), scale.high * len(scale.items)
    return float(turned.min().sum()), float(turned.max().sum())


def _item_rest(x: Floats) -> Floats:
    """Return each item's correlation with the sum of the others; NaN where one does not vary."""
    out = np.full(x.shape[1], np.nan)
    for i in range(x.shape[1]):
        rest = x.sum(axis=1) - x[:, i]
        if len(x) > 2 and np.ptp(x[:, i]) > 0 and np.ptp(rest) > 0:
            out[i] = np.corrcoef(x[:, i], rest)[0, 1]
    return out
