"""Overdispersed counts compared within sites: quasi-likelihood with the dispersion by moments, F.

The dispersion of counts is hard to learn from few women. Maximum likelihood makes it too small,
often zero, and its tests reject too often. Here sites are fixed effects, and the dispersion is the
one at which Pearson's statistic equals its degrees of freedom,

    Σ (y - μ̂)² / V(μ̂) = N - J - p,     V = μ + a μ²  (a ≥ 0; negative binomial and Poisson)   or
                                       V = φ μ       (φ ≥ 1; negative binomial 1)

(Breslow 1984, Appl Stat 33:38). Poisson counts are those with a = 0; that women do not differ
beyond their covariates is not taken on trust. With the dispersion held, the ratio of
quasi-likelihoods (the negative binomial likelihood, or Poisson's over φ) compares with F(1, ν)
(McCullagh & Nelder 1989, 9.2), ν being the degrees of freedom of a χ² that varies as much as
Pearson's statistic does. With d = N - J - p its variance is 2d + Σ κ (d/N)², and counts to which a
few women contribute most have a large excess kurtosis κ: with a negative binomial of size r, which
is 1/a or μ/(φ - 1),

    ν = 2d / (2 + mean(κ) d/N),     κ = 6/r + 1/V

(Satterthwaite 1946, Biometrics Bull 2:110); where a = 0 no dispersion is estimated and ν is d. With
d everywhere a true null is rejected in up to 12 % of samples of 30 to 50 women. With many sites of
few women the negative binomial's ratio is too large as well, as that of ordered outcomes is
(`inference.site_fixed`), and is multiplied by d/N. A true null is then rejected in 2 to 6 % of
samples (benchmarks/coverage_extended.py).
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
HALVINGS = 20
ROUNDING = 1e-13
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
        """Return β̂ and its information, from Newton's steps: the value is concave in β."""
        value = self.value(self.mean(X, offset, beta))
        for _ in range(STEPS):
            mean = self.mean(X, offset, beta)
            spread = 1.0 + self.a * mean
            score = X.T @ (self.weights * (self.y - mean) / spread)
            weight = self.weights * mean / spread
            curvature = X.T @ (X * (weight * (1.0 + self.a * self.y) / spread)[:, None])
            step = np.linalg.lstsq(curvature, score, rcond=None)[0]
            longest = float(np.abs(step).max(initial=0.0))
            if longest < CLOSE:
                return beta, X.T @ (X * weight[:, None])
            step = step * min(1.0, LONGEST / longest)
            for _ in range(HALVINGS):
                following = self.value(self.mean(X, offset, beta + step))
                if following >= value - ROUNDING * abs(value):
                    break
                step = 0.5 * step
            beta, value = beta + step, following
        raise ModelError("the quasi-likelihood's maximum was not reached")

    @property
    def rows(self) -> float:
        """N, frequency weights counted."""
        return float(self.weights.sum())

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

    def freedom(self, df: float, skewness: Array, variance: Array) -> float:
        """The ν of Pearson's statistic with 1/r of each row's count; at least 1."""
        kurtosis = float(self.weights @ (6.0 * skewness + 1.0 / variance)) / self.rows
        return max(2.0 * df / (2.0 + kurtosis * df / self.rows), 1.0)


def quasi_ratio(question: Question, position: int) -> tuple[Ratio, float]:
    """Return the quasi-likelihood of one coefficient and its ν; ModelError without one."""
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
    counts = Counts(y=design.y, weights=weights)
    df = counts.rows - design.X.shape[1]
    if df < 1:
        raise ModelError("no degrees of freedom are left for the dispersion")
    at = (design.X, offset, np.asarray(found.solution.beta, dtype=np.float64))
    place = design.names.index(fit.design.names[position])
    if fit.family.name == "negative_binomial1":
        mean = counts.mean(*at)
        size = max(counts.pearson(mean, 0.0) / df, 1.0)
        nu = counts.freedom(df, (size - 1.0) / mean, size * mean)
        return _ratio(counts, at[2], (design.X, offset), place, size), nu
    counts, beta = _by_moments(counts, at, df)
    mean = counts.mean(design.X, offset, beta)
    ratio = _ratio(counts, beta, (design.X, offset), place)
    if counts.a == 0:
        return ratio, df
    nu = counts.freedom(df, np.full(n, counts.a), mean + counts.a * mean**2)
    return ratio.shrunk(df / counts.rows), nu


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
