"""Permutation tests: the exposure is given to other clusters, the outcomes stay where they are.

What is constant inside clusters is permuted over clusters of that level (inside the clusters above,
if any), and what varies inside the innermost ones over their rows. With r the residuals of the
model without the exposure and without random effects, the statistic is

    T = Σ_j (x_j - x̄) r̄_j    over clusters, r̄_j their means (Gail et al. 1996, Stat Med 15:1069)
    T = Σ_i e_i r_i          over rows, e what the others leave of x (Potter 2005, Stat Med 24:693)

and x, or e, is centred in each block. When clusters were exposed at random the test
is exact for x over clusters whatever the residuals' distribution and dependence; over rows it is
exact without other columns and close with them. The p-value is twice the share of arrangements in
the smaller tail, the observed one included. All arrangements are looked at when they are not more
than the replicates, else that many drawn ones. A few clusters have so few arrangements that no
p-value can reach alpha; then there is no test.

The interval holds each c at which b = c is not rejected, c times the exposure being put into the
offset (Gail et al., section 4), and the estimate is where T = 0. As residuals do not know of random
effects, both are population averages. The standard error is the spread of T over arrangements,
divided by the slope of T in c.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.pooled import Held, held, without_random
from peerstats.inference.rejection import Rejection, centre_of, interval_of
from peerstats.inference.scale import coefficient_scale

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

MOST_NUMBERS = 2e7  # in the table of all arrangements


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """What is permuted: the unit of each row and the block of each unit."""

    of_row: Codes
    block: Codes
    noun: str

    @property
    def count(self) -> int:
        """Number of units."""
        return len(self.block)

    def means(self, values: Array, weight: Array | None = None) -> Array:
        """Mean of each unit's rows."""
        weight = np.ones(len(values)) if weight is None else weight
        total = np.bincount(self.of_row, weights=weight, minlength=self.count)
        return np.bincount(self.of_row, weights=weight * values, minlength=self.count) / total


def units_of(question: Question, position: int) -> Units:
    """Return the clusters, or the rows, between which a column varies."""
    levels, rows = question.where.levels, question.fit.design.n
    at = question.kinds[position].level
    above = levels[at - 1].codes if at else np.zeros(rows, dtype=np.intp)
    of_row = levels[at].codes if at < len(levels) else np.arange(rows)
    _, first = np.unique(of_row, return_index=True)
    noun = levels[at].noun if at < len(levels) else "row"
    return Units(of_row=of_row, block=above[first], noun=noun)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Test:
    """The exposure's score of each unit and arrangements of the units; `own` is the observed."""

    question: Question
    position: int
    units: Units
    orders: Codes
    own: int

    def statistics(self, c: float) -> Array:
        """T of every arrangement when b = c; the model is fitted to the other columns."""
        found = self.at(c)
        residual, score = self._residuals(found), self.scores(found)
        return np.asarray(score[self.orders] @ residual)

    def at(self, c: float) -> Held:
        """The model with b = c."""
        return held(without_random(self.question), self.question.fit.family, self.position, c)

    def _residuals(self, found: Held) -> Array:
        if self.units.noun == "row":
            return found.residual
        design = self.question.fit.design
        ones = np.ones(design.n)
        women = (ones if design.trials is None else design.trials) * (
            ones if design.weights is None else design.weights
        )
        return self.units.means(found.residual / women, women)

    def scores(self, found: Held) -> Array:
        """x of each unit, or what the other columns leave of it, centred in its block."""
        x = self.question.fit.design.X[:, self.position]
        if self.units.noun == "row":
            root = np.sqrt(found.weight)
            other = np.linalg.lstsq(found.W * root[:, None], x * root, rcond=None)[0]
            return centred(x - found.W @ other, self.units.block)
        return centred(self.units.means(x), self.units.block)


def centred(values: Array, block: Codes) -> Array:
    """Subtract each block's mean."""
    sizes = np.maximum(np.bincount(block), 1)
    return np.asarray(values - (np.bincount(block, weights=values) / sizes)[block])


def arrangements(values: Array, block: Codes) -> float:
    """The number of ways to give the values to the units of their blocks.

    >>> import numpy as np
    >>> arrangements(np.array([1.0, 1, 0, 0, 0]), np.zeros(5, dtype=int))
    10.0
    """
    log = 0.0
    for code in np.unique(block):
        _, counts = np.unique(values[block == code], return_counts=True)
        log += math.lgamma(counts.sum() + 1) - sum(math.lgamma(n + 1) for n in counts)
    return float(round(math.exp(log))) if log < 30 else math.inf


