"""Effects of one grouping factor, or none, by Laplace's approximation: all but the rows by levels.

`blocks` has the general formulas. With effects of one factor only, v_j of level j and b_j = Lv_j,
η_i = x_i'β + offset_i + z_i'b_j, so that everything but the family's derivatives is made of sums
over the rows of a level,

    s_j = Σ z_i r_i,   N_j = Σ W_i z_i z_i',   H_j = I + L'N_jL,   C_j = LH_j^-1L',

a step for the modes is H_j^-1 (L's_j - v_j), the leverages are a_i = z_i'C_jz_i, and with the sums
d_j = ½ Σ z_i a_i W'_i, t_j = -H_j^-1L'd_j and y_i = r_i - ½ a_i W'_i - W_i z_i'Lt_j,

    dL/dβ = X'y,   dL/dL = Σ_j (s_j - d_j - N_jLt_j) v_j' + s_j t_j' - N_jLH_j^-1   (lower part).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from peerstats.model.engines.evaluation import HALVINGS, MODE_STEPS
from peerstats.model.engines.place import Place
from peerstats.model.engines.problem import Problem
from peerstats.model.engines.scoring import inverses
from peerstats.model.engines.structure import Structure, lower

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Levels:
    """The rows of Z and which level they are of; a single level of no effects where there are none.

    `code` holds the rows' levels, `starts` the levels' first rows, `columns` Z' (K, n).
    """

    problem: Problem
    code: Codes
    starts: Codes
    columns: Array
    entries: tuple[Codes, Codes]  # of a level's L: the row and column of each θ

    @classmethod
    def of(cls, s: Structure) -> Levels:
        """Take them from the structure, all of whose effects are of the first factor."""
        problem, parts = s.problem, [np.zeros((0, 2), dtype=np.intp)]
        for block, span in zip(problem.blocks, s.spans, strict=True):
            parts.append(span.start + np.column_stack(lower(block)))
        row, column = np.concatenate(parts).T
        code = s.code if s.width else np.zeros(problem.n, dtype=np.intp)
        starts = problem.starts if s.width else np.zeros(1, dtype=np.intp)
        Z = [block.Z.T for block in problem.blocks]
        columns = np.ascontiguousarray(np.concatenate([np.zeros((0, problem.n)), *Z]))
        return cls(problem, code, starts, columns, (row, column))

    def sums(self, rows: Array) -> Array:
        """Σ z_i x_i within levels, (levels, K)."""
        return np.add.reduceat(self.columns * rows, self.starts, axis=1).T

    def squares(self, weights: Array) -> Array:
        """Σ ω_i z_i z_i' within levels, (levels, K, K)."""
        K = len(self.columns)
        found = np.empty((len(self.starts), K, K))
        weighted = self.columns * weights
        for e in range(K):
            part = np.add.reduceat(self.columns[: e + 1] * weighted[e], self.starts, axis=1).T
            found[:, e, : e + 1] = found[:, : e + 1, e] = part
        return found

    def spread(self, b: Array) -> Array:
        """z_i'b_j for (levels, K)."""
        total = np.zeros(self.problem.n)
        for column, effects in zip(self.columns, b.T, strict=True):
            total += column * effects[self.code]
        return total

    def forms(self, C: Array) -> Array:
        """z_i'C_jz_i for symmetric (levels, K, K), or one for all levels (1, K, K)."""
        code = self.code if len(C) > 1 else np.zeros(1, dtype=np.intp)
        total = np.zeros(self.problem.n)
        for e, column in enumerate(self.columns):
            inner = C[:, e, e][code] * column
            for f in range(e):
                inner += (2.0 * C[:, e, f])[code] * self.columns[f]
            total += inner * column
        return total

    @cached_property
    def pairs(self) -> tuple[Codes, Codes]:
        """Pairs of effects (e, f), e ≥ f."""
        return np.tril_indices(len(self.columns))

    @cached_property
    def both(self) -> Array:
        """[X Z]."""
        return np.column_stack([self.problem.X, self.columns.T])

    @cached_property
    def _tables(self) -> dict[int, sparse.csr_matrix]:
        return {}

    def products(self, weights: Array, columns: Array) -> Array:
        """Σ ω_i x_i within levels for weights (m, n) and columns X (n, c): (levels, m, c)."""
        m, (n, c), levels = len(weights), columns.shape, len(self.starts)
        if not m * c:
            return np.zeros((levels, m, c))
        # One product with a sparse table, a row a weight and level, is the quickest by far.
        if m not in self._tables:
            ends = np.append(self.starts[1:], n) + n * np.arange(m)[:, None]
            place = np.tile(np.arange(n), m)
            table = (np.empty(m * n), place, np.append(0, ends.ravel()))
            self._tables[m] = sparse.csr_matrix(table, shape=(m * levels, n))
        table = self._tables[m]
        table.data = weights.reshape(-1)
        return np.asarray(table @ columns).reshape(m, levels, c).transpose(1, 0, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """Everything at one v (levels, K)."""

    v: Array
    eta: Array
    r: Array
    w: Array
    s: Array
    N: Array
    h: float


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How log|H| responds: H^-1, log|H|, rows' leverages, W' and z_i'Lt_j, and t, Lt and d.

    `bend` is W'' where the family gives it with W'.
    """

    inverse: Array
    log_determinant: float
    leverage: Array
    third: Array
    bend: Array | None
    moved: Array
    t: Array
    Lt: Array
    d: Array


@dataclass(frozen=True, eq=False)
class Slopes:
    """The likelihood's parts at one place of the parameters."""

    levels: Levels
    place: Place

    @cached_property
    def factor(self) -> Array:
        """L of all blocks, (K, K)."""
        parts = self.place.L
        return parts[0] if len(parts) == 1 else np.asarray(linalg.block_diag(np.eye(0), *parts))

    def at(self, v: Array) -> Here:
        """Rows and sums at one v."""
        levels, place, problem = self.levels, self.place, self.levels.problem
        eta = place.fixed + levels.spread(v @ self.factor.T)
        kernel, r, w = place.family.slopes(problem.y, eta, problem.m)
        h = float(kernel.sum() - 0.5 * np.vdot(v, v))
        return Here(v, eta, r, w, levels.sums(r), levels.squares(w), h)

    def inverses(self, N: Array) -> tuple[Array, float]:
        """H_j^-1 and log|H|; LinAlgError where H is not positive definite."""
        D = self.factor.T @ N @ self.factor
        K = D.shape[1]
        found, determinants = inverses(D)
        if K > 2:
            np.linalg.cholesky(D + np.eye(K))
        elif K and not min(determinants.min(), (1.0 + D[:, 0, 0]).min()) > 0.0:
            raise np.linalg.LinAlgError("not positive definite")
        return found, float(np.log(determinants).sum())

    def find_modes(self, start: Array, close: float) -> tuple[Here | None, float]:
        """Newton's method for v, halving a step that lowers h; with the length of the last step."""
        size, here = 0.0, self.at(start)
        if not np.isfinite(here.h):
            here = self.at(np.zeros_like(start))
        if not np.isfinite(here.h):
            return None, size
        for _ in range(MODE_STEPS if start.size else 0):
            step = self._step(here)
            size = float(np.abs(step).max())
            trial = self.at(here.v + step)
            for _ in range(HALVINGS if size > close else 0):
                if trial.h >= here.h - 1e-12 * (1 + abs(here.h)):
                    break
                step = 0.5 * step
                trial = self.at(here.v + step)
            here = trial
            if size <= close:
                break
        return here, size

    def _step(self, here: Here) -> Array:
        slope = here.s @ self.factor - here.v
        try:
            inverse, _ = self.inverses(here.N)
        except np.linalg.LinAlgError:  # a likelihood that is not concave
            inverse, _ = self.inverses(self.levels.squares(np.maximum(here.w, 0.0)))
        found: Array = np.matmul(inverse, slope[:, :, None])[:, :, 0]
        return found

    def response(self, here: Here) -> Response:
        """Return what the gradient and the Hessian share; LinAlgError as in `inverses`."""
        levels, family, problem = self.levels, self.place.family, self.levels.problem
        inverse, log_determinant = self.inverses(here.N)
        leverage = levels.forms(self.factor @ inverse @ self.factor.T)
        bend = None
        if family.higher is not None:
            third, bend = family.higher(problem.y, here.eta, problem.m, here.r, here.w)
        else:
            third = family.third(problem.y, here.eta, problem.m)
        d = levels.sums(0.5 * leverage * third)
        t = -np.matmul(inverse, (d @ self.factor)[:, :, None])[:, :, 0]
        Lt = t @ self.factor.T
        moved = levels.spread(Lt)
        return Response(inverse, log_determinant, leverage, third, bend, moved, t, Lt, d)

    def gradient(self, here: Here, found: Response) -> Array:
        """In (β, γ, θ)."""
        problem, place = self.levels.problem, self.place
        y = here.r - 0.5 * found.leverage * found.third - here.w * found.moved
        parts = [y @ problem.X]
        slopes = problem.family.auxiliary_slopes
        if slopes is not None:
            value, r, w = slopes(problem.y, here.eta, problem.m, place.psi)
            rows = value - 0.5 * found.leverage[:, None] * w + found.moved[:, None] * r
            parts += [G.T @ rows[:, j] for j, G in enumerate(problem.G)]
        pulled = here.s - found.d - np.matmul(here.N, found.Lt[:, :, None])[:, :, 0]
        by_L = pulled.T @ here.v + here.s.T @ found.t
        by_L -= np.matmul(here.N @ self.factor, found.inverse).sum(axis=0)
        return np.concatenate([*parts, by_L[self.levels.entries]])
