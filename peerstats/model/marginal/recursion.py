"""The exact conditional likelihood of yes/no outcomes, given each group's number of yes.

Of a group with n rows, T of them yes, the conditional likelihood is exp(Σ_yes η) / B(T, n), where
B(t, i) sums exp(Σ η) over all ways to choose t of the first i rows (Gail, Lubin & Rubinstein 1981):

    B(t, i) = B(t, i-1) + e^(η_i) B(t-1, i-1).

B is kept as a logarithm L. Of the chosen rows' covariate total, the mean E and covariance C over
the choices follow the same recursion as a mixture, with π = e^(η_i) B(t-1, i-1) / B(t, i) and
δ = E(t-1) + x_i - E(t):

    E ← E(t) + π δ,     C ← (1-π) C(t) + π C(t-1) + π(1-π) δδ'.

Nothing overflows and nothing cancels, and the score Σ_yes x - E(T) and the Hessian -C(T) are exact.
Rows with more yes than no are turned round (η → -η), so the cost is n min(T, n-T) p². All groups
take a step together; only those of similar size share an array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

BLOCK = 2_000_000  # numbers in the array of covariances of some groups


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Rows sorted by group, groups by size (largest first); `yes` and `turned` are per group."""

    X: Array
    offset: Array
    yes: Codes  # chosen rows of each group: yes, or no where turned
    sizes: Codes
    starts: Codes
    turned: NDArray[np.bool_]
    total: Array  # (p,) Σ x over the yes rows
    total_offset: float


def match_rows(X: Array, y: Array, offset: Array, codes: Codes) -> Matched:
    """Order the rows of groups that hold both outcomes."""
    sizes = np.bincount(codes)
    yes = np.bincount(codes, weights=y).round().astype(np.intp)
    chosen = np.minimum(yes, sizes - yes)
    place = np.lexsort((-chosen, -sizes))
    rank = np.empty_like(place)
    rank[place] = np.arange(len(place))
    order = np.argsort(rank[codes], kind="stable")
    sizes = sizes[place]
    return Matched(
        X=X[order],
        offset=offset[order],
        yes=chosen[place],
        sizes=sizes,
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        turned=(yes > chosen)[place],
        total=y @ X,
        total_offset=float(y @ offset),
    )


def evaluate(matched: Matched, beta: Array) -> tuple[float, Array, Array]:
    """Log-likelihood, score (p,) and information (p, p)."""
    eta = matched.X @ beta + matched.offset
    value = float(matched.total @ beta) + matched.total_offset
    score, information = matched.total.copy(), np.zeros((len(beta),) * 2)
    ends = matched.starts + matched.sizes
    for block in _blocks(matched, len(beta)):
        log_sum, mean, spread = _run(matched, eta, block)
        turned = matched.turned[block]
        # Choosing the no rows with weights e^-η is choosing the yes rows with e^η, up to Σ η.
        rows = [slice(a, b) for a, b in zip(matched.starts[block], ends[block], strict=True)]
        whole = [r for r, t in zip(rows, turned, strict=True) if t]
        value -= float(log_sum.sum()) + sum(float(eta[r].sum()) for r in whole)
        score -= mean.sum(axis=0) + sum((matched.X[r].sum(axis=0) for r in whole), np.zeros(1))
        information += spread.sum(axis=0)
    return value, score, information


def _blocks(matched: Matched, p: int) -> Iterator[slice]:
    first = 0
    while first < len(matched.sizes):
        most = int(matched.yes[first:].max()) + 1
        last = first + max(1, BLOCK // (most * p * p))
        yield slice(first, min(last, len(matched.sizes)))
        first = last


def _run(matched: Matched, eta: Array, block: slice) -> tuple[Array, Array, Array]:
    """The recursion for some groups; returns log B(T), E(T) and C(T) of each."""
    starts, sizes, yes = matched.starts[block], matched.sizes[block], matched.yes[block]
    sign = np.where(matched.turned[block], -1.0, 1.0)
    most, p = int(yes.max()), matched.X.shape[1]
    L = np.full((len(starts), most + 1), -np.inf)
    L[:, 0] = 0.0
    E = np.zeros((len(starts), most + 1, p))
    C = np.zeros((len(starts), most + 1, p, p))
    for i in range(int(sizes[0])):
        on = int(np.searchsorted(-sizes, -i, side="left"))  # groups with more than i rows
        top = min(i + 1, most)
        rows = starts[:on] + i
        x = sign[:on, None] * matched.X[rows]
        w = (sign[:on] * eta[rows])[:, None]
        below = w + L[:on, :top]
        new = np.logaddexp(L[:on, 1 : top + 1], below)
        pi = np.exp(below - new)
        delta = E[:on, :top] + x[:, None, :] - E[:on, 1 : top + 1]
        both = delta[..., :, None] * delta[..., None, :]
        pi2 = pi[..., None, None]
        step = C[:on, :top] - C[:on, 1 : top + 1] + (1.0 - pi2) * both
        C[:on, 1 : top + 1] += pi2 * step
        E[:on, 1 : top + 1] += pi[..., None] * delta
        L[:on, 1 : top + 1] = new
    at = np.arange(len(starts))
    return L[at, yes], E[at, yes], C[at, yes]
