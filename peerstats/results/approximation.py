"""Laplace's approximation against adaptive Gauss–Hermite quadrature, coefficient by coefficient.

Both maximise the same likelihood; Laplace's approximation takes one node for each group's integral,
quadrature as many as are asked for. The difference of a coefficient is put in standard errors,

    (β̂_Laplace - β̂_AGQ) / SE_AGQ(β̂),

and so is that of the logarithm of the groups' standard deviation, which Laplace's approximation
makes too small where groups are small (Breslow & Lin 1995, Biometrika 82:81).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerstats.errors import ModelError
from peerstats.model.fit import Fit
from peerstats.model.refit import refit, with_solution
from peerstats.results.blocks import ApproximationBlock, Item
from peerstats.results.checked import Checked
from peerstats.results.counting import constant, distinct
from peerstats.results.models import factor_label
from peerstats.results.number import Number, address
from peerstats.results.terms import TermRows

NODES = 25


def approximation(checked: Checked) -> tuple[ApproximationBlock, dict[str, Number]]:
    """Return the difference between the approximations for every coefficient of a model.

    Raises ModelError for a model without exactly one grouping factor, for a gaussian one, whose
    likelihood needs no approximation, and when the other fit does not converge.
    """
    laplace, quadrature = _both(checked)
    items: list[Item] = []
    numbers = [constant(address(checked.key, "nodes"), quadrature.nodes)]
    for item, name, basis in _rows(checked):
        shift = (laplace.params[name] - quadrature.params[name]) / quadrature.bse[name]
        items.append(item)
        numbers.append(_number(checked, item, float(shift), basis))
    factor = next(iter(quadrature.groups))
    for name in quadrature.covariance.index:
        if name.startswith("log sd(") and not name.startswith("log sd(Residual"):
            item = Item(
                key=address("sd", factor),
                label=f"SD between {factor_label(factor, checked.fields).lower()}s (logarithm)",
            )
            both = [float(np.log(fit.varcorr["sd"].iloc[0])) for fit in (laplace, quadrature)]
            error = float(np.sqrt(quadrature.covariance.loc[name, name]))
            if np.isfinite(error) and np.isfinite(both).all():
                items.append(item)
                numbers.append(_number(checked, item, (both[0] - both[1]) / error, _whole(checked)))
    block = ApproximationBlock(
        key=checked.key, title=checked.title, model=checked.block.key, rows=tuple(items)
    )
    return block, {number.address: number for number in distinct(numbers)}


def _both(checked: Checked) -> tuple[Fit, Fit]:
    """The fit by Laplace's approximation and by quadrature; one of them is the model's own."""
    fit = checked.fit
    if len(fit.design.random) != 1 or fit.method not in ("laplace", "agq"):
        raise ModelError(
            f"Figure '{checked.key}' compares approximations of the likelihood: it needs a model "
            "with one grouping factor and an outcome that is not gaussian."
        )
    asked = replace(fit, method="laplace", nodes=1)
    if fit.method == "laplace":
        asked = replace(fit, method="agq", nodes=NODES)
    other = with_solution(asked, refit(asked, fit.design))
    if not other.converged:
        raise ModelError(f"Figure '{checked.key}': the fit by the other method did not converge.")
    return (fit, other) if fit.method == "laplace" else (other, fit)


def _rows(checked: Checked) -> Iterator[tuple[Item, str, int]]:
    """Item, coefficient and smallest cell of every level that has a coefficient."""
    for rows in checked.terms:
        for level in rows.term.levels:
            if level.term is not None:
                yield _item(rows, level.key, level.label), level.term, _smallest(checked, rows)


def _item(rows: TermRows, key: str, label: str) -> Item:
    name = rows.term.label if not key else f"{rows.term.label}: {label}"
    return Item(key=address(rows.term.variable, *((key,) if key else ())), label=name)


def _smallest(checked: Checked, rows: TermRows) -> int:
    return checked.sizes.smallest(rows.cells)


def _whole(checked: Checked) -> int:
    return checked.sizes.smallest((np.ones(checked.fit.design.n, dtype=bool),))


def _number(checked: Checked, item: Item, shift: float, basis: int) -> Number:
    return Number(
        address=f"{address(checked.key)}.{item.key}.shift",
        kind="estimate",
        scale="standard_deviations",
        value=shift,
        format="decimal3",
        fit=checked.block.key,
        basis=basis,
        sensitive=checked.sizes.sensitive,
    )
