"""Newton or quasi-Newton in a whitened space, with exact gradients.

Parameters ψ = start + S x, where S S' is a first guess at the covariance of the estimates, so one
unit of x is about one standard error and the Hessian in x is near the identity.

With an exact Hessian, Newton's method from the start: four or five values of the likelihood. Where
the Hessian is not positive definite (far from the optimum, in the direction of a variance), its
eigenvalues are replaced by their absolute values, not below a tenth, so that the step still
descends and leaves a saddle (Nocedal & Wright 2006, section 3.4).

Without one, BFGS (their chapter 6) brings the gradient below a thousandth of a standard error;
central differences of the exact gradient then give the Hessian, and one or two Newton steps finish.

The same Hessian gives the standard errors. An exact one is taken at the very end; a differenced
one is kept when the last step was too short to change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.engines.evaluation import Evaluation

Array = NDArray[np.float64]
Objective = Callable[[Array, Array], Evaluation]  # (parameters, modes) -> evaluation
Hessian = Callable[[Array, Array], Array]  # (parameters, modes) -> second derivatives

COARSE = 1e-3  # gradient, in standard errors, at which BFGS hands over to Newton
FINE = 1e-6  # gradient at which the optimum counts as reached
FINEST = 1e-7  # the same where the Hessian is exact and a last step is cheap
MOST_STEPS = 150
MOST_SADDLES = 3  # left before giving up
LONGEST_STEP = 4.0  # standard errors
KEEP = 1e-5  # gradient below which the last Hessian is good enough for a step
LEAST_EIGENVALUE = 1e-6  # of a Hessian that counts as positive definite
UNEVEN = 30.0  # eigenvalue of the Hessian at which the scale was a bad guess (1 is expected)
LEAST_CURVE = 0.1  # of a direction in which the Hessian is not positive definite
DIFFERENCE = 1e-3  # standard errors, for the Hessian


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """Where the search ended, in the original parameters; `hessian` is that of -L."""

    parameters: Array
    evaluation: Evaluation
    hessian: Array
    gradient: float  # largest element in standard errors
    min_eigenvalue: float  # of the whitened Hessian
    iterations: int
    restart: float = np.nan  # standard errors to where another start ended, if there was one

    @property
    def reached(self) -> bool:
        """True at a maximum: gradient zero, curvature downward in every direction."""
        return self.gradient < 1e-4 and self.min_eigenvalue > LEAST_EIGENVALUE


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    x: Array
    evaluation: Evaluation
    gradient: Array  # of -L in x


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    objective: Objective
    start: Array
    scale: Array
    hessian: Hessian | None

    def at(self, x: Array, modes: Array) -> _Point:
        found = self.objective(self.start + self.scale @ x, modes)
        return _Point(x, found, -(found.gradient @ self.scale))

    def curvature(self, point: _Point) -> Array | None:
        """The Hessian of -L in x; None without a formula or where it is not finite."""
        if self.hessian is None or not point.evaluation.usable:
            return None
        found = self.hessian(self.start + self.scale @ point.x, point.evaluation.modes)
        return -(self.scale.T @ found @ self.scale) if np.isfinite(found).all() else None


def maximise(
    objective: Objective, start: Array, scale: Array, modes: Array, hessian: Hessian | None = None
) -> Optimum:
    """Maximise from `start`; `scale` is S, `modes` the first guess at the effects.

    `hessian` gives the second derivatives of the log-likelihood where they have a formula.
    """
    space = _Space(objective, start, scale, hessian)
    point, steps = climb(space, modes)
    curvature = space.curvature(point)
    if curvature is None:
        space, point, curvature, more = _difference_and_finish(space, point)
        steps += more
    eigenvalues = np.linalg.eigvalsh(curvature)
    back = np.linalg.inv(space.scale)
    return Optimum(
        parameters=space.start + space.scale @ point.x,
        evaluation=point.evaluation,
        hessian=back.T @ curvature @ back,
        gradient=_distance(curvature, point.gradient),
        min_eigenvalue=float(eigenvalues.min(initial=1.0)),
        iterations=steps,
    )


def compared(kept: Optimum, other: Optimum, fixed: int) -> Optimum:
    """Return the optimum kept, with its distance to that of another start.

    Parameters after the first `fixed` are of the random part, whose sign means nothing.
    """
    here, there = kept.parameters.copy(), other.parameters.copy()
    here[fixed:], there[fixed:] = np.abs(here[fixed:]), np.abs(there[fixed:])
    apart = np.abs(here - there)
    steep = np.sqrt(np.maximum(np.diag(kept.hessian), 0.0))
    if kept.min_eigenvalue > LEAST_EIGENVALUE:
        steep = 1.0 / np.sqrt(np.diag(np.linalg.inv(kept.hessian)))
    return replace(kept, restart=float((apart * steep).max(initial=0.0)))


def _difference_and_finish(space: _Space, point: _Point) -> tuple[_Space, _Point, Array, int]:
    """Newton's last steps by a differenced Hessian, after leaving saddles."""
    point, curvature, steps = _finish(space, point)
    for _ in range(MOST_SADDLES):
        beyond = _leave_saddle(space, point, curvature)
        if beyond is None:
            break
        point, more = _quasi_newton(space, beyond, COARSE)
        point, curvature, last = _finish(space, point)
        steps += more + last
    if np.linalg.eigvalsh(curvature).max(initial=0.0) > UNEVEN:
        # Differences were too coarse for the steepest direction: once more, in its own units.
        space = _evened(space, point, curvature)
        modes = point.evaluation.modes
        point, curvature, more = _finish(space, space.at(np.zeros_like(point.x), modes))
        steps += more
    return space, point, curvature, steps


