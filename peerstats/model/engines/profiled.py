"""The profiled likelihood of a linear mixed model, with exact gradient and Hessian in θ.

y = Xβ + Σ_k Z_k u_k + ε, ε ~ N(0, σ²/w), u_k ~ N(0, σ² L_k L_k') level by level. With θ the entries
of the L_k, Λ the matrix of all of them, u = σ Λ v, V = W^-1 + ZΛΛ'Z' and H = Λ'NΛ + I, N = Z'WZ,
β and σ are known functions of θ (Bates et al. 2015, section 3.4):

    V^-1 = W - WZΛ H^-1 Λ'Z'W,   M = X'V^-1 X,   β̂ = M^-1 X'V^-1 y,   r² = (y - Xβ̂)'V^-1(y - Xβ̂)
    ML    -2L = n (1 + log(2π r²/n)) + log|H| - Σ log w
    REML  -2L = (n-p)(1 + log(2π r²/(n-p))) + log|H| + log|M| - Σ log w

Everything is made of `crossproducts`, which put Q in the place of X, W^½X = QR: then M stands for
R'^-1 M R^-1, β for γ = Rβ, and log|M| has 2 Σ log|R_ii| added. With
S = Z'V^-1 Z = N - NΛ H^-1 Λ'N, F = Z'V^-1 X, Q = S - F M^-1 F', g = Z'V^-1(y - Xβ̂), Γ = ΛΛ'
and a, b entries of θ (Harville 1977),

    r²_a = -g'Γ_a g,               r²_ab = 2 g'Γ_a Q Γ_b g - g'Γ_ab g
    log|V|_a = tr(S Γ_a),          log|V|_ab = tr(S Γ_ab) - tr(S Γ_a S Γ_b)

and for log|V| + log|M| the same with Q in the place of S. Γ_a = E_a Λ' + Λ E_a' with E_a a one at
the entry of each level, Γ_ab = E_a E_b' + E_b E_a'.

tr(S Γ_a S Γ_b): with one factor S is block diagonal and nothing else is needed. With several, and
each L invertible, Λ'SΛ = I - H^-1 and Γ_a = Λ A Λ' with A = X_a + X_a', X_a = L^-1 E_a, so it is
tr(AB) - tr(H^-1(AB + BA)) + tr(H^-1 A H^-1 B). In the notation of `elimination`
H^-1 = diag(D^-1, 0) + U T U', U = (-G; I), and only products as large as the rest are formed:

    tr(H^-1 A H^-1 B) = tr(D^-1 A D^-1 B) + tr(T G'(A D^-1 B + B D^-1 A)G) + tr(T J_a T J_b),

J_a = U'AU, which is G'AG for the first factor and A itself in the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.engines.crossproducts import (
    Crossproducts,
    first_factor,
    rest_factor,
    scaled,
    scaled_back,
    untriangled,
)
from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.problem import Block, Problem
from peerstats.model.engines.structure import Structure, lower

Array = NDArray[np.float64]

INVERTIBLE = 1e-3  # least diagonal entry of an L, relative to its largest entry
MOST_SQUARES = 3_000  # effects of the rest for which products of its matrices are formed


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """β, σ and v at one θ; `pull` is g. `moved` is R(β - least squares)."""

    L: tuple[Array, ...]
    H: Eliminated
    root: Array  # Cholesky factor of R'^-1 M R^-1
    beta: Array
    moved: Array
    v: Array
    pull: Array
    r2: float
    value: float
    solved: Array  # H^-1 Λ'Z'WXR^-1


@dataclass(frozen=True, eq=False)
class Linear:
    """The profiled likelihood; frequency weights count rows several times."""

    problem: Problem
    reml: bool

    @cached_property
    def structure(self) -> Structure:
        """Where effects meet."""
        return Structure(self.problem)

    @cached_property
    def products(self) -> Crossproducts:
        """All that is needed of the rows."""
        return Crossproducts.of(self.structure)

    @cached_property
    def n(self) -> float:
        """Rows, counted by their weights."""
        return float(self.problem.m.sum())

    @property
    def df(self) -> float:
        """n, or n - p by REML."""
        return self.n - self.problem.X.shape[1] if self.reml else self.n

    @cached_property
    def _recent(self) -> dict[bytes, Profile]:
        return {}

    def at(self, theta: Array) -> Profile:
        """Solve for β, σ and v at one θ; LinAlgError where M is not positive definite.

        The last solution is kept: gradient, Hessian and standard errors are asked for in turn.
        """
        key = theta.tobytes()
        if key not in self._recent:
            found = self._solve(theta)
            self._recent.clear()
            self._recent[key] = found
        return self._recent[key]

    def _solve(self, theta: Array) -> Profile:
        s, known = self.structure, self.products
        p = self.problem.X.shape[1]
        L = s.split(theta)
        H = known.factor(L)
        inner = scaled_back(s, L, known.fixed)
        solved = H.solve(inner)
        gram = known.gram - inner.T @ solved
        root: Array = np.linalg.cholesky(gram[:p, :p]).astype(np.float64)
        change = linalg.lapack.dpotrs(root, gram[:p, p], lower=1)[0] if p else np.zeros(0)
        v = solved[:, p] - solved[:, :p] @ change
        beta = known.beta + untriangled(known.triangle, change)
        r2 = float(gram[p, p] - gram[:p, p] @ change)
        if not r2 > 0:
            raise np.linalg.LinAlgError("no residual variance is left")
        value = -0.5 * (self.df * (1 + np.log(2 * np.pi * r2 / self.df)) + H.log_determinant)
        if self.reml:
            value -= float(np.log(np.diag(root)).sum()) + known.log_volume
        g = self.pull(L, change, v)
        return Profile(L, H, root, beta, change, v, g, r2, value, solved[:, :p])

    def pull(self, L: tuple[Array, ...], moved: Array, v: Array) -> Array:
        """Z'W(y - Xβ - ZΛv), for R(β - least squares)."""
        known, p = self.products, len(moved)
        direct = known.fixed[:, p] - known.fixed[:, :p] @ moved
        return direct - known.apply(scaled(self.structure, L, v))


