"""Is a straight line enough? Each measurement of a model as a restricted cubic spline instead.

With knots t_1 < … < t_K at the 5, 35, 65 and 95 % quantiles (10, 50 and 90 % where those are not
distinct), the line is joined by K - 2 columns that are cubic between the knots and straight beyond
the outer ones (Harrell 2015, Regression Modeling Strategies, 2.4.5),

    b_k(x) = [(x - t_k)³₊ - (x - t_{K-1})³₊ (t_K - t_k)/(t_K - t_{K-1})
              + (x - t_K)³₊ (t_{K-1} - t_k)/(t_K - t_{K-1})] / (t_K - t_1)²,

and the model is fitted once more with them. Twice the difference of the log-likelihoods is compared
with χ² of K - 2 degrees of freedom. The curve is the difference from one position, with pointwise
95 % Wald intervals. A measurement that is constant inside every site is learnt from the sites, for
which that reference is wrong; it is left out. Positions are round numbers between the 5 and 95 %
quantiles, so that the ends of the curve are nobody's value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import chdtrc

from peerstats.errors import ModelError
from peerstats.inference.rule import question_of
from peerstats.model.columns import Column
from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.refit import refit
from peerstats.results.blocks import Curve, LinearityBlock
from peerstats.results.checked import Checked
from peerstats.results.counting import constant, count, distinct
from peerstats.results.groups import NORMAL_95
from peerstats.results.measures import MEASURES
from peerstats.results.number import Number, address
from peerstats.results.terms import TermRows

Array = NDArray[np.float64]

KNOTS = ((0.05, 0.35, 0.65, 0.95), (0.1, 0.5, 0.9))
ENDS = (0.05, 0.95)
POSITIONS = (9, 21)  # at least and at most


def linearity(checked: Checked) -> tuple[LinearityBlock, dict[str, Number]]:
    """Return test and curve of every measurement of a model.

    Raises ModelError for a model without one that could be examined.
    """
    curves: list[Curve] = []
    left_out: list[str] = []
    numbers: list[Number] = []
    for rows in checked.terms:
        position = _column(checked, rows)
        if position is None:
            continue
        # A measurement of few values or of sites stands on several cells of women.
        shape = _shape(checked, position) if len(rows.cells) == 1 else None
        if shape is None:
            left_out.append(rows.term.label)
            continue
        curves.append(_curve(rows, shape))
        numbers += _numbers(checked, rows, shape)
    if not curves:
        raise ModelError(
            f"Figure '{checked.key}': model '{checked.block.key}' has no measurement whose shape "
            "could be examined."
        )
    block = LinearityBlock(
        key=checked.key,
        title=checked.title,
        model=checked.block.key,
        measure=checked.block.measure,
        outcome_label=checked.block.outcome_label,
        curves=tuple(curves),
        left_out=tuple(left_out),
    )
    return block, {number.address: number for number in distinct(numbers)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shape:
    """A spline fitted: p-value and df against the line, positions and what lies there."""

    p_value: float
    df: int
    step: float
    at: Array  # (k,) positions
    reference: int
    curve: Array  # (k, 3): estimate, low, high, on the link's scale
    line: Array  # (k,)
    beyond: NDArray[np.bool_]  # (2, rows): below the first position, above the last


def _column(checked: Checked, rows: TermRows) -> int | None:
    """The design's column of a measurement that stands in the model as it is, else None."""
    names = checked.fit.design.names
    plain = rows.factors == 1 and rows.term.variable in rows.variables
    single = [level.key for level in rows.term.levels] == [""]
    if not (plain and single and rows.term.levels[0].term in names):
        return None
    products = [t.variables for t in checked.terms if t.product]
    in_product = any(rows.term.variable in variables for variables in products)
    return None if in_product else names.index(str(rows.term.levels[0].term))


def _shape(checked: Checked, position: int) -> _Shape | None:
    """Fit the spline; None where the values are too few, or constant inside sites."""
    fit = checked.fit
    x = np.asarray(fit.design.X[:, position])
    question = question_of(fit, checked.sites)
    knots = _knots(x)
    places = positions(*np.quantile(x, ENDS))
    constant_inside = question.where.levels and question.kinds[position].level == 0
    if knots is None or places is None or constant_inside or fit.penalty:
        return None
    try:
        straight = refit(fit, fit.design, reml=False)
        bent = refit(fit, _widened(fit.design, position, spline(x, knots)), reml=False)
    except (ModelError, linalg.LinAlgError):
        return None
    if not (straight.convergence.converged and bent.convergence.converged):
        return None
    step, at = places
    reference = int(np.argmin(np.abs(at - np.median(x))))
    basis = np.column_stack([at, spline(at, knots)])
    basis = basis - basis[reference]
    p, df = fit.design.X.shape[1], len(knots) - 2
    return _Shape(
        p_value=float(chdtrc(df, max(2 * (bent.loglik - straight.loglik), 0.0))),
        df=df,
        step=step,
        at=at,
        curve=_with_band(basis, bent, [position, *range(p, p + df)]),
        line=basis[:, 0] * straight.beta[position],
        reference=reference,
        beyond=np.array([x < at[0], x > at[-1]]),
    )