def _evened(space: _Space, point: _Point, curvature: Array) -> _Space:
    """The space around `point` in which its curvature is about the identity."""
    scale = space.scale @ whitening(curvature)
    return replace(space, start=space.start + space.scale @ point.x, scale=scale)


def whitening(information: Array) -> Array:
    """The inverse of the transposed Cholesky factor, eigenvalues kept away from zero."""
    sizes = np.sqrt(np.maximum(np.diag(information), 1e-12))
    values, vectors = np.linalg.eigh(information / np.outer(sizes, sizes))
    found: Array = vectors / np.sqrt(np.maximum(values, 1e-6)) / sizes[:, None]
    return found


def _distance(curvature: Array, gradient: Array) -> float:
    """The largest element of the gradient in the standard errors of the Hessian found."""
    try:
        root = np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        return float(np.abs(gradient).max(initial=0.0))
    scaled = linalg.solve_triangular(root, gradient, lower=True) if len(gradient) else gradient
    return float(np.abs(scaled).max(initial=0.0))


def highest(
    objective: Objective,
    start: Array,
    scale: Array,
    modes: Array,
    hessian: Hessian | None = None,
    fine: float = FINE,
) -> tuple[Array, Evaluation]:
    """Maximise as `maximise` does, for the place and value only: no Hessian at the end.

    A parameter whose row of S is zero stays at its start.
    """
    space = _Space(objective, start, scale, hessian)
    point, _ = climb(space, modes, fine)
    return start + scale @ point.x, point.evaluation


def climb(space: _Space, modes: Array, fine: float = COARSE) -> tuple[_Point, int]:
    """Search from the start, by Newton's method to the end where the Hessian is known.

    Otherwise by BFGS until the gradient is below `fine`.
    """
    point = space.at(np.zeros(space.scale.shape[1]), modes)
    if space.hessian is None:
        return _quasi_newton(space, point, fine)
    return _newton(space, point, fine)


def _newton(space: _Space, point: _Point, fine: float) -> tuple[_Point, int]:
    """Newton's method to the end; BFGS until `fine` from where the Hessian is not finite.

    A Hessian makes the next step twice as exact and lets the modes start close to where they end,
    so it is taken at every step but the last ones, which are too short to change it.
    """
    inverse = np.zeros(0)
    for step in range(MOST_STEPS):
        size = np.abs(point.gradient).max(initial=0.0)
        if size < FINEST:
            return point, step
        if not len(inverse) or size > KEEP:
            curvature = space.curvature(point)
            if curvature is None:
                return _quasi_newton(space, point, fine)
            inverse = _downward(curvature)
        direction = -inverse @ point.gradient
        direction *= min(1.0, LONGEST_STEP / float(np.linalg.norm(direction)))
        trial = _search(space, point, direction)
        if trial is None:
            return point, step
        point = trial
    return point, MOST_STEPS


