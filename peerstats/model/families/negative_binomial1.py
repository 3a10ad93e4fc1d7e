"""Counts with variance μ(1 + α) (NB1), log link.

α is glmmTMB's sigma() for nbinom1 (Hardin & Hilbe 2007): 0 would be Poisson. With ψ = log α, size
s = μ/α = e^(η - ψ), A = log(1 + α), c = α/(1 + α), and G, D_1, D_2, D_3 at (s, y) as in
gamma_differences.py:

    log f = G - sA + y log c - log y!
    r   = s(D_1 - A)            W   = -r - s²D_2            W'  = W - 2s²D_2 - s³D_3
    l_ψ = y(1 - c) - r - sc     r_ψ = W - sc                W_ψ = sc - W'

W may be negative: the log-likelihood is not concave in η everywhere.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import betainc, expit

from peerstats.model.families.count_part import check_counts, log_factorials, mean, moments
from peerstats.model.families.family import Array, AuxiliarySlopes, Family
from peerstats.model.families.gamma_differences import gamma_differences

LINKS = ("log",)
FARTHEST = 90.0  # s³ and 1/s³ stay numbers


def _parts(eta: Array, psi: Array) -> tuple[Array, Array, Array, Array]:
    """s, A, c and 1 - c."""
    log_alpha = np.clip(psi[:, 0], -60.0, 60.0)
    s = np.exp(np.clip(eta - log_alpha, -FARTHEST, FARTHEST))
    return s, np.logaddexp(0.0, log_alpha), expit(log_alpha), expit(-log_alpha)


def _curve(y: Array, eta: Array, psi: Array) -> tuple[Array, Array, Array]:
    """r, W and W'."""
    s, A, _, _ = _parts(eta, psi)
    _, D1, D2, D3 = gamma_differences(s, y, 3)
    r = s * (D1 - A)
    bend = s * s * D2
    w = -r - bend
    return r, w, w - 2.0 * bend - s**3 * D3


def _slopes(y: Array, eta: Array, m: Array, psi: Array) -> tuple[Array, Array, Array]:
    s, A, _, _ = _parts(eta, psi)
    G, D1, D2 = gamma_differences(s, y, 2)
    log_c = -np.logaddexp(0.0, -np.clip(psi[:, 0], -60.0, 60.0))
    r = s * (D1 - A)
    return m * (G - s * A + y * log_c), m * r, m * (-r - s * s * D2)


def auxiliary_slopes(y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
    """Derivatives of l, r and W in ψ = log α."""
    s, _, c, rest = _parts(eta, psi)
    r, w, third = _curve(y, eta, psi)
    l_psi, r_psi, w_psi = y * rest - r - s * c, w - s * c, s * c - third
    return (m * l_psi)[..., None], (m * r_psi)[..., None], (m * w_psi)[..., None]


def _at(family: Family, psi: Array) -> Family:
    def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
        alpha = np.exp(psi[:, 0])
        return rng.poisson(alpha * rng.gamma(mean(eta) / alpha)).astype(np.float64)

    def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
        size, share = mean(eta) * np.exp(-psi[:, 0]), expit(-psi[:, 0])
        below = np.where(y > 0, betainc(size, np.maximum(y, 1.0), share), 0.0)
        return below, betainc(size, y + 1.0, share)

    return replace(
        family,
        draw=draw,
        bounds=bounds,
        slopes=lambda y, eta, m: _slopes(y, eta, m, psi),
        third=lambda y, eta, m: m * _curve(y, eta, psi)[2],
        variance=lambda mu: mu * (1.0 + np.exp(psi[:, 0])),
    )


def _start(y: Array, m: Array) -> Array:
    average, excess = moments(y, m)
    return np.array([np.log(np.clip(excess / average, 0.05, 20.0))])


def negative_binomial1(link: str = "log") -> Family:
    """Return the NB1 family; before `at` fixes α it is 1.

    >>> float(negative_binomial1().variance(np.array([3.0]))[0])
    6.0
    """
    psi = np.zeros((1, 1))
    ready = Family(
        name="negative_binomial1",
        link=link,
        slopes=lambda y, eta, m: _slopes(y, eta, m, psi),
        third=lambda y, eta, m: m * _curve(y, eta, psi)[2],
        constant=log_factorials,
        inverse=mean,
        variance=lambda mu: 2.0 * mu,
        start=lambda y, m: np.log(y + 0.5),
        check=check_counts,
        auxiliary=("log alpha",),
        auxiliary_slopes=auxiliary_slopes,
        auxiliary_start=_start,
        reported=lambda psi: float(np.exp(psi[0])),
        sums_up=False,
    )
    return replace(ready, at=lambda psi: _at(ready, psi))
