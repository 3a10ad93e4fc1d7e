"""The log-likelihood of a fit as a function of every parameter, for profiles.

Parameters φ are β, the family's own γ, the random part and, for a gaussian model, log σ. The random
part is written so that each standard deviation is a coordinate: row e of the factor L of a block's
covariance LL' is

    σ_e (t_1, ..., t_{e-1}, 1)/√(1 + Σt²),

which is any lower triangular L, and for two effects ρ = t/√(1 + t²). Gradients follow by the chain
rule from those of the engines. Gaussian models are taken by maximum likelihood, with β and σ
explicit: with β̂(θ), M and r² of `engines.lmm`, n rows and A relative to σ,

    L = -½ [n log 2πσ² + log|H| + r²_β/σ²],   r²_β = r² + (β - β̂)'M(β - β̂).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.errors import ModelError
from peerstats.model.coefficients import auxiliary_names
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.components import component
from peerstats.model.engines.evaluation import Evaluation, Likelihood
from peerstats.model.engines.likelihood import hessian_of, likelihood_of
from peerstats.model.engines.optimise import Hessian
from peerstats.model.engines.penalised import Penalised
from peerstats.model.engines.problem import Problem, make_problem
from peerstats.model.engines.profiled import Linear, slopes
from peerstats.model.penalty import prior_of
from peerstats.model.random_effect import block_covariances

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]
DIFFERENCE = 1e-4  # of a parameter, for the Hessian where it has no formula
Objective = Callable[[Array, Array], Evaluation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """One parameter: its place in φ, and the scale it is printed on."""

    name: str
    place: int
    shown: Callable[[float], float] = float
    is_sd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """L(φ) with its gradient, and the estimates it belongs to."""

    objective: Objective
    hessian: Hessian | None
    best: Array
    modes: Array
    coordinates: tuple[Coordinate, ...]
    held: tuple[int, ...] = ()  # places that stay where they are: the edge of a singular fit
    messages: tuple[str, ...] = ()

    @property
    def formula_order(self) -> list[int]:
        """Places of φ in an order that does not depend on how many levels the factors have."""
        places = [c.place for c in self.coordinates]
        return places if len(places) == len(self.best) else list(range(len(self.best)))


def surface_of(fit: Fit) -> Surface:
    """Return the likelihood of a fit; one by REML must be made one by ML first."""
    problem = make_problem(fit.design, fit.family)
    if fit.family.has_dispersion:
        return _gaussian(fit, problem) if fit.formula.random else _least_squares(fit, problem)
    plain = problem.sizes and not problem.blocks and not fit.family.auxiliary
    return _intercepts(fit, problem) if plain else _general(fit, problem)


def covariance_of(surface: Surface, modes: Array) -> Array:
    """Return the inverse of the Hessian at the estimates; zero for an sd estimated at zero."""
    best = surface.best
    stuck = [c.place for c in surface.coordinates if c.is_sd and best[c.place] == 0]
    stuck += surface.held
    free = [k for k in range(len(best)) if k not in stuck]
    whole = -hessian_at(surface, best, modes)
    found = np.zeros_like(whole)
    found[np.ix_(free, free)] = linalg.inv(whole[np.ix_(free, free)])
    return found


def hessian_at(surface: Surface, phi: Array, modes: Array) -> Array:
    """Return d²L in φ, from differences of the exact gradient where it has no formula."""
    if surface.hessian is not None:
        return surface.hessian(phi, modes)
    rows = []
    for k in range(len(phi)):
        step = np.zeros(len(phi))
        step[k] = DIFFERENCE * max(1.0, abs(phi[k]))
        up, down = (surface.objective(phi + s, modes).gradient for s in (step, -step))
        rows.append((up - down) / (2 * step[k]))
    return 0.5 * (np.array(rows) + np.array(rows).T)


def printed_scale(fit: Fit, surface: Surface) -> Array:
    """Return the derivatives of what `Solution.covariance` is of (log sds, ...) in φ.

    Rows of a log sd or atanh correlation that does not exist are nan.
    """
    problem = make_problem(fit.design, fit.family)
    if not (fit.family.has_dispersion or problem.blocks or fit.family.auxiliary):
        sds = np.array([surface.best[place] for place in surface.formula_order])
        p = len(fit.solution.beta)
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.r_[np.ones(p), 1.0 / sds[p:]]
            return np.diag(sizes)[:, np.argsort(surface.formula_order)]
    random, omega = _random_part(fit, problem)
    theta, change = random.theta(omega)
    parts, at = [np.zeros((0, 0))], 0
    for size in (block.size for block in problem.blocks):
        L = np.zeros((size, size))
        width = size * (size + 1) // 2
        L[np.tril_indices(size)] = theta[at : at + width]
        parts.append(component(L).jacobian)
        at += width
    own = len(fit.solution.beta) + len(fit.solution.auxiliary)
    last = np.eye(int(fit.family.has_dispersion))
    return linalg.block_diag(np.eye(own), linalg.block_diag(*parts) @ change, last)


def _fixed_coordinates(fit: Fit) -> list[Coordinate]:
    names = [*fit.design.names, *auxiliary_names(fit.design, fit.family)]
    return [Coordinate(name=name, place=place) for place, name in enumerate(names)]


def _intercepts(fit: Fit, problem: Problem) -> Surface:
    """Random intercepts: φ = (β, τ in the problem's order)."""
    likelihood = likelihood_of(problem, fit.nodes)
    if fit.penalty:
        prior = prior_of(problem, fit.design, fit.penalty)
        likelihood = Penalised(likelihood=likelihood, penalty=prior)
    p, groups = problem.X.shape[1], [r.group for r in fit.formula.random]
    names = [f"sd({groups[k]} Intercept)" for k in problem.order]
    sds = [float(fit.solution.sds[k]) for k in problem.order]
    order = sorted(range(len(names)), key=lambda k: problem.order[k])
    coordinates = _fixed_coordinates(fit)
    coordinates += [Coordinate(name=names[k], place=p + k, is_sd=True) for k in order]
    return Surface(
        objective=_of_vector(likelihood, p),
        hessian=_hessian_of_vector(likelihood, p),
        best=np.r_[fit.solution.beta, sds],
        modes=np.zeros(sum(problem.sizes)),
        coordinates=tuple(coordinates),
    )


def _of_vector(likelihood: Likelihood, p: int) -> Objective:
    return lambda phi, modes: likelihood.evaluate(phi[:p], phi[p:], modes)


def _hessian_of_vector(likelihood: Likelihood, p: int) -> Hessian | None:
    exact = hessian_of(likelihood)
    return None if exact is None else (lambda phi, modes: exact(phi[:p], phi[p:], modes))


@dataclass(frozen=True, slots=True, eq=False)
class _Random:
    """The coordinates (σ_e, t) of all blocks, row by row of each L, as the engines' θ."""

    sizes: tuple[int, ...]

    def theta(self, omega: Array) -> tuple[Array, Array]:
        """Return θ and dθ/dω; both run row by row through the lower triangles."""
        theta, change = np.zeros(len(omega)), np.zeros((len(omega),) * 2)
        at = 0
        for size in self.sizes:
            for e in range(size):
                row = slice(at, at + e + 1)
                sd, t = omega[at + e], np.r_[omega[at : at + e], 1.0]
                norm = float(np.linalg.norm(t))
                theta[row] = sd * t / norm
                change[row, at + e] = t / norm
                inner = sd * (np.eye(e + 1) / norm - np.outer(t, t) / norm**3)
                change[row, at : at + e] = inner[:, :e]
                at += e + 1
        return theta, change

    def omega(self, covariances: list[Array]) -> Array:
        """Return ω of the estimates."""
        rows = [np.zeros(0)]
        for covariance in covariances:
            sds = np.sqrt(np.diag(covariance))
            if np.any(sds == 0) and len(sds) > 1:
                raise ModelError("A variance of a correlated random term is zero; no profile.")
            scaled = covariance / np.outer(sds, sds) if np.all(sds > 0) else np.eye(len(sds))
            try:
                L = np.linalg.cholesky(scaled)
            except np.linalg.LinAlgError:
                raise ModelError(_PERFECT) from None
            if np.diag(L).min() < 1e-4:
                raise ModelError(_PERFECT)
            rows += [np.r_[L[e, :e] / L[e, e], sds[e]] for e in range(len(sds))]
        return np.concatenate(rows)

    def units(self, sigma: float) -> Array:
        """σ where ω holds a standard deviation, 1 where it holds a t: the LMM's L is relative."""
        parts = [np.r_[np.ones(e), sigma] for size in self.sizes for e in range(size)]
        return np.concatenate([np.zeros(0), *parts])

    def coordinates(self, fit: Fit, start: int) -> list[Coordinate]:
        """Names; a correlation is one coordinate only where a block has two effects."""
        found, place = [], start
        for block in fit.design.random:
            for e, effect in enumerate(block.effects):
                if len(block.effects) == 2 and e == 1:
                    name = f"corr({block.group} {block.effects[0]}, {effect})"
                    shown = lambda t: float(t / np.hypot(1.0, t))  # noqa: E731
                    found.append(Coordinate(name=name, place=place, shown=shown))
                name = f"sd({block.group} {effect})"
                found.append(Coordinate(name=name, place=place + e, is_sd=True))
                place += e + 1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Triangles:
    """The same for a singular fit: ω is θ itself, with nothing to profile in it."""

    sizes: tuple[int, ...]

    def theta(self, omega: Array) -> tuple[Array, Array]:
        return omega, np.eye(len(omega))

    def omega(self, covariances: list[Array]) -> Array:
        found = [_factor(covariance) for covariance in covariances]
        return np.concatenate([np.zeros(0), *(L[np.tril_indices(len(L))] for L in found)])

    def units(self, sigma: float) -> Array:
        return np.full(sum(size * (size + 1) // 2 for size in self.sizes), sigma)

    def coordinates(self, fit: Fit, start: int) -> list[Coordinate]:
        return []


def _factor(covariance: Array) -> Array:
    """Cholesky's L of a singular covariance: a column without a pivot is zero."""
    L, left = np.zeros_like(covariance), covariance.copy()
    for e in range(len(L)):
        if left[e, e] > 1e-8 * covariance[e, e]:
            L[e:, e] = left[e:, e] / np.sqrt(left[e, e])
            left -= np.outer(L[:, e], L[:, e])
    return L


def _random_part(fit: Fit, problem: Problem) -> tuple[_Random | _Triangles, Array]:
    """Coordinates of the random part and their estimates."""
    sizes = tuple(block.size for block in problem.blocks)
    covariances = block_covariances(fit.design, fit.solution)
    try:
        return _Random(sizes), _Random(sizes).omega(covariances)
    except ModelError:
        return _Triangles(sizes), _Triangles(sizes).omega(covariances)


def _edge(random: _Random | _Triangles, omega: Array, start: int) -> dict[str, Any]:
    """What a surface says of a singular fit."""
    if isinstance(random, _Random):
        return {}
    held = tuple(start + int(k) for k in np.flatnonzero(omega == 0))
    return {"held": held, "messages": (_PERFECT,)}


_PERFECT = (
    "The random effects are perfectly correlated or one is zero (singular fit): their standard "
    "deviations have no profile; leave one of them out to see the others'."
)


def _general(fit: Fit, problem: Problem) -> Surface:
    """Any random part by Laplace: φ = (β, γ, ω)."""
    likelihood = Blocks(problem, nodes=fit.nodes)
    k = likelihood.ends[1]
    random, omega = _random_part(fit, problem)

    def objective(phi: Array, modes: Array) -> Evaluation:
        theta, change = random.theta(phi[k:])
        found = likelihood.evaluate(np.r_[phi[:k], theta], modes)
        return replace(found, gradient=np.r_[found.gradient[:k], found.gradient[k:] @ change])

    return Surface(
        objective=objective,
        hessian=None,
        best=np.r_[fit.solution.beta, fit.solution.auxiliary, omega],
        modes=np.zeros(likelihood.structure.q),
        coordinates=tuple(_fixed_coordinates(fit) + random.coordinates(fit, k)),
        **_edge(random, omega, k),
    )


def _gaussian(fit: Fit, problem: Problem) -> Surface:
    """φ = (β, ω, log σ)."""
    linear = Linear(problem=problem, reml=False)
    p, R = problem.X.shape[1], linear.products.triangle
    random, omega = _random_part(fit, problem)

    def objective(phi: Array, modes: Array) -> Evaluation:
        beta, sigma = phi[:p], float(np.exp(phi[-1]))
        theta, change = random.theta(phi[p:-1] / random.units(sigma))
        at = linear.at(theta)
        gap = R @ (beta - at.beta)
        pulled = at.root @ (at.root.T @ gap)
        r2 = at.r2 + float(gap @ pulled)
        v = at.v - at.solved @ gap
        here = replace(at, v=v, pull=linear.pull(at.L, at.moved + gap, v))
        by_theta, by_r2 = slopes(linear, here)
        by_log = -2 * by_theta - linear.df * by_r2 / at.r2
        value = -0.5 * (linear.n * np.log(2 * np.pi * sigma**2) + at.H.log_determinant)
        by_omega = -0.5 * ((by_log + by_r2 / sigma**2) @ change) / random.units(sigma)
        sds = phi[p:-1] * (random.units(sigma) != 1)
        by_sigma = -linear.n + r2 / sigma**2 - by_omega @ sds
        gradient = np.r_[-R.T @ pulled / sigma**2, by_omega, by_sigma]
        return Evaluation(value=value - 0.5 * r2 / sigma**2, gradient=gradient, modes=modes)

    log_sigma = 0.5 * float(np.log(fit.solution.dispersion))
    coordinates = _fixed_coordinates(fit) + random.coordinates(fit, p)
    coordinates.append(
        Coordinate(
            name="sd(Residual)", place=p + len(omega), shown=lambda value: float(np.exp(value))
        )
    )
    return Surface(
        objective=objective,
        hessian=None,
        best=np.r_[fit.solution.beta, omega, log_sigma],
        modes=np.zeros(0),
        coordinates=tuple(coordinates),
        **_edge(random, omega, p),
    )


def _least_squares(fit: Fit, problem: Problem) -> Surface:
    """No random part: φ = (β, log σ), the maximum of σ² being the mean square."""
    X, m, y = problem.X, problem.m, problem.y - problem.offset
    n = float(m.sum())

    def objective(phi: Array, modes: Array) -> Evaluation:
        residual, variance = y - X @ phi[:-1], float(np.exp(2 * phi[-1]))
        square = float(m @ residual**2) / variance
        value = -0.5 * (n * np.log(2 * np.pi * variance) + square)
        gradient = np.r_[X.T @ (m * residual) / variance, square - n]
        return Evaluation(value=value, gradient=gradient, modes=modes)

    rest = y - X @ fit.solution.beta
    log_sigma = 0.5 * float(np.log(m @ rest**2 / n))
    sigma = Coordinate(name="sd(Residual)", place=X.shape[1], shown=lambda at: float(np.exp(at)))
    return Surface(
        objective=objective,
        hessian=None,
        best=np.r_[fit.solution.beta, log_sigma],
        modes=np.zeros(0),
        coordinates=(*_fixed_coordinates(fit), sigma),
    )
