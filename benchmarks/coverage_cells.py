"""The cells of the coverage study: designs, truths and draws.

    logit P(y = 1) = β0 + b1 x1 + b2 x2 + b3 x3 + τ z_j

x1 ~ Bernoulli(½), whatever the site; x2 (venue type) has the prevalence .9 in every other site and
.1 in the others; x3 is 1 in the first ⌊J/2⌋ sites. τ² = ICC/(1 - ICC) π²/3, and β0 makes the
marginal prevalence exact. `confounded` is the correlation of the site effect with the site's
prevalence of x2. Every draw has a seed made of its cell and block, so that any machine, number of
processes or selection of cells gives the same numbers.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from peerstats.model.batch.tables import Tables

Array = NDArray[np.float64]

SITES, WOMEN = (3, 5, 8, 12, 20, 50), (10, 40, 100)
ICCS, PREVALENCES, ODDS_RATIOS = (0.0, 0.05, 0.2), (0.15, 0.5, 0.8), (1.0, 2.0)
SEED = 20261122
BLOCK = 500  # replicates of one draw
NODES = 80  # of the quadrature behind prevalence and marginal targets
X1, X2 = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])  # of a site's four cells


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of the grid."""

    sites: int
    n: int
    icc: float
    prevalence: float
    odds_ratio: float
    confounded: float = 0.0

    @property
    def key(self) -> tuple[int, ...]:
        """Whole numbers that name the cell."""
        return tuple(round(1000 * value) for value in astuple(self))

    @property
    def name(self) -> str:
        """The name of the cell's file."""
        return "-".join(map(str, self.key))

    @property
    def tau(self) -> float:
        """SD of the site effect."""
        return float(np.sqrt(self.icc / (1 - self.icc) * np.pi**2 / 3))

    @property
    def slopes(self) -> Array:
        """True conditional log odds ratios of x1, x2, x3."""
        return np.full(3, np.log(self.odds_ratio))

    @property
    def rarer(self) -> float:
        """Expected number of the rarer outcome."""
        return self.sites * self.n * min(self.prevalence, 1 - self.prevalence)


def grid() -> list[Cell]:
    """All cells, and those with a confounded venue mix."""
    every = product(SITES, WOMEN, ICCS, PREVALENCES, ODDS_RATIOS)
    mixed = product(SITES, WOMEN, (0.2,), (0.15, 0.5), ODDS_RATIOS, (0.5,))
    return [Cell(*c) for c in every] + [Cell(*c) for c in mixed]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """What a cell's draws share: x3 (J,), shares (J, 4) of the cells, mean of z and its SD."""

    x3: Array
    shares: Array
    mean_z: Array
    sd_z: float
    intercept: float


def design(cell: Cell) -> Design:
    """Build the design of a cell and solve for its intercept."""
    J = cell.sites
    mix = np.where(np.arange(J) % 2 == 0, 0.9, 0.1)
    shares = 0.5 * np.where(X2[None] == 1, mix[:, None], 1 - mix[:, None])
    mean_z = cell.confounded * (mix - mix.mean()) / mix.std()
    x3 = (np.arange(J) < J // 2).astype(float)
    found = Design(
        x3=x3,
        shares=shares,
        mean_z=mean_z,
        sd_z=float(np.sqrt(1 - cell.confounded**2)),
        intercept=0.0,
    )
    start = float(np.log(cell.prevalence / (1 - cell.prevalence)))

    def gap(intercept: float) -> float:
        return float((shares * risks(cell, found, intercept)).sum() / J - cell.prevalence)

    solved = float(brentq(gap, start - 6, start + 6, xtol=1e-12))
    return Design(x3=x3, shares=shares, mean_z=mean_z, sd_z=found.sd_z, intercept=solved)


def predictor(cell: Cell, at: Design, intercept: float) -> Array:
    """β0 + x'b of each site and cell (J, 4)."""
    b1, b2, b3 = cell.slopes
    return np.asarray(intercept + b1 * X1 + b2 * X2 + b3 * at.x3[:, None])


def risks(cell: Cell, at: Design, intercept: float) -> Array:
    """Marginal risk of each site and cell (J, 4), the site effect integrated out."""
    g, w = np.polynomial.hermite_e.hermegauss(NODES)
    z = at.mean_z[:, None] + at.sd_z * g
    eta = predictor(cell, at, intercept)[:, :, None] + cell.tau * z[:, None]
    return np.asarray(expit(eta) @ (w / w.sum()))


def marginal_targets(cell: Cell) -> tuple[Array, Array]:
    """Population-averaged log odds ratios and log risk ratios of x1, x2, x3.

    The logit and log models fitted to the whole population: the solution of Σ w x (p - μ) = 0.
    """
    at = design(cell)
    J = cell.sites
    p = risks(cell, at, at.intercept).ravel()
    X = np.column_stack([np.ones(4 * J), np.tile(X1, J), np.tile(X2, J), np.repeat(at.x3, 4)])
    shares = at.shares.ravel()
    found = []
    for log in (False, True):
        b = np.zeros(4)
        b[0] = np.log(cell.prevalence) if log else at.intercept
        for _ in range(100):
            mean = np.exp(X @ b) if log else expit(X @ b)
            weight = shares * (mean if log else mean * (1 - mean))
            step = np.linalg.solve(X.T @ (weight[:, None] * X), X.T @ (shares * (p - mean)))
            b = b + step * min(1.0, 1.0 / float(np.abs(step).max() + 1e-300))
            if np.abs(step).max() < 1e-13:
                break
        found.append(b[1:])
    return found[0], found[1]


def draw(cell: Cell, block: int, replicates: int) -> Tables:
    """Draw one block of replicates; the columns are x1 and x2, the rest is the design's."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(*cell.key, block)))
    at = design(cell)
    n = np.empty((cell.sites, 4, replicates))
    for j in range(cell.sites):
        n[j] = rng.multinomial(cell.n, at.shares[j], size=replicates).T
    z = at.mean_z[:, None] + at.sd_z * rng.standard_normal((cell.sites, replicates))
    eta = predictor(cell, at, at.intercept)[:, :, None] + cell.tau * z[:, None]
    yes = rng.binomial(n.astype(np.int64), expit(eta)).astype(np.float64)
    return Tables(columns=(X1[None, :, None], X2[None, :, None]), yes=yes, n=n)


def replicates(cell: Cell, count: int) -> Tables:
    """The first `count` replicates of a cell, from as many blocks as that takes."""
    blocks = [draw(cell, block, BLOCK) for block in range(-(-count // BLOCK))]
    every = Tables(
        columns=blocks[0].columns,
        yes=np.concatenate([t.yes for t in blocks], axis=-1),
        n=np.concatenate([t.n for t in blocks], axis=-1),
    )
    return every.take(slice(0, count))


def full_model(tables: Tables, x3: Array) -> Tables:
    """The same replicates with the columns 1, x1, x2, x3."""
    return tables.only((np.ones((1, 1, 1)), *tables.columns, x3[:, None, None]))
