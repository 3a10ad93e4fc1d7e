"""Quasi-Newton, then Newton, in a whitened space, with exact gradients.

Parameters ψ = start + S x, where S S' is a first guess at the covariance of the estimates, so one
unit of x is about one standard error and the Hessian in x is near the identity. BFGS (Nocedal &
Wright 2006, ch. 6) brings the gradient below a thousandth of a standard error; central
differences of the exact gradient then give the Hessian, and one or two Newton steps finish. The
same Hessian gives the standard errors, so its accuracy is checked by the size of the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.engines.evaluation import Evaluation

Array = NDArray[np.float64]
Objective = Callable[[Array, Array], Evaluation]  # (parameters, modes) -> evaluation

COARSE = 1e-3  # gradient, in standard errors, at which BFGS hands over to Newton
FINE = 1e-6  # gradient at which the optimum counts as reached
MOST_STEPS = 150
LONGEST_STEP = 4.0  # standard errors
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

    @property
    def reached(self) -> bool:
        """True at a maximum: gradient zero, curvature downward in every direction."""
        return self.gradient < 1e-4 and self.min_eigenvalue > 1e-6


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

    def at(self, x: Array, modes: Array) -> _Point:
        found = self.objective(self.start + self.scale @ x, modes)
        return _Point(x, found, -(found.gradient @ self.scale))


def maximise(objective: Objective, start: Array, scale: Array, modes: Array) -> Optimum:
    """Maximise from `start`; `scale` is S, `modes` the first guess at the effects."""
    space = _Space(objective, start, scale)
    point = space.at(np.zeros(scale.shape[1]), modes)
    point, steps = _quasi_newton(space, point)
    hessian = _hessian(space, point)
    for _ in range(4):
        step = _newton_step(hessian, point.gradient)
        if step is None:
            break
        trial = space.at(point.x + step, point.evaluation.modes)
        steps += 1
        slack = 1e-9 * (1 + abs(point.evaluation.value))
        if not trial.evaluation.usable or trial.evaluation.value < point.evaluation.value - slack:
            break
        point = trial
        if np.abs(step).max(initial=0.0) > 1e-2:
            hessian = _hessian(space, point)
        if np.abs(point.gradient).max(initial=0.0) < FINE:
            break
    eigenvalues = np.linalg.eigvalsh(hessian)
    back = np.linalg.inv(scale)
    return Optimum(
        parameters=start + scale @ point.x,
        evaluation=point.evaluation,
        hessian=back.T @ hessian @ back,
        gradient=float(np.abs(point.gradient).max(initial=0.0)),
        min_eigenvalue=float(eigenvalues.min(initial=1.0)),
        iterations=steps,
    )


def _newton_step(hessian: Array, gradient: Array) -> Array | None:
    try:
        return -linalg.cho_solve(linalg.cho_factor(hessian), gradient)
    except linalg.LinAlgError:
        return None


def _quasi_newton(space: _Space, point: _Point) -> tuple[_Point, int]:
    inverse = np.eye(len(point.x))
    for step in range(MOST_STEPS):
        if np.abs(point.gradient).max(initial=0.0) < COARSE:
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


def _hessian(space: _Space, point: _Point) -> Array:
    """Central differences of the exact gradient, made symmetric."""
    size = len(point.x)
    rows = np.empty((size, size))
    for k in range(size):
        shift = np.zeros(size)
        shift[k] = DIFFERENCE
        up = space.at(point.x + shift, point.evaluation.modes).gradient
        down = space.at(point.x - shift, point.evaluation.modes).gradient
        rows[k] = (up - down) / (2 * DIFFERENCE)
    return 0.5 * (rows + rows.T)
