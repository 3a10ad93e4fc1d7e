"""Families of counts with a part of their own for zeros: what hurdle.py and zero_inflated.py share.

Both join a count distribution f (count_part.py) with π, the probability of a zero of the other
kind; their last auxiliary predictor z is logit π. They differ in the functions of `TwoParts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from peerstats.model.families.count_part import (
    CountPart,
    check_counts,
    log_factorials,
    mean,
    reported_theta,
)
from peerstats.model.families.family import Array, AuxiliarySlopes, Family

LINKS = ("log",)
Slopes = tuple[Array, Array, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoParts:
    """How zeros and counts are joined, for rows of weight 1; ψ are those of f and then z.

    `slopes`, `third` and `auxiliary` take (f, ψ, y, η), `mean` (f, ψ, η), `variance` (f, ψ, μ),
    `draw` (f, ψ, rng, η) and `bounds` (f, ψ, y, η); `first` is a first η and `start(f, y, m)` a
    first ψ.
    """

    slopes: Callable[[CountPart, Array, Array, Array], Slopes]
    third: Callable[[CountPart, Array, Array, Array], Array]
    auxiliary: Callable[[CountPart, Array, Array, Array], AuxiliarySlopes]
    mean: Callable[[CountPart, Array, Array], Array]
    variance: Callable[[CountPart, Array, Array], Array]
    draw: Callable[[CountPart, Array, np.random.Generator, Array], Array]
    bounds: Callable[[CountPart, Array, Array, Array], tuple[Array, Array]]
    first: Callable[[Array], Array]
    start: Callable[[CountPart, Array, Array], Array]


def two_part_family(name: str, part: CountPart, kind: TwoParts) -> Family:
    """Return the family; before `at` fixes ψ all of them are 0."""

    def auxiliary_slopes(y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
        one, two, three = kind.auxiliary(part, psi, y, eta)
        weight = m[..., None]
        return weight * one, weight * two, weight * three

    ready = Family(
        name=name,
        link=LINKS[0],
        slopes=lambda y, eta, m: (y, y, y),
        third=lambda y, eta, m: y,
        constant=log_factorials,
        inverse=mean,
        variance=lambda mu: mu,
        start=lambda y, m: kind.first(y),
        check=check_counts,
        auxiliary=(*part.auxiliary, "zero"),
        auxiliary_slopes=auxiliary_slopes,
        auxiliary_start=lambda y, m: kind.start(part, y, m),
        reported=reported_theta if part.auxiliary else None,
        sums_up=False,
    )
    ready = replace(ready, at=lambda psi: _at(ready, part, kind, psi))
    return _at(ready, part, kind, np.zeros((1, len(ready.auxiliary))))


def _at(family: Family, part: CountPart, kind: TwoParts, psi: Array) -> Family:
    def slopes(y: Array, eta: Array, m: Array) -> Slopes:
        kernel, r, w = kind.slopes(part, psi, y, eta)
        return m * kernel, m * r, m * w

    return replace(
        family,
        slopes=slopes,
        third=lambda y, eta, m: m * kind.third(part, psi, y, eta),
        inverse=lambda eta: kind.mean(part, psi, eta),
        variance=lambda mu: kind.variance(part, psi, mu),
        draw=lambda rng, eta, trials, sd: kind.draw(part, psi, rng, eta),
        bounds=lambda y, eta, trials, sd: kind.bounds(part, psi, y, eta),
    )
