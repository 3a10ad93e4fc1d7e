"""Counts with variance μ + μ²/θ (NB2), log link; derivatives in count_part.py.

θ is glmmTMB's sigma() for nbinom2 and MASS's theta: large θ is nearly Poisson. W is observed, as
in TMB; lme4's glmer.nb uses the expected one, so its Laplace log-likelihood differs a little.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import xlogy

from peerstats.model.families.count_part import (
    NB2,
    Nb2,
    check_counts,
    log_factorials,
    mean,
    nb2_at,
    nb2_auxiliary,
    nb2_gammas,
    nb2_higher,
    nb2_second,
    nb2_slopes,
    reported_theta,
)
from peerstats.model.families.family import Array, AuxiliarySecond, AuxiliarySlopes, Family

LINKS = ("log",)


class _Known:
    """G and its derivatives for the last outcome and ψ, and what was made of them at the last η.

    They are asked for again at every η, and at the last η for one derivative after the other.
    """

    def __init__(self) -> None:
        self._gammas: tuple[Array, Array, list[Array]] | None = None
        self._at: tuple[Array, Array, Array, Nb2] | None = None

    def gammas(self, y: Array, psi: Array) -> list[Array]:
        known = self._gammas
        if known is None or known[0] is not y or known[1] is not psi:
            self._gammas = known = (y, psi, nb2_gammas(y, psi))
        return known[2]

    def at(self, y: Array, eta: Array, psi: Array) -> Nb2:
        known = self._at
        if known is None or known[0] is not y or known[1] is not eta or known[2] is not psi:
            self._at = known = (y, eta, psi, nb2_at(y, eta, psi))
        return known[3]


def _auxiliary_slopes(known: _Known, y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
    """Derivatives of l, r and W in ψ = log θ."""
    first, second, third = nb2_auxiliary(y, known.at(y, eta, psi), known.gammas(y, psi))
    weight = m[..., None]
    return weight * first, weight * second, weight * third


def _auxiliary_second(known: _Known, y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySecond:
    """Derivative of W' in ψ, and second derivatives of l, r and W."""
    bend, (value, r, w) = nb2_second(y, known.at(y, eta, psi), known.gammas(y, psi))
    weight = m[..., None, None]
    return m[..., None] * bend, (weight * value, weight * r, weight * w)


def _slopes(
    known: _Known, psi: Array, y: Array, eta: Array, m: Array
) -> tuple[Array, Array, Array]:
    kernel, r, w = nb2_slopes(y, known.at(y, eta, psi), known.gammas(y, psi))
    return m * kernel, m * r, m * w


def _at(family: Family, known: _Known, psi: Array) -> Family:
    return replace(
        family,
        slopes=partial(_slopes, known, psi),
        third=lambda y, eta, m: m * NB2.third(y, eta, psi),
        higher=lambda y, eta, m, r, w: nb2_higher(known.at(y, eta, psi), w),
        draw=lambda rng, eta, trials, sd: NB2.draw(rng, mean(eta), psi),
        bounds=lambda y, eta, trials, sd: (
            NB2.cdf(y - 1, mean(eta), psi),
            NB2.cdf(y, mean(eta), psi),
        ),
        unit_deviance=lambda y, mu: _unit_deviance(y, mu, psi),
        variance=lambda mu: NB2.variance(mu, psi),
    )


def _unit_deviance(y: Array, mu: Array, psi: Array) -> Array:
    """2 [y log(y/μ) - (y + θ) log((y + θ)/(μ + θ))], θ being known."""
    theta = np.exp(psi[:, 0])
    return 2.0 * (xlogy(y, y) - xlogy(y, mu) - (y + theta) * np.log1p((y - mu) / (mu + theta)))


def negative_binomial(link: str = "log") -> Family:
    """Return the NB2 family; before `at` fixes θ it is 1.

    >>> family = negative_binomial()
    >>> float(family.variance(np.array([3.0]))[0])
    12.0
    """
    known = _Known()
    ready = Family(
        name="negative_binomial",
        link=link,
        slopes=partial(_slopes, known, np.zeros((1, 1))),
        third=lambda y, eta, m: m * NB2.third(y, eta, np.zeros((1, 1))),
        constant=log_factorials,
        inverse=mean,
        variance=lambda mu: mu + mu * mu,
        start=lambda y, m: np.log(y + 0.5),
        check=check_counts,
        auxiliary=NB2.auxiliary,
        auxiliary_slopes=partial(_auxiliary_slopes, known),
        auxiliary_second=partial(_auxiliary_second, known),
        auxiliary_start=NB2.start,
        reported=reported_theta,
        sums_up=False,
    )
    return replace(ready, at=lambda psi: _at(ready, known, psi))