def _orders(values: Array, block: Codes, replicates: int, rng: np.random.Generator) -> Codes:
    """Arrangements as places of `values`, (k, units): all of them, or drawn ones."""
    own = np.arange(len(values))
    if arrangements(values, block) <= replicates:
        parts = [_distinct(values[block == code]) for code in np.unique(block)]
        places = [np.flatnonzero(block == code) for code in np.unique(block)]
        found = []
        for choice in itertools.product(*parts):
            order = own.copy()
            for at, chosen in zip(places, choice, strict=True):
                order[at] = at[chosen]
            found.append(order)
        return np.array(found)
    drawn = [own]
    for _ in range(replicates):
        # Sorting by block, then by chance, shuffles inside blocks.
        shuffled = np.lexsort((rng.random(len(own)), block))
        order = np.empty_like(own)
        order[np.argsort(block, kind="stable")] = shuffled
        drawn.append(order)
    return np.array(drawn)


def _distinct(values: Array) -> list[Codes]:
    """Every distinct arrangement of some values, as places of them."""
    kinds = [[int(k) for k in np.flatnonzero(values == v)] for v in np.unique(values)]

    def fill(free: tuple[int, ...], left: list[list[int]]) -> Iterator[dict[int, int]]:
        if not left:
            yield {}
            return
        for chosen in itertools.combinations(free, len(left[0])):
            rest = tuple(k for k in free if k not in chosen)
            for other in fill(rest, left[1:]):
                yield {**dict(zip(chosen, left[0], strict=True)), **other}

    whole = tuple(range(len(values)))
    return [np.array([given[k] for k in whole]) for given in fill(whole, kinds)]


def _check(question: Question, position: int, units: Units) -> None:
    design, kind = question.fit.design, question.kinds[position]
    if not design.columns[position].variables:
        raise ModelError("an intercept cannot be permuted")
    if question.is_site_effect(position):
        raise ModelError("a site's own effect cannot be permuted over sites")
    if kind.slope is not None and kind.slope < kind.level:
        raise ModelError("the model lets its effect differ between clusters, and so may its sign")
    if units.noun == "row" and (design.weights is not None or design.trials is not None):
        raise ModelError("its rows stand for several women each and cannot change places")
    rivals = [
        column.name
        for k, column in enumerate(design.columns)
        if k != position and question.kinds[k].level == kind.level and column.variables
    ]
    if units.noun != "row" and rivals:
        raise ModelError(
            f"permuting it over {units.noun}s would break its relation to {', '.join(rivals)}"
        )


def _test(question: Question, position: int) -> _Test:
    """Return the arrangements to compare; ModelError where they are too few or too many."""
    units = units_of(question, position)
    _check(question, position, units)
    x = units.means(question.fit.design.X[:, position])
    ways = arrangements(x, units.block)
    if 2.0 / ways > question.alpha:
        raise ModelError(
            f"{_shown(x, units)} have {ways:.0f} arrangements, so the smallest p is {2 / ways:.2g}"
        )
    if min(ways, question.replicates) * units.count > MOST_NUMBERS:
        raise ModelError(
            f"{units.count} {units.noun}s times {question.replicates} arrangements are too many to "
            "hold; with so many a likelihood ratio does as well"
        )
    rng = question.rng("permutation", position)
    orders = _orders(x, units.block, question.replicates, rng)
    own = int(np.flatnonzero((x[orders] == x).all(axis=1))[0])
    return _Test(question=question, position=position, units=units, orders=orders, own=own)


def _row(question: Question, position: int) -> Estimate:
    test = _test(question, position)
    statistics, own = cache(test.statistics), test.own

    def tails(c: float) -> tuple[float, float]:
        found = statistics(c)
        slack = 1e-9 * float(np.abs(found).max())
        above, below = found >= found[own] - slack, found <= found[own] + slack
        return float(above.mean()), float(below.mean())

    error = float(question.fit.bse.iloc[position - len(question.fit.design.columns)])
    start = float(question.fit.solution.beta[position])
    estimate, slope = centre_of(lambda c: float(statistics(c)[own]), start, error)
    spread = float(statistics(estimate).std()) / slope
    rejection = Rejection(tails=tails, estimate=estimate, scale=spread)
    low, high = interval_of(rejection, question.alpha)
    null = statistics(0.0)
    return Estimate(
        term=question.fit.design.names[position],
        estimate=estimate,
        std_error=spread,
        statistic=float(null[own] / null.std()),
        p_value=min(1.0, 2.0 * min(tails(0.0))),
        conf_low=low,
        conf_high=high,
        scale=coefficient_scale(question.fit.family),
    )


def _shown(x: Array, units: Units) -> str:
    """The units in words, with how many hold each value when there are two."""
    _, counts = np.unique(x, return_counts=True)
    split = f" ({counts.min()} v {counts.max()})" if len(counts) == 2 else ""
    return f"{units.count} {units.noun}s{split}"


PERMUTATION = method_of(
    "permutation",
    "permutation test over the clusters that the exposure varies between (population average), "
    "with the interval that inverts it",
    _row,
)
