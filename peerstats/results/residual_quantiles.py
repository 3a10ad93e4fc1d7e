"""Quantile residuals against the normal distribution, at fixed probabilities.

Randomised-quantile residuals averaged over groups are standard normal row by row when the model is
right (`peerstats.model.residuals`); rows of a site go together, so the band comes from outcomes
drawn from the model with new random effects, whose residuals are made the same way. With r*_(k)(q)
the k-th smallest of the draws' quantiles at probability q, the band is r*_(k)(q) to r*_(D+1-k)(q)
for the largest k at which 95 in 100 draws lie inside at every q: it holds for the whole curve, so
one quantile outside is already unusual (Aldor-Noiman et al. 2013, Am Stat 67:249).

Quantiles and not single residuals are kept: a residual belongs to one woman.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from peerstats.model.fit import Fit
from peerstats.model.refit import one_row_each
from peerstats.model.residuals import TINY, quantile_bounds
from peerstats.model.simulation import draw_outcome
from peerstats.results.blocks import Item, ResidualBlock
from peerstats.results.checked import Checked
from peerstats.results.counting import constant, distinct, statistic
from peerstats.results.number import Number, address

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]

PROBABILITIES = (1, 2.5, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50,
                 55, 60, 65, 70, 75, 80, 85, 90, 95, 97.5, 99)  # fmt: skip
DRAWS = 199
COVERED = 0.95
FEW_VALUES = 30


def residual_quantiles(checked: Checked) -> tuple[ResidualBlock, dict[str, Number]]:
    """Return the residuals' quantiles, the normal ones and the band.

    Behind a quantile stand the women beyond it on the side of fewer: that many would have to be
    told apart to find whose it is. Raises ModelError for a family without quantile residuals.
    """
    fit, rng = one_row_each(checked.fit), checked.rng()
    q = np.array(PROBABILITIES) / 100.0
    known: dict[float, Bounds] = {}
    outcomes = [fit.design.y, *(draw_outcome(fit, rng) for _ in range(DRAWS))]
    found = np.array([np.quantile(_residuals(fit, y, rng, known), q) for y in outcomes])
    values = found[0]
    low, high = band(found[1:])
    items = tuple(Item(key=f"q{p:g}".replace(".", "_"), label=f"{p:g}%") for p in PROBABILITIES)
    block = ResidualBlock(
        key=checked.key, title=checked.title, model=checked.block.key, quantiles=items
    )
    inside = int(np.sum((low <= values) & (values <= high)))
    numbers = [
        constant(address(checked.key, "quantiles"), len(items)),
        constant(address(checked.key, "inside"), inside),
    ]
    ends = np.column_stack([low, values, high])
    for i, item in enumerate(items):
        numbers += _numbers(address(checked.key, item.key), checked, q[i], ends[i])
    return block, {number.address: number for number in distinct(numbers)}


def _numbers(at: str, checked: Checked, q: float, ends: Array) -> Iterator[Number]:
    """One quantile of the residuals, of the normal distribution and of the band."""
    women = len(np.unique(checked.sizes.person))
    behind = int(women * min(q, 1 - q))
    yield statistic(f"{at}.value", "quartile", ends[1], format="decimal2", basis=behind)
    normal = constant(f"{at}.normal", 0)
    yield replace(normal, value=float(ndtri(q)), format="decimal2")
    for name, end in (("low", ends[0]), ("high", ends[2])):
        yield Number(
            address=f"{at}.{name}",
            kind="ci",
            scale="standard_deviations",
            value=float(end),
            format="decimal2",
            fit=checked.block.key,
            basis=women,
        )


def _residuals(fit: Fit, y: Array, rng: np.random.Generator, known: dict[float, Bounds]) -> Array:
    """Quantile residuals of an outcome.

    An outcome of few values has as few pairs of bounds a row, `known` from one draw to the next:
    averages over groups are the work here.
    """
    values = np.unique(y)
    if len(values) > FEW_VALUES:
        below, upto = quantile_bounds(fit, y, False)
    else:
        below, upto = np.empty_like(y), np.empty_like(y)
        for value in values:
            if value not in known:
                known[value] = quantile_bounds(fit, np.full_like(y, value), False)
            at = y == value
            below[at], upto[at] = (bound[at] for bound in known[value])
    share = rng.uniform(size=len(y))
    found: Array = ndtri(np.clip(below + share * (upto - below), TINY, 1 - TINY))
    return found


def band(drawn: Array) -> tuple[Array, Array]:
    """Return the narrowest band of order statistics that holds whole curves (draws, points).

    >>> drawn = np.random.default_rng(1).normal(size=(999, 3))
    >>> low, high = band(drawn)
    >>> bool(np.all((drawn >= low) & (drawn <= high), axis=1).mean() >= 0.95)
    True
    """
    ordered = np.sort(drawn, axis=0)
    low, high = ordered[0], ordered[-1]
    for k in range(1, len(drawn) // 2):
        inner = ordered[k], ordered[-1 - k]
        if np.all((drawn >= inner[0]) & (drawn <= inner[1]), axis=1).mean() < COVERED:
            break
        low, high = inner
    return low, high
