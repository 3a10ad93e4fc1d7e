"""How far Firth's penalty draws the intercepts of small sites together, and how to undo it.

With n women at risk p, α = logit p, Firth's α̂ is about log[(Y + ½)/(n - Y + ½)], Y binomial. It is
finite and nearly unbiased in the middle, but where the rarer outcome is seen once or twice its mean
changes by less than α does. As the score of α is Y - np, the change is exactly

    s(n, p) = dE(α̂)/dα = Cov(Y, α̂) = Σ_y P(Y = y) (y - np) α̂(y):

0.87 for 10 women at 15 %, 0.46 at 5 %, 1.00 for 100 at either. Differences between sites come out
too small by that factor, and so do their standard errors. Dividing both by the mean of s over the
sites, each at p̂_j = (y_j + ½)/(n_j + 1), leaves t tests as they are and takes the bias away
(benchmarks/coverage.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


def slope(n: int, p: float) -> float:
    """Return s(n, p).

    >>> round(slope(10, 0.15), 2), round(slope(100, 0.5), 3)
    (0.87, 1.0)
    """
    y, chance, alpha = _outcomes(n, p)
    return float(chance * (y - n * p) @ alpha)


def _outcomes(n: int, p: float) -> tuple[Array, Array, Array]:
    """Every y, its probability and its α̂."""
    y = np.arange(n + 1.0)
    chance = special.gammaln(n + 1.0) - special.gammaln(y + 1.0) - special.gammaln(n - y + 1.0)
    chance += special.xlogy(y, p) + special.xlog1py(n - y, -p)
    return y, np.exp(chance), np.log((y + 0.5) / (n - y + 0.5))


def drawn_in(yes: Array, total: Array) -> Array:
    """Return the mean of each site's α̂ (J,) were the risk that of all women together at each.

    >>> drawn_in(np.array([0.0, 3.0]), np.array([5.0, 55.0])).round(2)  # logit of 3/60 is -2.94
    array([-2.09, -2.94])
    """
    p = float(yes.sum() / total.sum())
    sizes, place = np.unique(np.round(total).astype(np.intp), return_inverse=True)
    parts = (_outcomes(int(n), p) for n in sizes)
    return np.array([float(chance @ alpha) for _, chance, alpha in parts])[place]


def spread_out(alpha: Array, yes: Array, total: Array) -> Array:
    """Return the sites' intercepts with their distances from their mean divided by mean s.

    Axis 0 of all three is the sites; a second axis holds replicates.
    """
    y, n = (np.round(values).astype(np.intp) for values in (yes, total))
    pairs, place = np.unique(np.stack([y.ravel(), n.ravel()]), axis=1, return_inverse=True)
    slopes = np.array([slope(int(b), (a + 0.5) / (b + 1.0)) for a, b in pairs.T])
    mean = slopes[place].reshape(y.shape).mean(axis=0)
    centre = alpha.mean(axis=0)
    return np.asarray(centre + (alpha - centre) / mean)
