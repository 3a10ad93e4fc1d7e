"""Newton's method with an exact Hessian, in no units at all.

With g the gradient and A the negative Hessian of the log-likelihood, the step A⁻¹g and its length
λ = (g'A⁻¹g)^½, in standard errors, are the same on every scale of the parameters (Boyd &
Vandenberghe 2004, section 9.5). So as long as A is positive definite nothing needs to be
whitened, and a small fit saves what that costs. λ squares from step to step near the maximum: where
it is below `NEAR` the last step is taken without looking, which leaves about λ² standard errors.

Where A is not positive definite, or a step finds no higher point, None is returned and the search
of `optimise` begins from the start again.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.optimise import Hessian, Objective, Optimum

Array = NDArray[np.float64]

MOST_STEPS = 50
LONGEST_STEP = 4.0  # standard errors
NEAR = 1e-5  # standard errors from the maximum
SHORTEST = 1e-3  # share of a step
UNEVEN = 1e-10  # squared share that a parameter has of its own in a Hessian that can be trusted


def newton(
    objective: Objective, start: Array, modes: Array, hessian: Hessian, near: float = NEAR
) -> Optimum | None:
    """Maximise from `start`, or give None where another method is needed.

    From `near`, in standard errors, the last step is taken.
    `min_eigenvalue` of what is returned is that of A at the maximum, in the units of A at the
    start: a direction that has gone flat on the way shows there.
    """
    place, here = start, objective(start, modes)
    first: Array | None = None
    for steps in range(MOST_STEPS):
        if not here.usable:
            return None
        curvature = -(hessian(place, here.modes) if here.hessian is None else here.hessian)
        step = _solve(curvature, here.gradient)
        if step is None:
            return None
        first = curvature if first is None else first
        length = sqrt(max(float(here.gradient @ step), 0.0))
        if length < near:
            return Optimum(
                parameters=place + step,
                evaluation=replace(here, value=here.value + 0.5 * length * length),
                hessian=curvature,
                gradient=length,
                min_eigenvalue=_least(curvature, first),
                iterations=steps,
            )
        share = min(1.0, LONGEST_STEP / length)
        found = _higher(objective, (place, here), step, share)
        if found is None:
            return None
        place, here = found
    return None


def _higher(
    objective: Objective, here: tuple[Array, Evaluation], step: Array, share: float
) -> tuple[Array, Evaluation] | None:
    """Shorten the step until the log-likelihood is higher, or lower by next to nothing.

    Next to nothing: values on the way are as exact as their modes, which is not to the last digit.
    """
    place, old = here
    slope = float(old.gradient @ step)
    while share > SHORTEST:
        trial = place + share * step
        found = objective(trial, old.modes)
        if found.value >= old.value - 1e-3 * share * slope - 1e-9 * (1.0 + abs(old.value)):
            return trial, found
        share *= 0.4
    return None


def _solve(matrix: Array, vector: Array) -> Array | None:
    """Solve in the scale of the diagonal; None when the matrix is not clearly positive definite."""
    diagonal = matrix.diagonal()
    if not (diagonal.min(initial=1.0) > 0.0 and diagonal.max(initial=1.0) < np.inf):
        return None
    size = np.sqrt(diagonal)
    factor, failed = lapack.dpotrf(matrix / (size[:, None] * size))
    if failed or not factor.diagonal().min(initial=1.0) ** 2 > UNEVEN:
        return None
    found: Array = lapack.dpotrs(factor, vector / size)[0] / size
    return found


def _least(curvature: Array, first: Array) -> float:
    """The smallest eigenvalue of one Hessian in the units of another, positive definite."""
    if not len(first):
        return 1.0
    values, _, failed = lapack.dsygv(curvature, first, jobz="N")
    return float(values[0]) if not failed else np.nan