def slopes(linear: Linear, at: Profile) -> tuple[Array, Array]:
    """Derivatives in θ of the log-likelihood and of r²."""
    blocks = linear.problem.blocks
    inner = inverse_sums(linear, at)
    by_r2 = _slopes_of_r2(linear.structure, at)
    if linear.reml and len(at.beta):
        F = _moved(linear, at)
        for k, places in enumerate(linear.structure.indices):
            part = F[places].transpose(1, 0, 2).reshape(blocks[k].size, -1)
            inner[k] = inner[k] - part @ part.T @ at.L[k]
    log = np.concatenate([part[lower(block)] for block, part in zip(blocks, inner, strict=True)])
    return -0.5 * linear.df * by_r2 / at.r2 - log, by_r2


def _slopes_of_r2(s: Structure, at: Profile) -> Array:
    pairs = zip(s.problem.blocks, s.indices, strict=True)
    return np.concatenate([-2.0 * (at.pull[p].T @ at.v[p])[lower(block)] for block, p in pairs])


def _moved(linear: Linear, at: Profile) -> Array:
    """F C'^-1 with M = CC', (q, p)."""
    known, p = linear.products, len(at.beta)
    F = known.fixed[:, :p] - known.apply(scaled(linear.structure, at.L, at.solved))
    found: Array = linalg.solve_triangular(at.root, F.T, lower=True).T
    return found


def _invertible(L: tuple[Array, ...]) -> bool:
    return all(np.abs(np.diag(part)).min() > INVERTIBLE * np.abs(part).max() > 0 for part in L)


def inverse_sums(linear: Linear, at: Profile) -> list[Array]:
    """For each block the sum over levels of the diagonal blocks of SΛ (effects, effects).

    They are those of NΛH^-1, and of Λ'^-1(I - H^-1) unless an L is nearly singular.
    """
    s, blocks = linear.structure, linear.problem.blocks
    if not s.rest_size:
        found = np.tensordot(linear.products.first @ first_factor(s, at.L), at.H.inverses, _LEVELS)
        return [found[s.spans[k], s.spans[k]] for k in range(len(blocks))]
    if _invertible(at.L):
        pairs = zip(blocks, at.L, at.H.level_sums, strict=True)
        return [
            linalg.solve_triangular(L.T, block.levels * np.eye(block.size) - sums)
            for block, L, sums in pairs
        ]
    return _direct_sums(linear, at)


_LEVELS = ([0, 2], [0, 1])  # Σ_j A_j B_j as a contraction of (levels, K, K) arrays