def _widened(design: Design, position: int, extra: Array) -> Design:
    """The design with the columns that bend the one at a position."""
    column = design.columns[position]
    added = tuple(
        Column(name=f"{column.name} bend {k + 1}", term=column.term, variables=column.variables)
        for k in range(extra.shape[1])
    )
    X = np.ascontiguousarray(np.column_stack([design.X, extra]))
    return replace(design, X=X, columns=(*design.columns, *added))


def _with_band(basis: Array, bent: Solution, own: list[int]) -> Array:
    """Estimate, low and high of a curve (positions, 3) from its coefficients."""
    middle = basis @ bent.beta[own]
    covariance = bent.covariance[np.ix_(own, own)]
    half = NORMAL_95 * np.sqrt(np.einsum("ij,jk,ik->i", basis, covariance, basis))
    return np.column_stack([middle, middle - half, middle + half])


def _knots(x: Array) -> Array | None:
    for shares in KNOTS:
        found = np.quantile(x, shares)
        if np.all(np.diff(found) > 0):
            return found
    return None


def spline(x: Array, knots: Array) -> Array:
    """Return the columns (n, K - 2) that a restricted cubic spline adds to x.

    >>> spline(np.array([0.0, 4.0]), np.array([1.0, 2.0, 3.0])).round(3)
    array([[0.  ],
           [3.75]])
    """
    last, before, first = knots[-1], knots[-2], knots[0]

    def cubed(knot: float) -> Array:
        return np.maximum(x - knot, 0.0) ** 3

    columns = [
        cubed(t)
        - cubed(before) * (last - t) / (last - before)
        + cubed(last) * (before - t) / (last - before)
        for t in knots[:-2]
    ]
    return np.column_stack(columns) / (last - first) ** 2


def positions(low: float, high: float) -> tuple[float, Array] | None:
    """Return a round step and its multiples from low to high, 9 to 21 of them.

    >>> positions(18.6, 44.2)
    (2.0, array([20., 22., 24., 26., 28., 30., 32., 34., 36., 38., 40., 42., 44.]))
    """
    if not low < high:
        return None
    size = 10.0 ** math.floor(math.log10(high - low))
    for step in (size / 100 * k for k in (200, 100, 50, 20, 10, 5, 2)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if POSITIONS[0] <= last - first + 1 <= POSITIONS[1]:
            return step, np.round(np.arange(first, last + 1) * step, 10)
    return None


def _curve(rows: TermRows, shape: _Shape) -> Curve:
    keys = tuple(f"x{i + 1}" for i in range(len(shape.at)))
    return Curve(
        variable=rows.term.variable,
        label=rows.term.label,
        positions=keys,
        reference=keys[shape.reference],
    )


def _numbers(checked: Checked, rows: TermRows, shape: _Shape) -> Iterator[Number]:
    women, base = checked.sizes, address(checked.key, rows.term.variable)
    basis = women.smallest(rows.cells)
    sensitive = women.sensitivity(rows.variables)
    yield Number(
        address=f"{base}.p",
        kind="p_value",
        scale="none",
        value=shape.p_value,
        format="p",
        fit=checked.block.key,
        basis=basis,
        sensitive=sensitive,
    )
    yield constant(f"{base}.df", shape.df)
    yield count(f"{base}.outside", min(map(women.size, shape.beyond)), sensitive=sensitive)
    ratio = MEASURES[checked.block.measure].ratio
    decimals = min(3, max(0, -math.floor(math.log10(shape.step) + 1e-9)))
    values = np.column_stack([shape.curve, shape.line])
    values = np.exp(values) if ratio else values
    for i, x in enumerate(shape.at):
        place = f"{base}.x{i + 1}"
        yield replace(constant(f"{place}.x", 0), value=float(x), format=f"decimal{decimals}")
        for name, value in zip(
            ("curve", "curve.low", "curve.high", "line"), values[i], strict=True
        ):
            yield Number(
                address=f"{place}.{name}",
                kind="ci" if "." in name else "estimate",
                scale="none",
                value=float(value),
                format="ratio" if ratio else "decimal2",
                fit=checked.block.key,
                basis=basis,
                sensitive=sensitive,
            )
