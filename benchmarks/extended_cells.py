"""The studies beyond one random intercept, and how women are drawn for the batch engine.

Every study has some women a cluster, clusters being sites, or venues in sites. A case names its
study and the few numbers that vary; a draw has a seed made of its case alone. The intercept makes
the prevalence right for the women drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from peerstats.model.batch.tables import Tables

Array = NDArray[np.float64]
SEED = 20261122
SOME = 100_000  # women behind an intercept
SIZES = {
    "5:15:40": (5, 15, 40),
    "founding": (13, 11, 7),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One cell: `n` women a site (a venue where there are venues), `level` the mean outcome."""

    study: str
    sites: int
    n: int
    venues: int = 0
    sd_site: float = 0.0
    sd_inner: float = 0.0  # of venues, of women with visits, or of slopes
    level: float = 0.5
    effect: float = field(default=float(np.log(2.0)))
    sizes: str = ""

    @property
    def name(self) -> str:
        """The name of the case's file."""
        inner = f"{self.sd_site:.3f}-{self.sd_inner:.3f}-{self.level:g}-{self.effect:.2f}"
        return f"{self.study}-{self.sites}-{self.n}-{self.venues}-{inner}-{self.sizes or 'equal'}"

    def rng(self) -> np.random.Generator:
        """The generator of this case."""
        return np.random.default_rng([SEED, crc32(self.name.encode())])

    @property
    def women(self) -> tuple[int, ...]:
        """Women of each site."""
        if not self.sizes:
            return (self.n,) * self.sites
        pattern = SIZES[self.sizes]
        return tuple(pattern[j % len(pattern)] for j in range(self.sites))


def sd_of(icc: float, inner: float = 0.0) -> float:
    """SD of the site effect with ICC `icc`, `inner` being that of venues (latent scale)."""
    return float(np.sqrt(icc / (1.0 - icc - inner) * np.pi**2 / 3.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Women in clusters: `tables` with what varies inside them, `outer` (q, J, R) what does not."""

    tables: Tables
    outer: Array


def draw(case: Case, count: int) -> Drawn:
    """Draw the replicates of a case."""
    rng, J, C = case.rng(), case.sites, max(case.women)
    shape = (J, C, count)
    there = (np.arange(C)[None] < np.array(case.women)[:, None])[:, :, None] * np.ones(count)
    mix = np.where(np.arange(J) % 2 == 0, 0.9, 0.1)
    half = (np.arange(J) < J // 2) * 1.0
    if case.sizes == "founding":
        mix, half = np.array([0.8, 0.3, 0.15]), np.array([1.0, 0.0, 0.0])
    inner = [rng.random(shape) < 0.5, rng.random(shape) < mix[:, None, None]]
    outer = [half[:, None] * np.ones(count)]
    if case.study == "six covariates":
        own, shared = rng.standard_normal(shape), rng.standard_normal((J, 1, count))
        inner += [rng.standard_normal(shape), np.sqrt(0.7) * own + np.sqrt(0.3) * shared]
        outer.append(rng.standard_normal((J, count)))
    columns = [np.asarray(x, dtype=np.float64) for x in inner]
    eta = sum(case.effect * x for x in columns) + sum(case.effect * z for z in outer)[:, None]
    eta = eta + case.sd_site * rng.standard_normal((J, 1, count))
    if case.study == "slopes by site":
        eta = eta + case.sd_inner * rng.standard_normal((J, 1, count)) * columns[0]
    yes = outcomes(rng, eta, there, case.level)
    return Drawn(tables=Tables(columns=tuple(columns), yes=yes, n=there), outer=np.array(outer))


def draw_venues(case: Case, count: int) -> tuple[Drawn, Array]:
    """Draw women in venues in sites: the clusters are the venues; (sites,) site-level exposure.

    Three or one of four venues of a site are of the exposed type; women's exposure is at random.
    """
    rng, J, V = case.rng(), case.sites, case.venues
    site = np.repeat(np.arange(J), V)
    exposed = (np.arange(J * V) % 4 < np.where(site % 2 == 0, 3, 1)) * 1.0
    half = (np.arange(J) < J // 2) * 1.0
    x = (rng.random((J * V, case.n, count)) < 0.5) * 1.0
    fixed = case.effect * (x + (exposed + half[site])[:, None, None])
    effects = case.sd_site * rng.standard_normal((J, count))[site]
    effects = effects + case.sd_inner * rng.standard_normal((J * V, count))
    n = np.ones_like(x)
    yes = outcomes(rng, fixed + effects[:, None], n, case.level)
    outer = np.broadcast_to(exposed[:, None], (J * V, count))[None]
    return Drawn(tables=Tables(columns=(x,), yes=yes, n=n), outer=outer), half


def outcomes(rng: np.random.Generator, eta: Array, there: Array, level: float) -> Array:
    """Draw yes/no outcomes with prevalence `level`."""
    some = eta[there > 0][:SOME]
    start = brentq(lambda b: expit(b + some).mean() - level, -15.0, 15.0)
    return np.asarray((rng.random(eta.shape) < expit(start + eta)) * there)


def batch_cases() -> list[Case]:
    """Cases of the batch engine: six covariates, unequal sizes, slopes by site, venues."""
    mixes = ((sd_of(0.05), 0.5), (sd_of(0.2), 0.15))
    null = (0.0, float(np.log(2.0)))
    six = [
        Case(study="six covariates", sites=J, n=n, sd_site=sd, level=level, effect=effect)
        for J, n, (sd, level), effect in product((3, 5, 8, 12, 20, 50), (10, 40), mixes, null)
    ]
    unequal = [
        Case(study="unequal sizes", sites=J, n=0, sd_site=sd, level=level, sizes=sizes)
        for J, sizes in ((3, "founding"), (3, "5:15:40"), (6, "5:15:40"), (12, "5:15:40"))
        for sd, level in mixes
    ]
    slopes = [
        Case(study="slopes by site", sites=J, n=40, sd_site=sd_of(0.1), sd_inner=sd, level=level)
        for J, sd, level in product((5, 8, 12, 20), (0.3, 0.6), (0.15, 0.5))
    ]
    return six + unequal + slopes + venue_cases((0.0, float(np.log(2.0))))


def venue_cases(effects: tuple[float, ...]) -> list[Case]:
    """Women in venues in sites: ICC of sites .1, of venues .05 or .15; prevalence .3."""
    return [
        Case(
            study="venues",
            sites=J,
            venues=V,
            n=n,
            sd_site=sd_of(0.1, inner),
            sd_inner=sd_of(inner, 0.1),
            level=0.3,
            effect=effect,
        )
        for J, (V, n, inner), effect in product(
            (3, 5, 8, 12), ((4, 5, 0.15), (4, 10, 0.05), (8, 5, 0.05), (8, 10, 0.15)), effects
        )
    ]