def _direct_sums(linear: Linear, at: Profile) -> list[Array]:
    s, known, H = linear.structure, linear.products, at.H
    T, couplings = H.rest_inverse, H.coupling_inverse if s.width else known.pairs
    L1 = first_factor(s, at.L)
    first = L1
    if s.width:
        first = np.tensordot(known.first @ L1, H.first_inverse, _LEVELS)
        first = first - known.rest_scaled_pairs(at.L).T @ couplings
    own = (known.rest @ rest_factor(s, at.L)).toarray()
    found = [first[s.spans[k], s.spans[k]] for k in range(len(at.L))]
    for number, k in enumerate(s.rest):
        places = s.indices[k] - s.q1
        found[k] = np.einsum("ler,lrf->ef", own[places], T[:, places].transpose(1, 0, 2))
        if s.width:
            pairs = s.pairs_of[number]
            found[k] -= np.einsum("pek,pfk->ef", (known.pairs @ L1)[pairs], couplings[pairs])
    return found


def hessian(linear: Linear, at: Profile) -> Array:
    """Second derivatives of the log-likelihood in θ; nan where there is no formula."""
    s, known = linear.structure, linear.products
    entries = _entries(linear.problem.blocks)
    if s.rest_size and (not _invertible(at.L) or s.rest_size > MOST_SQUARES):
        return np.full((len(entries),) * 2, np.nan)
    by_r2 = _slopes_of_r2(s, at)
    F, gammas = _moved(linear, at), _gammas(s, at.L)
    S = _blocks_of_s(at, known, s)
    turned = _turn(s, gammas, at.pull[:, None])[:, :, 0].T
    through = F.T @ turned
    r2 = 2.0 * (turned.T @ _by_s(linear, at, S, turned) - through.T @ through)
    r2 -= _of_second(entries, [at.pull[places].T @ at.pull[places] for places in s.indices])
    sums = _level_sums_of_s(linear, at, S)
    log = -_first_products(S, gammas) if S is not None else -_products(linear, at, entries)
    if linear.reml and F.size:
        ends = _turn(s, gammas, F)
        wide = ends.swapaxes(0, 1).reshape(s.q, -1)
        moved = _by_s(linear, at, S, wide).reshape(s.q, len(entries), -1)
        both = np.matmul(F.T, ends).reshape(len(entries), -1)
        log += 2.0 * np.einsum("aqp,qbp->ab", ends, moved) - both @ both.T
        sums = [
            total - np.einsum("lap,lbp->ab", F[places], F[places])
            for total, places in zip(sums, s.indices, strict=True)
        ]
    log += _of_second(entries, sums)
    scaled_r2 = r2 / at.r2 - np.outer(by_r2, by_r2) / at.r2**2
    found: Array = -0.5 * (linear.df * scaled_r2 + 0.5 * (log + log.T))
    return found


Entry = tuple[int, int, int]  # block, row and column in its triangle


def _entries(blocks: tuple[Block, ...]) -> list[Entry]:
    return [
        (k, int(i), int(j))
        for k, block in enumerate(blocks)
        for i, j in zip(*lower(block), strict=True)
    ]


def _of_second(entries: list[Entry], sums: list[Array]) -> Array:
    """tr(Y Γ_ab), for the sums over levels of Y's diagonal blocks."""
    found = np.zeros((len(entries),) * 2)
    for a, (k, i, j) in enumerate(entries):
        for b, (other, row, column) in enumerate(entries):
            if k == other and j == column:
                found[a, b] = 2.0 * sums[k][i, row]
    return found


def _gammas(s: Structure, L: tuple[Array, ...]) -> list[Array]:
    """Each block's Γ_a of one level, (entries, effects, effects)."""
    found = []
    for block, part in zip(s.problem.blocks, L, strict=True):
        rows, columns = lower(block)
        gamma = np.zeros((len(rows), block.size, block.size))
        gamma[range(len(rows)), rows] = part[:, columns].T
        found.append(gamma + gamma.swapaxes(1, 2))
    return found


def _turn(s: Structure, gammas: list[Array], x: Array) -> Array:
    """Γ_a x for all entries a and columns of x: (entries, q, columns)."""
    found = np.zeros((sum(map(len, gammas)), *x.shape))
    start = 0
    for gamma, places in zip(gammas, s.indices, strict=True):
        found[start : start + len(gamma), places] = np.matmul(gamma[:, None], x[places])
        start += len(gamma)
    return found


