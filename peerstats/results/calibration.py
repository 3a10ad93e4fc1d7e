"""Calibration by group: what was observed in each site against what the model expects there.

The model expects of a site with the same women, averaged over what sites can be like,

    E_j = Σ_i E[μ_ij(b)] / n_j,    b drawn from N(0, Σ̂),

and its limits are the 2.5 % and 97.5 % quantiles of the site's mean over outcomes drawn from the
model with new random effects. The conditional modes are not used: they were drawn towards the very
outcomes that are to be compared. Of right models 95 in 100 sites lie within the limits, up to the
estimation of the coefficients and variances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.refit import one_row_each
from peerstats.model.simulation import draw_outcome
from peerstats.results.blocks import CalibrationBlock
from peerstats.results.checked import Checked, cell_counts, groups_of
from peerstats.results.counting import constant, count, distinct, percent, statistic
from peerstats.results.number import Number, address
from peerstats.results.terms import Rows
from peerstats.results.text import lower_first

Array = NDArray[np.float64]

DRAWS = 499
LIMITS = (0.025, 0.975)


def calibration(checked: Checked) -> tuple[CalibrationBlock, dict[str, Number]]:
    """Return observed and expected percentages (of a yes/no outcome) or means of every group.

    Raises ModelError for outcomes that are not numbers, whose mean says nothing.
    """
    fit = checked.fit
    if fit.family.outcome != "number":
        raise ModelError(f"Figure '{checked.key}': a {fit.family.name} outcome has no mean.")
    found = groups_of(checked)
    binary = checked.sizes.events is not None
    share = np.array([rows / rows.sum() for _, rows in found.masks()])
    expected, low, high = _expected(checked, share)
    block = CalibrationBlock(
        key=checked.key,
        title=checked.title or f"Observed and expected by {lower_first(found.label)}",
        model=checked.block.key,
        factor=found.factor,
        factor_label=found.label,
        outcome_label=checked.block.outcome_label,
        percent=binary,
        groups=found.groups,
    )
    observed = share @ fit.design.y
    numbers = [
        constant(address(checked.key, "groups"), len(found.groups)),
        constant(
            address(checked.key, "inside"), int(np.sum((low <= observed) & (observed <= high)))
        ),
    ]
    for i, (group, rows) in enumerate(found.masks()):
        at = address(checked.key, group.key)
        numbers += _sizes(at, checked, rows)
        numbers += _values(at, checked, rows, (observed[i], expected[i], low[i], high[i]))
    return block, {number.address: number for number in distinct(numbers)}


def _expected(checked: Checked, share: Array) -> tuple[Array, Array, Array]:
    """Mean and limits of every group's mean, (groups,); `share` (groups, rows) averages rows."""
    fit, rng = one_row_each(checked.fit), checked.rng()
    drawn = np.array([share @ draw_outcome(fit, rng) for _ in range(DRAWS)])
    mean: Array = share @ fit.predict(kind="population").to_numpy(dtype=np.float64)
    low, high = np.quantile(drawn, LIMITS, axis=0)
    return mean, low, high


def _sizes(at: str, checked: Checked, rows: Rows) -> Iterator[Number]:
    """Rows of the group (visits, where women have several), with the women behind them."""
    women = checked.sizes
    yield replace(count(f"{at}.n", int(rows.sum())), basis=women.size(rows))
    if women.events is not None:
        events = rows & women.events
        made = count(f"{at}.events", int(events.sum()), sensitive=women.sensitive)
        yield replace(made, basis=women.size(events))
    yield from cell_counts(at, (rows,), women, rows)


def _values(
    at: str, checked: Checked, rows: Rows, values: tuple[float, float, float, float]
) -> Iterator[Number]:
    """Observed, expected and its limits; what stands behind them is the smaller outcome cell."""
    women = checked.sizes
    basis = women.smallest((rows,))
    if women.events is not None:
        events = int((rows & women.events).sum())
        parts = count(f"{at}.events", events), count(f"{at}.n", int(rows.sum()))
        made = percent(f"{at}.observed", *parts)
        yield replace(made, basis=basis, sensitive=women.sensitive)
    else:
        yield statistic(f"{at}.observed", "mean", values[0], format="decimal2", basis=basis)
    times, style = (100.0, "percent1") if women.events is not None else (1.0, "decimal2")
    for name, value in zip(("expected", "low", "high"), values[1:], strict=True):
        yield Number(
            address=f"{at}.{name}",
            kind="estimate" if name == "expected" else "ci",
            scale="percent" if women.events is not None else "unit",
            value=times * float(value),
            format=style,
            fit=checked.block.key,
            basis=basis,
            sensitive=women.sensitive,
        )
