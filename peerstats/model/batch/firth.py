"""Firth's logit with site intercepts for many replicates at once.

The formulas are those of `model.marginal.jeffreys`, which fits one data set of any shape; here all
replicates take their Newton step together, each with a step length of its own, and leave the work
when they have arrived. A slope may be held at a value of its own in each replicate: its column then
stays inside |I|, as the profile penalised likelihood ratio needs. A column that a replicate cannot
estimate (`tables.estimable`) has slope 0 there and no part in |I|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerstats.model.batch.tables import (
    Array,
    Mask,
    Tables,
    cholesky,
    inverse,
    joined,
    masked,
    merged,
    pick,
    times,
)

STEPS = 250
TIGHT = 1e-20  # decrement at which a search ends
ENOUGH = 1e-10  # decrement at which one that cannot grow has arrived
LONGEST = 5.0  # logits a step may move
SHORTEST, FURTHEST = 0.3, 100.0  # of the step with I
HALVINGS = 40
BLOCK = 100_000  # sites x cells x replicates held at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirthBatch:
    """Maxima of l*: `alpha` (J, R), `b` (p, R), l* `value` and remaining `decrement` (R,).

    `S` (p, p, R) is the information about the slopes; `active` (p, R) says which were estimated.
    """

    alpha: Array
    b: Array
    value: Array
    decrement: Array
    S: Array
    active: Mask

    @property
    def converged(self) -> Mask:
        """Replicates whose search arrived (R,)."""
        return np.asarray(self.decrement < ENOUGH)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    alpha: Array  # (J, R)
    b: Array  # (p, R)
    value: Array  # (R,)
    D: Array  # (J, R)
    C: Array  # (p, J, R)
    S: Array  # (p, p, R)
    u_alpha: Array
    u_b: Array


def fit_firth(
    tables: Tables, active: Mask, near: FirthBatch | None = None, tight: float = TIGHT
) -> FirthBatch:
    """Maximise the penalised likelihood of every replicate; `active` comes from `estimable`.

    >>> import numpy as np
    >>> yes = np.array([[[0.0], [2.0]], [[0.0], [2.0]]])  # two sites, x = 0 and 1: separated
    >>> n = np.array([[[4.0], [2.0]], [[4.0], [2.0]]])
    >>> x = np.array([[[0.0], [1.0]]])
    >>> found = fit_firth(Tables(columns=(x,), yes=yes, n=n), np.array([[True]]))
    >>> bool(2 < found.b[0, 0] < 5)
    True
    """
    if near is None:
        yes, total = tables.yes.sum(axis=1), tables.n.sum(axis=1)
        alpha = np.log((yes + 0.5) / (total - yes + 0.5))
        b = np.zeros(active.shape)
    else:
        alpha, b = near.alpha, near.b
    return _in_blocks(tables, (alpha, b), active, active, tight)


def hold_firth(
    tables: Tables, best: FirthBatch, k: int, value: float | Array, tight: float = TIGHT
) -> FirthBatch:
    """Maximise with slope k held at `value`, its column inside |I|; start from the maximum."""
    free = best.active.copy()
    free[k] = False
    root = cholesky(masked(best.S, free))
    change = np.where(best.active[k], value - best.b[k], 0.0)
    others = times(inverse(root), np.where(free, -best.S[k] * change, 0.0))
    b = best.b + np.where(free, others, 0.0)
    b[k] += change
    moved = b - best.b
    middle = tables.n.sum(axis=1)
    shift = sum(
        (tables.n * column).sum(axis=1) / np.maximum(middle, 1.0) * moved[m]
        for m, column in enumerate(tables.columns)
    )
    return _in_blocks(tables, (best.alpha - shift, b), best.active, free, tight)


def profile_ratio(best: FirthBatch, held: FirthBatch) -> Array:
    """2 [l*(max) - l*(held)] (R,)."""
    return np.asarray(np.maximum(2.0 * (best.value - held.value), 0.0))


def _in_blocks(
    tables: Tables, start: tuple[Array, Array], active: Mask, free: Mask, tight: float
) -> FirthBatch:
    parts = [
        _maximise(
            tables.take(some),
            (start[0][..., some], start[1][..., some]),
            (active[..., some], free[..., some]),
            tight,
        )
        for some in tables.blocks(BLOCK)
    ]
    return joined(parts)


def _maximise(
    tables: Tables, start: tuple[Array, Array], masks: tuple[Mask, Mask], tight: float
) -> FirthBatch:
    """All replicates together; those that have arrived leave."""
    active, free = masks
    reach = [max(float(np.abs(c).max()), 1e-300) for c in tables.columns]
    end = point = _at(tables, *start, active)
    left, scale = np.full(tables.replicates, np.inf), np.ones(tables.replicates)
    live = np.arange(tables.replicates)
    for _ in range(STEPS):
        by_alpha, by_b, decrement = _direction(point, free)
        left[live] = decrement
        going = np.flatnonzero(decrement >= tight)
        if len(going) < len(live):
            tables, point, live = tables.take(going), pick(point, going), live[going]
            active, free, scale = active[:, going], free[:, going], scale[going]
        if not len(live):
            break
        step, decrement = (by_alpha[:, going], by_b[:, going]), decrement[going]
        far = np.abs(step[0]).max(axis=0)
        for k, size in enumerate(reach):
            far = np.maximum(far, np.abs(step[1][k]) * size)
        length = np.minimum(scale, LONGEST / far)
        point, grew = _climb(tables, point, step, length, active)
        end = merged(end, live, point)
        rest = (step[0] * point.u_alpha).sum(axis=0) + (step[1] * point.u_b).sum(axis=0)
        scale = length * decrement / np.maximum(decrement - rest, 1e-300)
        scale = np.clip(scale, SHORTEST, FURTHEST)
        if not grew.all():
            keep = np.flatnonzero(grew)
            tables, point, live = tables.take(keep), pick(point, keep), live[keep]
            active, free, scale = active[:, keep], free[:, keep], scale[keep]
    return FirthBatch(
        alpha=end.alpha, b=end.b, value=end.value, decrement=left, S=end.S, active=masks[0]
    )


def _climb(
    tables: Tables, point: _Point, step: tuple[Array, Array], length: Array, active: Mask
) -> tuple[_Point, Mask]:
    """Take each replicate's step, halved until its l* grows; which of them found a length."""
    trial = _at(tables, point.alpha + length * step[0], point.b + length * step[1], active)
    floor = point.value - 1e-13 * (1 + np.abs(point.value))
    worse = np.flatnonzero(~(trial.value >= floor))
    for _ in range(HALVINGS):
        if not len(worse):
            break
        length[worse] *= 0.5
        part = length[worse]
        again = _at(
            tables.take(worse),
            point.alpha[:, worse] + part * step[0][:, worse],
            point.b[:, worse] + part * step[1][:, worse],
            active[:, worse],
        )
        trial = merged(trial, worse, again)
        worse = worse[~(again.value >= floor[worse])]
    grew = np.ones(tables.replicates, dtype=bool)
    if len(worse):
        grew[worse] = False
        trial = merged(trial, worse, pick(point, worse))
    return trial, grew