def _by_s(linear: Linear, at: Profile, S: Array | None, x: Array) -> Array:
    """S x = N x - NΛ H^-1 Λ'N x for columns x; S by its blocks where it has no others."""
    s, known = linear.structure, linear.products
    if S is not None:
        found: Array = np.matmul(S, x.reshape(len(S), s.width, x.shape[1])).reshape(x.shape)
        return found
    direct = known.apply(x)
    return direct - known.apply(scaled(s, at.L, at.H.solve(scaled_back(s, at.L, direct))))


def _level_sums_of_s(linear: Linear, at: Profile, S: Array | None) -> list[Array]:
    """For each block the sum over levels of S's diagonal blocks."""
    s = linear.structure
    if S is not None:
        total = S.sum(axis=0)
        return [total[s.spans[k], s.spans[k]] for k in range(len(at.L))]
    inner = inverse_sums(linear, at)
    return [part @ np.linalg.inv(L) for part, L in zip(inner, at.L, strict=True)]


def _blocks_of_s(at: Profile, known: Crossproducts, s: Structure) -> Array | None:
    """S's diagonal blocks where there is one factor and it has no other entries."""
    if s.rest_size:
        return None
    NL = known.first @ first_factor(s, at.L)
    found: Array = known.first - NL @ at.H.inverses @ NL.swapaxes(1, 2)
    return found


def _first_products(S: Array, gammas: list[Array]) -> Array:
    """tr(S Γ_a S Γ_b) where S has blocks S_j: Σ_j tr(S_j Γ_a S_j Γ_b)."""
    turns = np.zeros((sum(map(len, gammas)), *S.shape[1:]))
    entry = effect = 0
    for gamma in gammas:
        span = slice(effect, effect + gamma.shape[1])
        turns[entry : entry + len(gamma), span, span] = gamma
        entry, effect = entry + len(gamma), effect + gamma.shape[1]
    products = np.matmul(S[:, None], turns)
    found: Array = np.tensordot(products, products, axes=([0, 2, 3], [0, 3, 2]))
    return found


def _products(linear: Linear, at: Profile, entries: list[Entry]) -> Array:
    """tr(S Γ_a S Γ_b) with several factors, as in the head of this file."""
    s, H = linear.structure, at.H
    A = [_whitened(at.L, entry) for entry in entries]
    found = np.zeros((len(entries),) * 2)
    wide = {a: _widened(s, e[0], A[a]) for a, e in enumerate(entries) if e[0] in s.first}
    turned = [_of_rest(s, H, e, A[a], wide.get(a)) for a, e in enumerate(entries)]
    for a, (k, _, _) in enumerate(entries):
        for b, (other, _, _) in enumerate(entries[: a + 1]):
            (here, left), (there, right) = turned[a], turned[b]
            total = float(np.vdot(left[there], right[here].T))
            if k == other:
                AB = A[a] @ A[b]
                total += linear.problem.blocks[k].levels * float(np.trace(AB))
                total -= float(((AB + AB.T) * H.level_sums[k]).sum())
            if a in wide and b in wide:
                one, two = wide[a] @ H.inverses, wide[b] @ H.inverses
                total += float(np.tensordot(one, two, axes=([0, 1, 2], [0, 2, 1])))
                between = one @ wide[b]
                folded = H.folded(between + between.swapaxes(1, 2))
                total += float(np.vdot(H.rest_inverse, folded))
            found[a, b] = found[b, a] = total
    return found


def _whitened(L: tuple[Array, ...], entry: Entry) -> Array:
    """A = X + X' with X = L^-1 E."""
    k, i, j = entry
    X = np.zeros_like(L[k])
    X[:, j] = np.linalg.inv(L[k])[:, i]
    return X + X.T


def _widened(s: Structure, k: int, A: Array) -> Array:
    """A among all effects of a level of the first factor (K, K)."""
    found = np.zeros((s.width, s.width))
    found[s.spans[k], s.spans[k]] = A
    return found


def _of_rest(
    s: Structure, H: Eliminated, entry: Entry, A: Array, wide: Array | None
) -> tuple[slice, Array]:
    """T J_a: the columns that are not zero, and which they are."""
    T = H.rest_inverse
    if wide is not None:
        return slice(None), T @ H.folded(wide)
    places = s.indices[entry[0]] - s.q1
    part = slice(int(places[0, 0]), int(places[-1, -1]) + 1)
    blocks = T[:, part].reshape(len(T), *places.shape)
    turned = blocks * A[0, 0] if len(A) == 1 else blocks @ A
    return part, turned.reshape(len(T), -1)
