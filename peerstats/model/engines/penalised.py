"""A likelihood with a penalty on β and on τ: still exact gradients, and an exact Hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.evaluation import Evaluation, Likelihood

Array = NDArray[np.float64]
Terms = tuple[float, Array, Array]  # value, gradient and Hessian
HessianOf = Callable[[Array, Array, Array], Array]


class Penalty(Protocol):
    """What is added to a log-likelihood: one function of β and one of τ."""

    @property
    def holds_slopes(self) -> bool:
        """True where every slope has a finite estimate whatever the data."""

    def on_beta(self, beta: Array) -> Terms:
        """Return value, gradient and Hessian in β."""

    def on_tau(self, tau: Array) -> Terms:
        """Return value, gradient and Hessian in τ."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Penalised:
    """A likelihood with its penalty, for the search; the modes are those of the likelihood."""

    likelihood: Likelihood
    penalty: Penalty

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return value, gradient in (β, τ) and modes."""
        found = self.likelihood.evaluate(beta, tau, modes)
        by_beta, by_tau = self.penalty.on_beta(beta), self.penalty.on_tau(tau)
        return replace(
            found,
            value=found.value + by_beta[0] + by_tau[0],
            gradient=found.gradient + np.r_[by_beta[1], by_tau[1]],
            hessian=None,
        )

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Return the likelihood's own."""
        return self.likelihood.mode_sds(beta, tau, modes)

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """Return the likelihood's own, with the penalty on τ, which bends most near zero."""
        by_beta, by_tau = self.likelihood.information(beta, tau)
        return by_beta, by_tau - np.diag(self.penalty.on_tau(tau)[2])

    def hessian(self, whole: HessianOf | None) -> HessianOf | None:
        """Add the penalty to the likelihood's exact Hessian, where there is one."""
        if whole is None:
            return None

        def penalised(beta: Array, tau: Array, modes: Array) -> Array:
            found = np.array(whole(beta, tau, modes))
            p = len(beta)
            found[:p, :p] += self.penalty.on_beta(beta)[2]
            found[p:, p:] += self.penalty.on_tau(tau)[2]
            return found

        return penalised
