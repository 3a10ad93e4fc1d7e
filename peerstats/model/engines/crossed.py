"""Random intercepts of several grouping factors, nested or crossed, by Laplace's approximation.

η = Xβ + offset + Σ_k τ_k v_k[g_k],  v ~ N(0, I). With A the matrix that takes v to η, and v̂ the
mode of h(v) = l(η) - ½ v'v,

    L = h(v̂) - ½ log|H|,   H = A'WA + I.

H is never built whole. The factor with most levels is eliminated first: its block D is diagonal,
so with B its coupling to the other factors and C their block,

    H = [D B; B' C],  S = C - B'D^-1 B (dense, as large as the other factors together),
    log|H| = Σ log D + log|S|.

B has one entry for each pair of levels that meet in a row. With G = D^-1 B and T = S^-1 the parts
of the inverse that the gradient needs are H^-1_rr = T, H^-1_1r = -G T, H^-1_11 = D^-1 + G T G'.

Gradient (s_i = a_i W'_i, a_i = [A H^-1 A']_ii, t = -½ H^-1 A's, e_k = v_k[g_k]):

    dL/dβ   = X'(r - ½ s - W ∘ A t)
    dL/dτ_k = r'e_k - ½ s'e_k + t'(Z_k'r - A'W e_k) - Σ_i W_i [A H^-1 Z_k']_ii.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from peerstats.model.engines.evaluation import CLOSE, HALVINGS, MODE_STEPS, Evaluation
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
DENSE = 1_000_000  # cells of B below which plain arrays beat sparse ones


@dataclass(frozen=True, eq=False)
class Crossing:
    """Where the levels of the grouping factors meet; depends on the data only."""

    problem: Problem
    blocks: tuple[slice, ...] = field(init=False)

    def __post_init__(self) -> None:
        ends = np.cumsum((0, *self.problem.sizes))
        blocks = tuple(slice(a, b) for a, b in pairwise(ends))
        object.__setattr__(self, "blocks", blocks)

    @cached_property
    def rest(self) -> int:
        """Levels of all factors but the first."""
        return sum(self.problem.sizes[1:])

    @property
    def is_small(self) -> bool:
        """True where B is kept as a plain array."""
        return self.problem.sizes[0] * self.rest <= DENSE

    @cached_property
    def places(self) -> tuple[Codes, ...]:
        """Each row's column among the rest, by factor."""
        shift = self.problem.sizes[0]
        pairs = zip(self.problem.codes[1:], self.blocks[1:], strict=True)
        return tuple(code + block.start - shift for code, block in pairs)

    @cached_property
    def pairs(self) -> tuple[tuple[Codes, Codes, Codes], ...]:
        """For each other factor: (level of the first, column among the rest, each row's pair)."""
        found = []
        for place in self.places:
            key = self.problem.codes[0] * self.rest + place
            unique, inverse = np.unique(key, return_inverse=True)
            found.append((unique // self.rest, unique % self.rest, inverse.astype(np.intp)))
        return tuple(found)

    def spread(self, tau: Array, v: Array) -> Array:
        """A v."""
        parts = zip(tau, self.problem.codes, self.blocks, strict=True)
        return sum((t * v[block][code] for t, code, block in parts), np.zeros(self.problem.n))

    def gather(self, x: Array) -> Array:
        """Z'x: sums of x over the rows of each level, for every factor."""
        parts = zip(self.problem.codes, self.problem.sizes, strict=True)
        return np.concatenate([np.bincount(c, weights=x, minlength=size) for c, size in parts])

    def scales(self, tau: Array) -> Array:
        """τ of each effect."""
        return np.repeat(tau, self.problem.sizes)


@dataclass(frozen=True, eq=False)
class Blocks:
    """H at one W, factored by blocks."""

    crossing: Crossing
    tau: Array
    D: Array
    G: Array | sparse.csr_matrix  # D^-1 B, dense while that is small
    root: Array  # lower Cholesky factor of S

    @classmethod
    def factor(cls, crossing: Crossing, tau: Array, w: Array) -> Blocks:
        """Factor H = A'WA + I."""
        problem = crossing.problem
        size = problem.sizes[0]
        D = 1.0 + tau[0] ** 2 * np.bincount(problem.codes[0], weights=w, minlength=size)
        B = coupling_of(crossing, tau, w)
        if isinstance(B, np.ndarray):
            G = B / D[:, None]
            met = B.T @ G
        else:
            G = sparse.csr_matrix(sparse.diags(1.0 / D) @ B)
            met = np.asarray((B.T @ G).toarray())
        S = rest_block(crossing, tau, w) - met
        return cls(crossing, tau, D, G, linalg.cholesky(S, lower=True, check_finite=False))

    @property
    def log_determinant(self) -> float:
        """log|H|."""
        return float(np.log(self.D).sum() + 2.0 * np.log(np.diag(self.root)).sum())

    def solve(self, b: Array) -> Array:
        """H^-1 b, for one right-hand side (q,) or several (q, m)."""
        size = self.crossing.problem.sizes[0]
        first, rest = b[:size], b[size:]
        low = linalg.cho_solve((self.root, True), rest - self.G.T @ first)
        D = self.D if b.ndim == 1 else self.D[:, None]
        return np.concatenate([first / D - self.G @ low, low])

    @cached_property
    def inverse_parts(self) -> tuple[Array, Array, Array]:
        """T, G T and the diagonal of H^-1_11."""
        T = linalg.cho_solve((self.root, True), np.eye(len(self.root)))
        GT = np.asarray(self.G @ T)
        product = self.G * GT if isinstance(self.G, np.ndarray) else self.G.multiply(GT)
        own = np.asarray(product.sum(axis=1)).ravel()
        return T, GT, 1.0 / self.D + own

    @cached_property
    def diagonal(self) -> Array:
        """The diagonal of H^-1."""
        T, _, first = self.inverse_parts
        return np.concatenate([first, np.diag(T)])

    def row_products(self) -> list[Array]:
        """[A H^-1 Z_k']_ii for every factor k, each (n,)."""
        T, GT, first = self.inverse_parts
        crossing, tau = self.crossing, self.tau
        code, places = crossing.problem.codes[0], crossing.places
        meets = [-GT[a, b][row] for a, b, row in crossing.pairs]
        products = [tau[0] * first[code]]
        for k, met in enumerate(meets):
            products[0] = products[0] + tau[k + 1] * met
            with_rest = sum(t * T[p, places[k]] for t, p in zip(tau[1:], places, strict=True))
            products.append(tau[0] * met + with_rest)
        return products


def coupling_of(crossing: Crossing, tau: Array, w: Array) -> Array | sparse.csr_matrix:
    """B: weighted cross-table of the first factor's levels with all others."""
    size, rest = crossing.problem.sizes[0], crossing.rest
    total = np.zeros(size * rest) if crossing.is_small else sparse.csr_matrix((size, rest))
    for k, (first, column, row) in enumerate(crossing.pairs, start=1):
        met = tau[0] * tau[k] * np.bincount(row, weights=w, minlength=len(first))
        if isinstance(total, np.ndarray):
            total[first * rest + column] += met
        else:
            total = total + sparse.csr_matrix((met, (first, column)), shape=(size, rest))
    return total.reshape(size, rest) if isinstance(total, np.ndarray) else total


def rest_block(crossing: Crossing, tau: Array, w: Array) -> Array:
    """C: identity plus the weighted cross-table of the other factors' levels."""
    rest = crossing.rest
    C = np.zeros((rest, rest))
    parts = list(zip(tau[1:], crossing.places, strict=True))
    for k, (t, one) in enumerate(parts):
        C[np.diag_indices(rest)] += t * t * np.bincount(one, weights=w, minlength=rest)
        for u, other in parts[k + 1 :]:
            met = np.bincount(one * rest + other, weights=w, minlength=rest * rest)
            C += t * u * met.reshape(rest, rest)
            C += t * u * met.reshape(rest, rest).T
    C[np.diag_indices(rest)] += 1.0
    return C


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    v: Array
    eta: Array
    r: Array
    w: Array
    h: float


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """The Laplace likelihood of a problem with several grouping factors."""

    crossing: Crossing

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return log-likelihood, gradient in (β, τ) and modes."""
        problem = self.crossing.problem
        found = self._find_modes(problem.X @ beta + problem.offset, tau, modes)
        if found is None:
            nothing = np.zeros(len(beta) + len(tau))
            return Evaluation(value=-np.inf, gradient=nothing, modes=modes)
        at, blocks = found
        value = at.h - 0.5 * blocks.log_determinant + problem.constant
        return Evaluation(value=value, gradient=self._gradient(at, blocks, tau), modes=at.v)

    def at(self, fixed: Array, tau: Array, v: Array) -> _State:
        """Rows' η, r, W and h at one v; `fixed` is Xβ + offset."""
        problem = self.crossing.problem
        eta = fixed + self.crossing.spread(tau, v)
        kernel, r, w = problem.family.slopes(problem.y, eta, problem.m)
        return _State(v, eta, r, w, float(kernel.sum() - 0.5 * v @ v))

    def _find_modes(self, fixed: Array, tau: Array, start: Array) -> tuple[_State, Blocks] | None:
        """Newton's method for v, halving a step that lowers h."""
        here = self.at(fixed, tau, start)
        if not np.isfinite(here.h):
            here = self.at(fixed, tau, np.zeros_like(start))
            if not np.isfinite(here.h):
                return None
        scales = self.crossing.scales(tau)
        blocks = Blocks.factor(self.crossing, tau, here.w)
        for _ in range(MODE_STEPS):
            step = blocks.solve(scales * self.crossing.gather(here.r) - here.v)
            size = float(np.abs(step).max())
            trial = self.at(fixed, tau, here.v + step)
            for _ in range(HALVINGS if size > CLOSE else 0):
                if trial.h >= here.h - 1e-12 * (1 + abs(here.h)):
                    break
                step = 0.5 * step
                trial = self.at(fixed, tau, here.v + step)
            here = trial
            blocks = Blocks.factor(self.crossing, tau, here.w)
            if size <= CLOSE:
                break
        return here, blocks

    def _gradient(self, at: _State, blocks: Blocks, tau: Array) -> Array:
        crossing = self.crossing
        problem = crossing.problem
        products = blocks.row_products()
        leverage = sum((t * b for t, b in zip(tau, products, strict=True)), np.zeros(problem.n))
        s = leverage * problem.family.third(problem.y, at.eta, problem.m)
        scales = crossing.scales(tau)
        t = -0.5 * blocks.solve(scales * crossing.gather(s))
        moved = at.w * crossing.spread(tau, t)
        sums = crossing.gather(at.r)
        by_tau = []
        for k, (code, block) in enumerate(zip(problem.codes, crossing.blocks, strict=True)):
            e = at.v[block][code]
            total = (at.r - 0.5 * s - moved) @ e + t[block] @ sums[block]
            by_tau.append(total - at.w @ products[k])
        return np.r_[(at.r - 0.5 * s - moved) @ problem.X, by_tau]

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Conditional standard deviations of v."""
        problem = self.crossing.problem
        at = self.at(problem.X @ beta + problem.offset, tau, modes)
        return np.sqrt(Blocks.factor(self.crossing, tau, at.w).diagonal)

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """X'(W - WA H^-1 A'W)X, and 2 Σ (τ w / (1 + τ² w))² for each factor alone."""
        crossing = self.crossing
        problem = crossing.problem
        at = self.at(problem.X @ beta + problem.offset, tau, np.zeros(sum(problem.sizes)))
        scales = crossing.scales(tau)
        weighted = problem.X * at.w[:, None]
        right = np.array([scales * crossing.gather(column) for column in weighted.T])
        solved = Blocks.factor(crossing, tau, at.w).solve(right.T)
        sums = crossing.gather(at.w)
        per_effect = 2.0 * (scales * sums / (1.0 + scales**2 * sums)) ** 2
        by_factor = np.array([per_effect[block].sum() for block in crossing.blocks])
        return problem.X.T @ weighted - right @ solved, by_factor
