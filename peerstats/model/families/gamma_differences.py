"""Differences of log Γ and its derivatives between s + y and s, exact for large s.

    G(s, y) = log Γ(s + y) - log Γ(s)        D_k(s, y) = ψ_{k-1}(s + y) - ψ_{k-1}(s)

with ψ_0 the digamma, ψ_1 the trigamma and ψ_2 the tetragamma function, so that dG/ds = D_1 and
dD_k/ds = D_{k+1}. For a count y the recurrence Γ(x + 1) = xΓ(x) makes them finite sums,

    G = Σ_{k<y} log(s + k),   D_1 = Σ 1/(s + k),   D_2 = -Σ 1/(s + k)²,   D_3 = 2 Σ 1/(s + k)³,

which are cheaper than special functions and lose no digits: one table of cumulative sums where all
rows have the same s, otherwise row by row unless the counts are large.

For large counts the special functions are taken. When overdispersion vanishes, s grows without
bound and the two terms agree to all digits; from s = 20 on the difference is therefore taken term
by term in Stirling's series (Abramowitz & Stegun 1964, 6.1.40, 6.3.18, 6.4.11), with a = 1/(s + y),
b = 1/s and

    a^k - b^k = a (a^(k-1) - b^(k-1)) + b^(k-1) (a - b),        a - b = -y a b.

There the first term left out is below 1e-15 of what it is added to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, zeta

from peerstats.model.families.family import Array

Counts = NDArray[np.intp]
MOST_COUNTS = 2_000  # in a table
MOST_TERMS = 20  # a row, on average; with more the special functions are cheaper
LARGE = 20.0
POWERS = 10

# Coefficients of 1/x, 1/x², ... in log Γ, ψ_0, ψ_1 and ψ_2 after their leading logarithms.
SERIES: tuple[dict[int, float], ...] = (
    {1: 1 / 12, 3: -1 / 360, 5: 1 / 1260, 7: -1 / 1680, 9: 1 / 1188},
    {1: -1 / 2, 2: -1 / 12, 4: 1 / 120, 6: -1 / 252, 8: 1 / 240, 10: -1 / 132},
    {1: 1.0, 2: 1 / 2, 3: 1 / 6, 5: -1 / 30, 7: 1 / 42, 9: -1 / 30},
    {2: -1.0, 3: -1.0, 4: -1 / 2, 6: 1 / 6, 8: -1 / 6, 10: 3 / 10},
)


def gamma_differences(s: Array, y: Array, orders: int) -> list[Array]:
    """Return [G, D_1, ..., D_orders], `orders` <= 3, for s > 0 and y >= 0 that broadcast.

    >>> G, D1 = gamma_differences(np.array([1e12, 2.0]), np.array([1.0, 1.0]), 1)
    >>> np.allclose(G, np.log([1e12, 2.0])), np.allclose(D1, [1e-12, 0.5])
    (True, True)
    """
    s, y = np.asarray(s, dtype=np.float64), np.asarray(y, dtype=np.float64)
    counts = y.astype(np.intp)
    if y.size and s.size and np.array_equal(counts, y):
        if counts.max() <= MOST_COUNTS and (s == s.flat[0]).all():
            return _by_table(s, counts, orders)
        s, counts = np.broadcast_arrays(s, counts)
        if counts.sum() <= MOST_TERMS * s.size:
            return _by_row(s, counts, orders)
    s, y = np.broadcast_arrays(s, y)
    return _by_functions(s, y, orders)


def _terms(x: Array, orders: int) -> list[Array]:
    """What the sums add up, at x = s + k."""
    found = [np.log(x)]
    inverse = 1.0 / x
    if orders >= 1:
        found.append(inverse)
    if orders >= 2:
        found.append(-inverse * inverse)
    if orders >= 3:
        found.append(2.0 * inverse * inverse * inverse)
    return found


def _by_table(s: Array, counts: Counts, orders: int) -> list[Array]:
    """All rows have the same s."""
    tables = np.zeros((orders + 1, int(counts.max()) + 1))
    np.cumsum(_terms(s.flat[0] + np.arange(tables.shape[1] - 1), orders), axis=1, out=tables[:, 1:])
    found = list(tables.take(counts, axis=1))
    shape = np.broadcast_shapes(s.shape, counts.shape)
    return found if shape == counts.shape else [np.broadcast_to(each, shape) for each in found]


def _by_row(s: Array, counts: Counts, orders: int) -> list[Array]:
    """A sum of its own for each row."""
    flat = counts.ravel()
    row = np.repeat(np.arange(flat.size), flat)
    step = np.arange(len(row)) - np.repeat(np.cumsum(flat) - flat, flat)
    terms = _terms(s.ravel().take(row) + step, orders)
    sums = (np.asarray(np.bincount(row, term, flat.size), dtype=np.float64) for term in terms)
    return [total.reshape(s.shape) for total in sums]


def _by_functions(s: Array, y: Array, orders: int) -> list[Array]:
    large = s >= LARGE
    if large.all():
        return _by_series(s, y, orders)
    if not large.any():
        return _directly(s, y, orders)
    found = [np.empty(s.shape) for _ in range(orders + 1)]
    for where, difference in ((large, _by_series), (~large, _directly)):
        for whole, part in zip(found, difference(s[where], y[where], orders), strict=True):
            whole[where] = part
    return found


def _directly(s: Array, y: Array, orders: int) -> list[Array]:
    t = s + y
    found = [gammaln(t) - gammaln(s)]
    if orders >= 1:
        found.append(digamma(t) - digamma(s))
    if orders >= 2:
        found.append(zeta(2.0, t) - zeta(2.0, s))
    if orders >= 3:
        found.append(-2.0 * (zeta(3.0, t) - zeta(3.0, s)))
    return found


def _by_series(s: Array, y: Array, orders: int) -> list[Array]:
    a, b = 1.0 / (s + y), 1.0 / s
    growth = np.log1p(y * b)
    found = [(s + y - 0.5) * growth + y * (np.log(s) - 1.0)]
    found += [growth if k == 0 else np.zeros_like(s) for k in range(orders)]
    step = -y * a * b
    difference, power = step, b
    for k in range(1, POWERS + 1):
        for order in range(orders + 1):
            coefficient = SERIES[order].get(k)
            if coefficient is not None:
                found[order] = found[order] + coefficient * difference
        difference, power = a * difference + power * step, power * b
    return found
