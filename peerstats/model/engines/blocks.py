"""Any random part, with or without auxiliary parameters: Laplace's approximation, exact gradient.

η = Xβ + offset + A v, A = ZΛ(θ), v ~ N(0, I); ψ_j = G_j γ_j (see `families.family`). At the mode v̂
of h(v) = l(η, ψ) - ½ v'v, with H = A'WA + I (`elimination`),

    L = h(v̂) - ½ log|H|.

Gradient. With the leverages a_i = [A H^-1 A']_ii, s_i = a_i W'_i, t = -½ H^-1 A's and, for a block
with the factor L of its covariance LL', z_i its row of Z, u_i = [H^-1 a_i] at the level of row i,

    dL/dβ   = X'y,   y = r - ½ s - W ∘ A t
    dL/dγ_j = G_j'(l_ψ - ½ a ∘ W_ψ + (A t) ∘ r_ψ)
    dL/dL   = Σ_i z_i (y_i v̂ + r_i t - W_i u_i)'   (lower triangle; v̂ and t at the level of row i).

With several nodes r and l_ψ are means over nodes and the rest as `cubature` has it.

v̂ moves with the parameters by H^-1 ∂(A'r - v), which is where t comes from: t'∂(A'r - v) is the
response of -½ log|H| through the modes. Without random effects the same lines give plain maximum
likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.blocks_curvature import laplace_hessian
from peerstats.model.engines.cubature import at_nodes
from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.evaluation import CLOSE, HALVINGS, MODE_STEPS, Evaluation
from peerstats.model.engines.place import Place, State, Sums
from peerstats.model.engines.problem import Problem
from peerstats.model.engines.slopes import Here, Levels, Response, Slopes
from peerstats.model.engines.structure import Loadings, Structure, knowledge, lower

Array = NDArray[np.float64]
ON_THE_WAY = 1e-3  # instead of CLOSE, for values whose modes start from where they are predicted


@dataclass(slots=True, eq=False)
class _Memory:
    """Where the likelihood was evaluated last: a search asks for the Hessian there, and goes on.

    `moves` are the modes' derivatives, (q, parameters), once the Hessian is known.
    """

    parameters: Array = field(default_factory=lambda: np.zeros(0))
    modes: Array | None = None
    state: tuple[Slopes, Here, Response] | None = None
    moves: Array | None = None
    size: float = 0.0  # of the last step for the modes


@dataclass(frozen=True, eq=False)
class Blocks:
    """The likelihood of a problem with `blocks`, in parameters (β, γ, θ).

    More than one node needs a single grouping factor.
    """

    problem: Problem
    nodes: int = 1
    _last: _Memory = field(default_factory=_Memory, init=False, repr=False)

    @cached_property
    def structure(self) -> Structure:
        """Where effects meet."""
        return Structure(self.problem)

    @cached_property
    def ends(self) -> tuple[int, int, int]:
        """Where β, γ and θ end."""
        p = self.problem.X.shape[1]
        k = p + sum(G.shape[1] for G in self.problem.G)
        return p, k, k + sum(b.size * (b.size + 1) // 2 for b in self.problem.blocks)

    def place(self, parameters: Array) -> Place:
        """Split the parameters."""
        problem, (p, k, _) = self.problem, self.ends
        psi, at = np.zeros((problem.n, len(problem.G))), p
        for j, G in enumerate(problem.G):
            psi[:, j] = G @ parameters[at : at + G.shape[1]]
            at += G.shape[1]
        L = self.structure.split(parameters[k:])
        family = problem.family if problem.family.at is None else problem.family.at(psi)
        fixed = problem.X @ parameters[:p] + problem.offset
        return Place(fixed, psi, family, L, self.structure.loadings(L))

    def evaluate(self, parameters: Array, modes: Array, close: float = CLOSE) -> Evaluation:
        """Return log-likelihood, gradient in (β, γ, θ) and modes, good to about `close` squared."""
        nothing = Evaluation(value=-np.inf, gradient=np.zeros(len(parameters)), modes=modes)
        try:
            found = (
                self._by_levels(parameters, modes, close)
                if self.knows_hessian
                else self._by_elimination(parameters, modes)
            )
        except np.linalg.LinAlgError:
            return nothing
        return nothing if found is None else found

    def approach(self, parameters: Array, modes: Array) -> Evaluation:
        """The same, as exactly as a search needs it that goes on from there."""
        return self.evaluate(parameters, modes, ON_THE_WAY)

    @property
    def settled(self) -> bool:
        """True where the modes found last are as exact as `evaluate` finds them."""
        return self._last.size <= CLOSE

    def _by_levels(self, parameters: Array, modes: Array, close: float) -> Evaluation | None:
        last, levels = self._last, self.levels
        if last.moves is not None and last.modes is modes:
            modes = modes + last.moves @ (parameters - last.parameters)
        model = Slopes(levels, self.place(parameters))
        here, last.size = model.find_modes(modes.reshape(len(levels.starts), -1), close)
        if here is None:
            return None
        found = model.response(here)
        value = here.h - 0.5 * found.log_determinant + self.problem.constant
        gradient = model.gradient(here, found)
        modes = here.v.reshape(-1)
        last.parameters, last.modes = parameters.copy(), modes
        last.state, last.moves = (model, here, found), None
        return Evaluation(value=value, gradient=gradient, modes=modes)

    def _by_elimination(self, parameters: Array, modes: Array) -> Evaluation | None:
        place = self.place(parameters)
        at = self.find_modes(place, modes)
        if at is None:
            return None
        H = Eliminated.factor(place.loadings, at.w)
        sums = None if self.nodes == 1 else at_nodes(place, at, H, self.nodes)
        value = at.h - 0.5 * H.log_determinant if sums is None else sums.value
        gradient = self._gradient(place, at, H, sums)
        return Evaluation(value=value + self.problem.constant, gradient=gradient, modes=at.v)

    @property
    def knows_hessian(self) -> bool:
        """True for Laplace's approximation with effects of one factor, or of none."""
        return self.nodes == 1 and not self.structure.rest_size

    @cached_property
    def levels(self) -> Levels:
        """The rows, where `knows_hessian`."""
        return Levels.of(self.structure)

    def hessian(self, parameters: Array, modes: Array) -> Array:
        """Second derivatives in (β, γ, θ) at the modes, where `knows_hessian`."""
        last = self._last
        if last.state and last.modes is modes and np.array_equal(last.parameters, parameters):
            found, last.moves = laplace_hessian(*last.state)
            return found
        model = Slopes(self.levels, self.place(parameters))
        here = model.at(modes.reshape(len(self.levels.starts), -1))
        try:
            return laplace_hessian(model, here, model.response(here))[0]
        except np.linalg.LinAlgError:
            return np.full((len(parameters),) * 2, np.nan)

    def at(self, place: Place, v: Array) -> State:
        """Rows' η, r, W and h at one v."""
        problem = self.problem
        eta = place.fixed + place.loadings.spread(v)
        kernel, r, w = place.family.slopes(problem.y, eta, problem.m)
        return State(v, eta, r, w, float(kernel.sum() - 0.5 * v @ v))

    def find_modes(self, place: Place, start: Array) -> State | None:
        """Newton's method for v, halving a step that lowers h."""
        here = self.at(place, start)
        if not np.isfinite(here.h):
            here = self.at(place, np.zeros_like(start))
        if not np.isfinite(here.h):
            return None
        for _ in range(MODE_STEPS if len(start) else 0):
            step = _factor(place.loadings, here.w).solve(place.loadings.gather(here.r) - here.v)
            size = float(np.abs(step).max())
            trial = self.at(place, here.v + step)
            for _ in range(HALVINGS if size > CLOSE else 0):
                if trial.h >= here.h - 1e-12 * (1 + abs(here.h)):
                    break
                step = 0.5 * step
                trial = self.at(place, here.v + step)
            here = trial
            if size <= CLOSE:
                break
        return here

    def _gradient(self, place: Place, at: State, H: Eliminated, sums: Sums | None) -> Array:
        problem, s, a = self.problem, self.structure, place.loadings
        first, rest = H.row_products(a)
        if sums is not None:
            first = np.einsum("nij,nj->ni", sums.M[s.code], a.first)
        leverage = np.einsum("nk,nk->n", a.first, first) + np.einsum("nm,nm->n", a.rest, rest)
        half = 0.5 * leverage * place.family.third(problem.y, at.eta, problem.m)
        t = H.solve((0.0 if sums is None else sums.c.ravel()) - a.gather(half))
        moved = a.spread(t)
        response = half + at.w * moved
        by_theta = []
        for k, block in enumerate(problem.blocks):
            span = s.spans[k]
            inverse = s.fold(k, (first if k in s.first else rest)[:, span])
            effects = s.row_effects(k, at.v)
            inner = at.r[:, None] * effects if sums is None else sums.rz[:, span]
            inner = inner - response[:, None] * effects + at.r[:, None] * s.row_effects(k, t)
            total = block.Z.T @ (inner - at.w[:, None] * inverse)
            by_theta.append(total[lower(block)])
        y = (at.r if sums is None else sums.r) - response
        by_gamma = self._by_gamma(place, at, (leverage, moved), sums)
        return np.concatenate([y @ problem.X, by_gamma, *by_theta])

    def _by_gamma(
        self, place: Place, at: State, motion: tuple[Array, Array], sums: Sums | None
    ) -> Array:
        problem, (leverage, moved) = self.problem, motion
        slopes = problem.family.auxiliary_slopes
        if slopes is None:
            return np.zeros(0)
        value, r, w = slopes(problem.y, at.eta, problem.m, place.psi)
        value = value if sums is None else sums.by_psi
        rows = value - 0.5 * leverage[:, None] * w + moved[:, None] * r
        return np.concatenate([G.T @ rows[:, j] for j, G in enumerate(problem.G)])

    def information(self, parameters: Array) -> tuple[Array, Array]:
        """X'(W - WA H^-1 A'W)X, and for each entry of θ about what its effects know of it."""
        problem, s = self.problem, self.structure
        place = self.place(parameters)
        at = self.at(place, np.zeros(s.q))
        w = np.maximum(at.w, 0.0)
        H = _factor(place.loadings, w)
        weighted = problem.X * w[:, None]
        right = np.array([place.loadings.gather(column) for column in weighted.T])
        right = right.reshape(problem.X.shape[1], s.q)
        known = knowledge(s, place.L, w)
        return problem.X.T @ weighted - right @ H.solve(right.T), known


def _factor(loadings: Loadings, w: Array) -> Eliminated:
    """H, with W at least 0 where a likelihood that is not concave would leave it indefinite."""
    try:
        return Eliminated.factor(loadings, w)
    except np.linalg.LinAlgError:
        return Eliminated.factor(loadings, np.maximum(w, 0.0))
