"""Random intercepts of one factor, or of one factor nested in another, by Laplace's approximation.

Women in venues j in sites s share one effect a venue, so everything but X happens at the venues:

    η_i = x_i'β + offset_i + τ_1 v_j + τ_2 u_s,   v, u ~ N(0, I),
    h = Σ l_i - ½ v'v - ½ u'u,   L = h(v̂, û) - ½ P,   P = log|H|,   H = A'WA + I.

With venue sums R_j = Σ r_i and W_j = Σ W_i, D_j = 1 + τ_1² W_j, q_j = W_j / D_j and
S_s = 1 + τ_2² Σ_j q_j, eliminating v and then u leaves only diagonals (`crossed` has the general
elimination, of which this is the case where S is diagonal):

    P = Σ log D_j + Σ log S_s,   ∂P/∂W_j = τ_1²/D_j + (τ_2²/S_s)/D_j²  =: M_jj,
    ∂P/∂τ_1 = 2τ_1 (Σ q_j - τ_2² Σ_s N_s/S_s),   ∂P/∂τ_2 = 2τ_2 Σ_s Q_s/S_s,

Q_s = Σ_j q_j, N_s = Σ_j q_j². One grouping factor is the same model with τ_2 = 0 and one site.
The gradient is that of `crossed`; the Hessian is in `curvature`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from peerstats.model.engines.evaluation import CLOSE, HALVINGS, MODE_STEPS, Evaluation
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def is_nested(problem: Problem) -> bool:
    """True for one grouping factor, or two with each level of the first in one of the second."""
    if len(problem.sizes) > 2 or len(problem.starts) != problem.sizes[0]:
        return False
    if len(problem.sizes) == 1:
        return True
    inner, outer = problem.codes
    return bool(np.array_equal(outer[problem.starts][inner], outer))


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """H at one W by its diagonals: D of the venues, S of the sites, and q = W/D."""

    nested: Nested
    tau: tuple[float, float]
    W: Array
    D: Array
    q: Array
    S: Array

    @property
    def log_determinant(self) -> float:
        """P = log|H|."""
        return float(np.log(self.D).sum() + np.log(self.S).sum())

    @property
    def leverage(self) -> Array:
        """M_jj, the derivative of P in W_j."""
        a, c = self.tau[0] ** 2, self.tau[1] ** 2
        return (a + (c / self.S)[self.nested.parent] / self.D) / self.D

    def solve(self, first: Array, rest: Array) -> tuple[Array, Array]:
        """H^-1 applied to (first, rest), each a vector or a matrix with a column a problem."""
        nested, (inner, outer) = self.nested, self.tau
        wide = (slice(None), None) if first.ndim == 2 else (slice(None),)
        G, D, S = (inner * outer * self.q)[wide], self.D[wide], self.S[wide]
        low = (rest - nested.by_site(G * first)) / S
        return first / D - G * low[nested.parent], low

    def by_tau(self) -> Array:
        """∂P/∂τ_1 and ∂P/∂τ_2 at fixed W."""
        inner, outer = self.tau
        nested, q = self.nested, self.q
        squares = nested.by_site(q * q) @ (1.0 / self.S)
        by_inner = 2.0 * inner * (q.sum() - outer**2 * squares)
        return np.array([by_inner, 2.0 * outer * (nested.by_site(q) @ (1.0 / self.S))])


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Rows and venue sums at one (β, τ, v, u)."""

    v: Array
    u: Array
    eta: Array
    r: Array
    w: Array
    R: Array
    h: float
    factored: Factored


