"""Successes out of trials whose probability varies by a beta distribution, logit link.

The probability of a row is Beta(a, b), a = φμ, b = φ(1 - μ); the variance of a count out of n is
nμ(1 - μ)(φ + n)/(φ + 1). φ is glmmTMB's sigma() for betabinomial: large φ is nearly binomial. With
k successes, v = μ(1 - μ), ψ = log φ, G and D_j as in gamma_differences.py, and sums and differences
over (a, k) and (b, n - k), u = D_1a - D_1b, e = D_2a + D_2b:

    log f = log C(n, k) + G(a, k) + G(b, n - k) - G(φ, n)
    r  = φvu        W = -φv(1 - 2μ)u - φ²v²e
    W' = -φv(1 - 6v)u - 3φ²v²(1 - 2μ)e - φ³v³(D_3a - D_3b)
    l_ψ = aD_1a + bD_1b - φD_1(φ, n)            r_ψ = r + φv u_ψ,       u_ψ = aD_2a - bD_2b
    W_ψ = -φv(1 - 2μ)(u + u_ψ) - φ²v²(2e + aD_3a + bD_3b)

The weight of a row must be its number of trials, which enters more than as a factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from peerstats.errors import DataError
from peerstats.model.families import binomial
from peerstats.model.families.family import Array, AuxiliarySlopes, Family
from peerstats.model.families.gamma_differences import gamma_differences

LINKS = ("logit",)
FARTHEST = 60.0  # a³ and 1/a³ stay numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """φ, φv, 1 - 2μ, v, and the differences at (a, k), (b, n - k)."""

    phi: Array
    spread: Array
    skew: Array
    v: Array
    a: Array
    b: Array
    of_a: list[Array]
    of_b: list[Array]


def _parts(y: Array, eta: Array, m: Array, psi: Array, orders: int) -> _Parts:
    phi = np.exp(np.clip(psi[:, 0], -FARTHEST / 2, FARTHEST / 2))
    eta = np.clip(eta, -FARTHEST, FARTHEST)
    mu, rest = expit(eta), expit(-eta)
    k = np.round(y * m)
    a, b = phi * mu, phi * rest
    return _Parts(
        phi=phi,
        spread=phi * mu * rest,
        skew=rest - mu,
        v=mu * rest,
        a=a,
        b=b,
        of_a=gamma_differences(a, k, orders),
        of_b=gamma_differences(b, m - k, orders),
    )


def _slopes(y: Array, eta: Array, m: Array, psi: Array) -> tuple[Array, Array, Array]:
    at = _parts(y, eta, m, psi, 2)
    kernel = at.of_a[0] + at.of_b[0] - gamma_differences(at.phi, m, 0)[0]
    u, e = at.of_a[1] - at.of_b[1], at.of_a[2] + at.of_b[2]
    return kernel, at.spread * u, -at.spread * (at.skew * u + at.spread * e)


def _third(y: Array, eta: Array, m: Array, psi: Array) -> Array:
    at = _parts(y, eta, m, psi, 3)
    u, e, f = at.of_a[1] - at.of_b[1], at.of_a[2] + at.of_b[2], at.of_a[3] - at.of_b[3]
    inner = (1.0 - 6.0 * at.v) * u + 3.0 * at.spread * at.skew * e + at.spread**2 * f
    return -at.spread * inner


def auxiliary_slopes(y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
    """Derivatives of l, r and W in ψ = log φ."""
    at = _parts(y, eta, m, psi, 3)
    _, D1a, D2a, D3a = at.of_a
    _, D1b, D2b, D3b = at.of_b
    u, e = D1a - D1b, D2a + D2b
    l_psi = at.a * D1a + at.b * D1b - at.phi * gamma_differences(at.phi, m, 1)[1]
    u_psi, e_psi = at.a * D2a - at.b * D2b, at.a * D3a + at.b * D3b
    r_psi = at.spread * (u + u_psi)
    w_psi = -at.spread * (at.skew * (u + u_psi) + at.spread * (2.0 * e + e_psi))
    return l_psi[..., None], r_psi[..., None], w_psi[..., None]


def constant(y: Array, weights: Array, trials: Array) -> Array:
    """log of the binomial coefficient; DataError for frequency weights."""
    if np.any(weights != 1):
        raise DataError(
            "A beta_binomial model takes no weights: a row's trials enter its likelihood more than "
            "as a factor. Repeat the rows instead, one for each time they were seen."
        )
    return binomial.constant(y, weights, trials)


def _at(family: Family, psi: Array) -> Family:
    phi = np.exp(psi[:, 0])

    def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
        p = rng.beta(np.maximum(phi * expit(eta), 1e-100), np.maximum(phi * expit(-eta), 1e-100))
        return rng.binomial(trials.astype(np.int64), p) / trials

    def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
        from scipy.stats import betabinom

        shapes = (np.maximum(phi * expit(eta), 1e-100), np.maximum(phi * expit(-eta), 1e-100))
        k = np.round(y * trials)
        return betabinom.cdf(k - 1, trials, *shapes), betabinom.cdf(k, trials, *shapes)

    return replace(
        family,
        draw=draw,
        bounds=bounds,
        inflation=lambda trials: (phi + trials) / (phi + 1.0),
        slopes=lambda y, eta, m: _slopes(y, eta, m, psi),
        third=lambda y, eta, m: _third(y, eta, m, psi),
    )


def _start(y: Array, m: Array) -> Array:
    """Moments: Pearson's χ² with a constant risk is about Σ (φ + n)/(φ + 1)."""
    p = np.clip(float(m @ y / m.sum()), 1e-3, 1 - 1e-3)
    chi2 = float(np.sum(m * (y - p) ** 2) / (p * (1 - p)))
    excess = chi2 - len(y)
    phi = (m.sum() - chi2) / excess if excess > 0 else 50.0
    return np.array([np.log(np.clip(phi, 0.5, 50.0))])


def beta_binomial(link: str = "logit") -> Family:
    """Return the beta-binomial family; before `at` fixes φ it is 1.

    `variance(mu)` is that of a single trial, `inflation(n)` what n of them have more.

    >>> beta_binomial().auxiliary
    ('log phi',)
    """
    psi = np.zeros((1, 1))
    plain = binomial.binomial(link)
    ready = Family(
        name="beta_binomial",
        link=link,
        slopes=lambda y, eta, m: _slopes(y, eta, m, psi),
        third=lambda y, eta, m: _third(y, eta, m, psi),
        constant=constant,
        inverse=expit,
        variance=plain.variance,
        start=plain.start,
        check=binomial.check,
        has_trials=True,
        auxiliary=("log phi",),
        auxiliary_slopes=auxiliary_slopes,
        auxiliary_start=_start,
        reported=lambda psi: float(np.exp(psi[0])),
        sums_up=False,
    )
    return replace(ready, at=lambda psi: _at(ready, psi))
