"""Overdispersed counts compared within sites: quasi-likelihood with the dispersion by moments, F.

The dispersion of negative binomial counts is hard to learn from few women. Maximum likelihood makes
it too small, often zero, and its tests reject too often. Here sites are fixed effects, and the
dispersion is the one at which Pearson's statistic equals its degrees of freedom,

    Σ (y - μ̂)² / V(μ̂) = N - J - p,     V = μ + a μ²  (a ≥ 0, negative binomial)   or
                                       V = φ μ       (φ ≥ 1, negative binomial 1 and Poisson)

(Breslow 1984, Appl Stat 33:38). With it held, the ratio of quasi-likelihoods (the negative binomial
likelihood, or Poisson's over φ) compares with F(1, N - J - p) (McCullagh & Nelder 1989, 9.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.lrt import ratio_row
from peerstats.inference.method import Question
from peerstats.inference.ratio import Ratio
from peerstats.inference.site_fixed import OVERDISPERSED, as_poisson, fixed_fit, freedom

Array = NDArray[np.float64]

FAMILIES = ("poisson", *OVERDISPERSED)
STEPS = 60
ROUNDS = 20  # of mean and dispersion in turn
CLOSE = 1e-9
LONGEST = 2.0  # log rates a step may move
SMALLEST, LARGEST = 1e-8, 1e4  # of a
FURTHEST = 30.0  # log rates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Counts `y` (n,) with frequency weights and offsets; `a` of their variance μ + a μ²."""

    y: Array
    weights: Array
    a: float = 0.0

    def fit(self, X: Array, offset: Array, beta: Array) -> tuple[Array, Array]:
        """Solve Σ w x (y - μ)/(1 + a μ) = 0 by Fisher scoring; return β̂ and its information."""
        for _ in range(STEPS):
            mean = self.mean(X, offset, beta)
            score = X.T @ (self.weights * (self.y - mean) / (1.0 + self.a * mean))
            information = X.T @ (X * (self.weights * mean / (1.0 + self.a * mean))[:, None])
            step = np.linalg.lstsq(information, score, rcond=None)[0]
            beta = beta + step * min(
                1.0, LONGEST / max(float(np.abs(step).max(initial=0.0)), CLOSE)
            )
            if np.abs(step).max(initial=0.0) < CLOSE:
                return beta, information
        raise ModelError("the quasi-likelihood's maximum was not reached")

    def mean(self, X: Array, offset: Array, beta: Array) -> Array:
        """Fitted means, kept off zero and infinity."""
        return np.asarray(np.exp(np.clip(X @ beta + offset, -FURTHEST, FURTHEST)))

    def value(self, mean: Array) -> float:
        """Log quasi-likelihood, up to a constant."""
        spent = np.log1p(self.a * mean) / self.a if self.a > 0 else mean
        log_mean = np.log(mean) - np.log1p(self.a * mean)
        return float(self.weights @ (self.y * log_mean - spent))

    def pearson(self, mean: Array, a: float) -> float:
        """Pearson's statistic with the variance μ + a μ²."""
        return float(self.weights @ ((self.y - mean) ** 2 / (mean + a * mean**2)))

    def dispersion(self, mean: Array, df: float) -> float:
        """The a at which Pearson's statistic is `df`; 0 where it is less without any."""
        if self.pearson(mean, SMALLEST) <= df:
            return 0.0
        ends = math.log(SMALLEST), math.log(LARGEST)
        return math.exp(brentq(lambda log_a: self.pearson(mean, math.exp(log_a)) - df, *ends))


def quasi_ratio(question: Question, position: int) -> tuple[Ratio, float]:
    """Return the quasi-likelihood of one coefficient and N - J - p; ModelError without one."""
    fit = question.fit
    if fit.family.name not in FAMILIES or fit.family.link != "log":
        raise ModelError(
            f"it is defined for counts with the log link, not for {a_model(fit.family)}"
        )
    if len(question.where.levels) != 1:
        raise ModelError("it is defined for sites with nothing nested inside them")
    freedom(question, position)
    found = fixed_fit(as_poisson(question))
    design, n = found.design, found.design.n
    weights = np.ones(n) if design.weights is None else design.weights
    offset = np.zeros(n) if design.offset is None else design.offset
    df = float(weights.sum()) - design.X.shape[1]
    if df < 1:
        raise ModelError("no degrees of freedom are left for the dispersion")
    counts = Counts(y=design.y, weights=weights)
    at = (design.X, offset, np.asarray(found.solution.beta, dtype=np.float64))
    place = design.names.index(fit.design.names[position])
    if fit.family.name == "negative_binomial":
        return _ratio(*_by_moments(counts, at, df), (design.X, offset), place), df
    mean = counts.mean(*at)
    size = max(counts.pearson(mean, 0.0) / df, 1.0)
    return _ratio(counts, at[2], (design.X, offset), place, size), df


def _by_moments(counts: Counts, at: tuple[Array, Array, Array], df: float) -> tuple[Counts, Array]:
    """Mean and a in turn, until Pearson's statistic is its degrees of freedom."""
    X, offset, beta = at
    for _ in range(ROUNDS):
        a = counts.dispersion(counts.mean(X, offset, beta), df)
        done = abs(a - counts.a) <= 1e-6 * (a + SMALLEST)
        counts = Counts(y=counts.y, weights=counts.weights, a=a)
        beta, _ = counts.fit(X, offset, beta)
        if done:
            break
    return counts, beta


def _ratio(
    counts: Counts, beta: Array, at: tuple[Array, Array], place: int, size: float = 1.0
) -> Ratio:
    """ζ of one column's coefficient, the dispersion held."""
    X, offset = at
    beta, information = counts.fit(X, offset, beta)
    top, others = counts.value(counts.mean(X, offset, beta)), np.delete(X, place, axis=1)

    def zeta(value: float) -> float:
        moved = offset + value * X[:, place]
        rest, _ = counts.fit(others, moved, np.delete(beta, place))
        gain = max(2.0 * (top - counts.value(counts.mean(others, moved, rest))) / size, 0.0)
        return math.copysign(math.sqrt(gain), value - beta[place])

    variance = float(np.linalg.pinv(information)[place, place]) * size
    return Ratio(zeta=zeta, estimate=float(beta[place]), std_error=math.sqrt(variance))


def _row(question: Question, position: int) -> Estimate:
    ratio, df = quasi_ratio(question, position)
    return ratio_row(question, position, ratio, df)


QUASI_LIKELIHOOD = method_of(
    "quasi_likelihood",
    "quasi-likelihood ratio with sites as fixed effects, F test",
    _row,
)