@dataclass(frozen=True, eq=False)
class Nested:
    """The Laplace likelihood of a problem for which `is_nested` holds."""

    problem: Problem

    @cached_property
    def parent(self) -> Codes:
        """Each venue's site."""
        if len(self.problem.sizes) == 1:
            return np.zeros(self.problem.sizes[0], dtype=np.intp)
        return self.problem.codes[1][self.problem.starts]

    @cached_property
    def sites(self) -> int:
        """Levels of the outer factor; one where there is none."""
        return self.problem.sizes[1] if len(self.problem.sizes) == 2 else 1

    def by_venue(self, x: Array) -> Array:
        """Sums over the rows of each venue; rows are sorted by venue."""
        return np.add.reduceat(x, self.problem.starts)

    @cached_property
    def _tables(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Incidence of venues (rows of the table) in rows of data, and of sites in venues."""
        # Products with these sum the rows of a matrix several times faster than reduceat does.
        n, venues = self.problem.n, len(self.parent)
        first = (np.ones(n), np.arange(n), np.append(self.problem.starts, n))
        ends = np.cumsum(np.bincount(self.parent, minlength=self.sites))
        second = (np.ones(venues), np.argsort(self.parent, kind="stable"), np.append(0, ends))
        return (
            sparse.csr_matrix(first, shape=(venues, n)),
            sparse.csr_matrix(second, shape=(self.sites, venues)),
        )

    def weighted_x(self, weight: Array) -> Array:
        """Σ ω_i x_i within each venue, (venues, p)."""
        return np.asarray(self._tables[0] @ (self.problem.X * weight[:, None]))

    def by_site(self, x: Array) -> Array:
        """Sums over the venues of each site, of a vector or of each column."""
        if x.ndim == 1:
            return np.asarray(np.bincount(self.parent, x, self.sites), dtype=np.float64)
        return np.asarray(self._tables[1] @ x)

    def spread(self, tau: tuple[float, float], v: Array, u: Array) -> Array:
        """Each venue's effect τ_1 v_j + τ_2 u_s."""
        return tau[0] * v + tau[1] * u[self.parent]

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return log-likelihood, gradient in (β, τ) and modes."""
        problem = self.problem
        at = self._find_modes(problem.X @ beta + problem.offset, self.both(tau), modes)
        if at is None:
            nothing = np.zeros(len(beta) + len(tau))
            return Evaluation(value=-np.inf, gradient=nothing, modes=modes)
        value = at.h - 0.5 * at.factored.log_determinant + problem.constant
        gradient = self._gradient(at)[: len(beta) + len(tau)]
        return Evaluation(value=value, gradient=gradient, modes=self._joined(at))

    def both(self, tau: Array) -> tuple[float, float]:
        """τ_1 and τ_2, which is 0 where there is one factor."""
        return float(tau[0]), float(tau[1]) if len(tau) == 2 else 0.0

    def _joined(self, at: State) -> Array:
        return at.v if len(self.problem.sizes) == 1 else np.concatenate([at.v, at.u])

    def at(self, fixed: Array, tau: tuple[float, float], modes: Array) -> State:
        """Rows, sums and H at given modes; `fixed` is Xβ + offset."""
        problem = self.problem
        v, u = modes[: problem.sizes[0]], modes[problem.sizes[0] :]
        u = u if len(u) else np.zeros(1)
        eta = fixed + self.spread(tau, v, u)[problem.codes[0]]
        kernel, r, w = problem.family.slopes(problem.y, eta, problem.m)
        W = self.by_venue(w)
        D = 1.0 + tau[0] ** 2 * W
        q = W / D
        S = 1.0 + tau[1] ** 2 * self.by_site(q)
        h = float(kernel.sum() - 0.5 * (v @ v) - 0.5 * (u @ u))
        return State(v, u, eta, r, w, self.by_venue(r), h, Factored(self, tau, W, D, q, S))

    def _find_modes(self, fixed: Array, tau: tuple[float, float], start: Array) -> State | None:
        """Newton's method for v and u together, halving a step that lowers h."""
        here = self.at(fixed, tau, start)
        if not np.isfinite(here.h):
            start = np.zeros_like(start)
            here = self.at(fixed, tau, start)
            if not np.isfinite(here.h):
                return None
        for _ in range(MODE_STEPS):
            sums = self.by_site(here.R)
            by_v, by_u = here.factored.solve(tau[0] * here.R - here.v, tau[1] * sums - here.u)
            step = np.concatenate([by_v, by_u])[: len(start)]
            size = float(np.abs(step).max())
            trial = self.at(fixed, tau, start + step)
            for _ in range(HALVINGS if size > CLOSE else 0):
                if trial.h >= here.h - 1e-12 * (1 + abs(here.h)):
                    break
                step = 0.5 * step
                trial = self.at(fixed, tau, start + step)
            start, here = start + step, trial
            if size <= CLOSE:
                break
        return here

    def _gradient(self, at: State) -> Array:
        """The gradient of `crossed`, with s, t and A t at the venues."""
        problem, factored, tau = self.problem, at.factored, at.factored.tau
        third = problem.family.third(problem.y, at.eta, problem.m)
        leverage = factored.leverage
        s = leverage * self.by_venue(third)
        t_v, t_u = factored.solve(-0.5 * tau[0] * s, -0.5 * tau[1] * self.by_site(s))
        moved = self.spread(tau, t_v, t_u)
        code = problem.codes[0]
        rows = at.r - 0.5 * leverage[code] * third - moved[code] * at.w
        venues = at.R - 0.5 * s - factored.W * moved
        by_v = venues @ at.v + t_v @ at.R
        by_u = venues @ at.u[self.parent] + t_u[self.parent] @ at.R
        return np.concatenate([rows @ problem.X, (by_v, by_u) - 0.5 * factored.by_tau()])

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Conditional standard deviations of v and u: roots of the diagonal of H^-1."""
        problem = self.problem
        factored = self.at(problem.X @ beta + problem.offset, self.both(tau), modes).factored
        own = 1.0 / factored.S
        G = factored.tau[0] * factored.tau[1] * factored.q
        inner = 1.0 / factored.D + G * G * own[self.parent]
        return np.sqrt(inner if len(problem.sizes) == 1 else np.concatenate([inner, own]))

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """X'(W - WA H^-1 A'W)X, and 2 Σ (τ w / (1 + τ² w))² for each factor alone."""
        problem, both = self.problem, self.both(tau)
        at = self.at(problem.X @ beta + problem.offset, both, np.zeros(sum(problem.sizes)))
        sums = self.weighted_x(at.w)
        first, rest = both[0] * sums, both[1] * self.by_site(sums)
        by_v, by_u = at.factored.solve(first, rest)
        W = at.factored.W
        weights = (W, self.by_site(W))[: len(tau)]
        by_tau = [
            2.0 * float((((t * w) / (1.0 + t * t * w)) ** 2).sum())
            for t, w in zip(both, weights, strict=False)
        ]
        by_beta = problem.X.T @ (problem.X * at.w[:, None]) - first.T @ by_v - rest.T @ by_u
        return by_beta, np.array(by_tau)