def _downward(curvature: Array) -> Array:
    """The Hessian's inverse; by absolute eigenvalues where it is not positive definite."""
    values, vectors = np.linalg.eigh(curvature)
    if values[0] <= LEAST_EIGENVALUE:
        values = np.maximum(np.abs(values), LEAST_CURVE)
    inverse: Array = (vectors / values) @ vectors.T
    return inverse


def _finish(space: _Space, point: _Point) -> tuple[_Point, Array, int]:
    """Newton's steps with a differenced Hessian, which is kept after short steps."""
    hessian = _differenced(space, point)
    for taken in range(4):
        step = _newton_step(hessian, point.gradient)
        if step is None:
            return point, hessian, taken
        trial = space.at(point.x + step, point.evaluation.modes)
        slack = 1e-9 * (1 + abs(point.evaluation.value))
        if not trial.evaluation.usable or trial.evaluation.value < point.evaluation.value - slack:
            return point, hessian, taken + 1
        point = trial
        if np.abs(step).max(initial=0.0) > 1e-2:
            hessian = _differenced(space, point)
        if np.abs(point.gradient).max(initial=0.0) < FINE:
            return point, hessian, taken + 1
    return point, hessian, 4


def _leave_saddle(space: _Space, point: _Point, hessian: Array) -> _Point | None:
    """A higher point along the direction in which the likelihood curves upward, if there is one."""
    values, vectors = np.linalg.eigh(hessian)
    if values.min(initial=0.0) > -LEAST_EIGENVALUE:
        return None
    least = point.evaluation.value + 1e-9 * (1 + abs(point.evaluation.value))
    for size in (1.0, -1.0, 0.3, -0.3):
        trial = space.at(point.x + size * vectors[:, 0], point.evaluation.modes)
        if trial.evaluation.usable and trial.evaluation.value > least:
            return trial
    return None


def _newton_step(hessian: Array, gradient: Array) -> Array | None:
    try:
        return -linalg.cho_solve(linalg.cho_factor(hessian), gradient)
    except linalg.LinAlgError:
        return None


def _quasi_newton(space: _Space, point: _Point, fine: float) -> tuple[_Point, int]:
    inverse = np.eye(len(point.x))
    for step in range(MOST_STEPS):
        if np.abs(point.gradient).max(initial=0.0) < fine:
            return point, step
        direction = -inverse @ point.gradient
        if direction @ point.gradient >= 0:  # lost positive definiteness: start afresh
            inverse = np.eye(len(point.x))
            direction = -point.gradient
        direction *= min(1.0, LONGEST_STEP / float(np.linalg.norm(direction)))
        trial = _search(space, point, direction)
        if trial is None:
            return point, step
        inverse = _update(inverse, trial.x - point.x, trial.gradient - point.gradient)
        point = trial
    return point, MOST_STEPS


def _search(space: _Space, point: _Point, direction: Array) -> _Point | None:
    """Shorten the step until -L falls enough (Armijo), by the minimum of a parabola."""
    slope = float(direction @ point.gradient)
    here = -point.evaluation.value
    length = 1.0
    for _ in range(30):
        trial = space.at(point.x + length * direction, point.evaluation.modes)
        if trial.evaluation.usable:
            there = -trial.evaluation.value
            if there <= here + 1e-4 * length * slope + 1e-12 * abs(here):
                return trial
            best = -slope * length**2 / (2 * (there - here - slope * length))
            length = min(max(best, 0.1 * length), 0.5 * length)
        else:
            length *= 0.25
    return None


def _update(inverse: Array, step: Array, change: Array) -> Array:
    """The BFGS update of the inverse Hessian; skipped where the curvature is not positive."""
    curvature = float(step @ change)
    if curvature <= 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
        return inverse
    left = np.eye(len(step)) - np.outer(step, change) / curvature
    return left @ inverse @ left.T + np.outer(step, step) / curvature


def _differenced(space: _Space, point: _Point) -> Array:
    """Central differences of the exact gradient, made symmetric."""
    size, modes = len(point.x), point.evaluation.modes
    rows = np.empty((size, size))
    for k in range(size):
        shift = np.zeros(size)
        shift[k] = DIFFERENCE
        up = space.at(point.x + shift, modes)
        # The modes move nearly linearly, so those below are the mirror image of those above.
        down = space.at(point.x - shift, 2.0 * modes - up.evaluation.modes)
        rows[k] = (up.gradient - down.gradient) / (2 * DIFFERENCE)
    return 0.5 * (rows + rows.T)
