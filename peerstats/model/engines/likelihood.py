"""Which likelihood a problem has, and which of them know their Hessian.

    one grouping factor        onefactor.py   Laplace or quadrature
    one nested in another      nested.py      Laplace, every block diagonal
    several, crossed or deep   crossed.py     Laplace, a dense block for the smaller factors

All have exact Hessians but crossed factors with very many levels, where the search differences the
exact gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.crossed import Crossed, Crossing
from peerstats.model.engines.crossed_curvature import crossed_hessian, has_hessian
from peerstats.model.engines.curvature import laplace_hessian
from peerstats.model.engines.evaluation import Likelihood
from peerstats.model.engines.nested import Nested, is_nested
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.penalised import Penalised
from peerstats.model.engines.problem import Problem
from peerstats.model.engines.quadrature import quadrature_hessian

Array = NDArray[np.float64]
HessianOf = Callable[[Array, Array, Array], Array]  # (β, τ, modes) -> d²L in (β, τ)


def likelihood_of(problem: Problem, nodes: int, alike: Array | None = None) -> Likelihood:
    """Return the likelihood of a problem; `nodes` > 1 needs a single grouping factor.

    `alike` says how many groups each of a single factor stands for (see `onefactor`).
    """
    if len(problem.sizes) == 1:
        return OneFactor(problem=problem, nodes=nodes, alike=alike)
    return Nested(problem) if is_nested(problem) else Crossed(Crossing(problem))


def hessian_of(likelihood: Likelihood) -> HessianOf | None:
    """Return the exact Hessian of the log-likelihood, or None where there is no formula for it."""
    if isinstance(likelihood, Penalised):
        return likelihood.hessian(hessian_of(likelihood.likelihood))
    if isinstance(likelihood, OneFactor):
        return likelihood.hessian if likelihood.nodes == 1 else _by_parts(likelihood)
    if isinstance(likelihood, Crossed):
        return _crossed(likelihood) if has_hessian(likelihood) else None
    return _laplace(likelihood) if isinstance(likelihood, Nested) else None


def _crossed(model: Crossed) -> HessianOf:
    return lambda beta, tau, modes: crossed_hessian(model, beta, tau, modes)


def _by_parts(model: OneFactor) -> HessianOf:
    """The sum over parts of the data, as the log-likelihood is."""
    parts = [(groups, _quadrature(part, Nested(part.problem))) for groups, part in model.parts]

    def hessian(beta: Array, tau: Array, modes: Array) -> Array:
        total: Array = np.sum([of(beta, tau, modes[groups]) for groups, of in parts], axis=0)
        return total

    return hessian


def _laplace(nested: Nested) -> HessianOf:
    def hessian(beta: Array, tau: Array, modes: Array) -> Array:
        fixed = nested.problem.X @ beta + nested.problem.offset
        size = len(beta) + len(tau)
        return laplace_hessian(nested, nested.at(fixed, nested.both(tau), modes))[:size, :size]

    return hessian


def _quadrature(model: OneFactor, nested: Nested) -> HessianOf:
    def hessian(beta: Array, tau: Array, modes: Array) -> Array:
        fixed = nested.problem.X @ beta + nested.problem.offset
        return quadrature_hessian(model, nested, nested.at(fixed, nested.both(tau), modes))

    return hessian