def _at(tables: Tables, alpha: Array, b: Array, active: Mask) -> _Point:
    """l* and its score; a value of nan where |I| is zero to the machine."""
    eta = alpha[:, None] + tables.predictor(b)
    small = np.exp(-np.abs(eta))
    larger = 1.0 / (1.0 + small)
    mu = np.where(eta >= 0, larger, small * larger)
    kernel = tables.yes * eta - tables.n * (np.maximum(eta, 0.0) - np.log(larger))
    w = tables.n * (small * larger * larger)
    D = w.sum(axis=1)
    D = np.where(D > 1e-280, D, 1.0)  # a site without anybody
    weighted = [w * column for column in tables.columns]
    C = np.array([part.sum(axis=1) for part in weighted])
    S = _information(tables, weighted, C, D)
    root = cholesky(masked(S, active))
    inner = np.where(active[:, None] & active[None], inverse(root), 0.0)
    gaps = [c - (C[k] / D)[:, None] for k, c in enumerate(tables.columns)]
    lever = (1.0 / D)[:, None] + sum(
        gaps[k] * gaps[m] * (inner[k, m] * (1.0 if k == m else 2.0))
        for k in range(len(gaps))
        for m in range(k + 1)
    )
    u = tables.yes - tables.n * mu + w * lever * (0.5 - mu)
    log_det = np.log(D).sum(axis=0) + 2.0 * np.log(np.einsum("kkr->kr", root)).sum(axis=0)
    return _Point(
        alpha=alpha,
        b=b,
        value=kernel.sum(axis=(0, 1)) + 0.5 * log_det,
        D=D,
        C=C,
        S=S,
        u_alpha=u.sum(axis=1),
        u_b=np.array([(u * column).sum(axis=(0, 1)) for column in tables.columns]),
    )


def _information(tables: Tables, weighted: list[Array], C: Array, D: Array) -> Array:
    p = len(weighted)
    S = np.empty((p, p, D.shape[-1]))
    for k in range(p):
        for m in range(k + 1):
            both = (weighted[k] * tables.columns[m]).sum(axis=(0, 1))
            S[k, m] = S[m, k] = both - (C[k] * C[m] / D).sum(axis=0)
    return S


def _direction(point: _Point, free: Mask) -> tuple[Array, Array, Array]:
    """I⁻¹ times the score in α and the free slopes, and the decrement."""
    ratio = point.u_alpha / point.D
    left = point.u_b - (ratio * point.C).sum(axis=1)
    solved = times(inverse(cholesky(masked(point.S, free))), np.where(free, left, 0.0))
    by_b = np.where(free, solved, 0.0)
    by_alpha = ratio - (point.C * by_b[:, None]).sum(axis=0) / point.D
    decrement = (by_alpha * point.u_alpha).sum(axis=0) + (by_b * point.u_b).sum(axis=0)
    return by_alpha, by_b, decrement
