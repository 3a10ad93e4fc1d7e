"""Sums over replicates: all that is kept of a simulation, and the rates made of them.

Of R replicates A have an interval, K of which hold the truth, and B have a test, P of which reject:
coverage is K/A, the rejection rate P/B. The Monte-Carlo standard error of such a share is
√(q(1-q)/(A+4)) at q = (K+2)/(A+4) (Agresti & Coull 1998, Am Stat 52:119), which is not zero when
all or none count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """One method on many replicates: estimates, and 0 or 1 for covers and rejects, all (R, k).

    nan where there is no interval or no test. `width` is that of the interval.
    """

    estimate: Array
    covers: Array
    rejects: Array
    width: Array

    @staticmethod
    def empty(replicates: int, k: int) -> Scored:
        """Return arrays without any answer."""
        none = np.full((replicates, k), np.nan)
        return Scored(estimate=none, covers=none.copy(), rejects=none.copy(), width=none.copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts and sums of one coefficient under one method."""

    replicates: int = 0
    answered: int = 0
    covered: int = 0
    tested: int = 0
    rejected: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        mine, more = asdict(self), asdict(other)
        return Tally(**{name: mine[name] + more[name] for name in mine})

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth; nan without any."""
        return self.covered / self.answered if self.answered else math.nan

    @property
    def coverage_error(self) -> float:
        """Monte-Carlo standard error of the coverage."""
        return share_error(self.covered, self.answered)

    @property
    def rejection(self) -> float:
        """Share of tests of 0 that reject; nan without any."""
        return self.rejected / self.tested if self.tested else math.nan

    @property
    def rejection_error(self) -> float:
        """Monte-Carlo standard error of the rejection rate."""
        return share_error(self.rejected, self.tested)

    @property
    def unanswered(self) -> float:
        """Share of replicates without an interval."""
        return 1.0 - self.answered / self.replicates if self.replicates else math.nan

    def bias(self, truth: float) -> float:
        """Mean estimate less the truth."""
        return self.total / self.answered - truth if self.answered else math.nan

    @property
    def bias_error(self) -> float:
        """Monte-Carlo standard error of the bias."""
        if self.answered < 2:
            return math.nan
        mean = self.total / self.answered
        spread = max(self.squares / self.answered - mean**2, 0.0)
        return math.sqrt(spread / (self.answered - 1))


def share_error(count: int, of: int) -> float:
    """Return the Monte-Carlo standard error of a share; nan of nothing.

    >>> round(share_error(950, 1000), 4), round(share_error(100, 100), 3)
    (0.007, 0.013)
    """
    if not of:
        return math.nan
    q = (count + 2) / (of + 4)
    return math.sqrt(q * (1 - q) / (of + 4))


def tallies(scored: Scored) -> tuple[Tally, ...]:
    """Return the sums of each coefficient (column)."""
    found = []
    for k in range(scored.estimate.shape[1]):
        estimate, covers, rejects = (
            part[:, k] for part in (scored.estimate, scored.covers, scored.rejects)
        )
        there = np.isfinite(estimate) & np.isfinite(covers)
        tested = there & np.isfinite(rejects)
        value = estimate[there]
        found.append(
            Tally(
                replicates=len(there),
                answered=int(there.sum()),
                covered=int(covers[there].sum()),
                tested=int(tested.sum()),
                rejected=int(rejects[tested].sum()),
                total=float(value.sum()),
                squares=float(value @ value),
            )
        )
    return tuple(found)


def added(parts: Iterable[Tally]) -> Tally:
    """Return the sum of sums, in their order.

    >>> added([Tally(replicates=4, answered=4, covered=3), Tally(replicates=1)]).coverage
    0.75
    """
    return sum(parts, Tally())
