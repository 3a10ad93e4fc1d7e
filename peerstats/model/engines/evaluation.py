"""The log-likelihood and gradient at one parameter value, with the modes it was taken at."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODE_STEPS = 60  # Newton steps for the modes; a concave problem needs far fewer
CLOSE = 1e-5  # after a Newton step this small the next error is about its square
# A step that is not taken in the middle of a search, but for what it adds to first order. Each
# value starts closer to its modes than the last, at the optimum within the square of its last step.
CLOSE_ON_THE_WAY = 3e-4
CLOSE_AT_FIRST = 1e-4
HALVINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """`value` is the log-likelihood, `gradient` its derivative in (β, τ); `modes` are v.

    `hessian` holds the second derivatives of likelihoods that know them with the first.
    """

    value: float
    gradient: Array
    modes: Array
    hessian: Array | None = None

    @property
    def usable(self) -> bool:
        """False where the likelihood is zero or not a number, e.g. outside a link's range."""
        return isfinite(self.value) and isfinite(self.gradient.sum())


class Likelihood(Protocol):
    """What the optimiser needs of a model: a start, and values with gradients."""

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return value, gradient and modes, the search for the modes starting at `modes`."""

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Return the conditional standard deviations of the whitened effects v."""

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """Return a first guess at the information about β (p, p) and each τ, for scaling."""
