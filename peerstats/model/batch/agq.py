"""The likelihood of a random-intercept logit by adaptive quadrature, for many replicates at once.

With h_j(z) = Σ_c [yes η - n log(1 + e^η)] - z²/2, η = x'β + τ z, mode v_j, s_j = (-h_j''(v_j))^-½
and nodes z_q = v_j + √2 s_j g_q, weights p_q are the normalised terms of

    L_j = log s_j - ½ log π + log Σ_q w_q exp(g_q² + h_j(z_q))      (Liu & Pierce 1994),

and Fisher's and Louis's (1982) identities give the derivatives in (β, τ): with the score
s_q = Σ_c (yes - n μ_q)(x, z_q) and information K_q = Σ_c n μ_q (1 - μ_q)(x, z_q)(x, z_q)',

    gradient = Σ_q p_q s_q,    Hessian = -Σ_q p_q K_q + Var_p(s_q).

Penalties are those of `model.penalty`: log-F(1,1) on the slopes and log τ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerstats.model.batch.tables import Array, Tables, joined
from peerstats.model.engines.nodes import rule

BLOCK = 60_000  # nodes x sites x cells x replicates held at a time: what stays in the cache
MODE_STEPS = 60
CLOSE = 1e-6  # of a Newton step for a mode; the next error is its square
LARGEST = 300.0  # logits; e to this is still a number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """`value` (R,), `gradient` (p+1, R) and `hessian` (p+1, p+1, R) in (β, τ); modes `v` (J, R)."""

    value: Array
    gradient: Array
    hessian: Array
    v: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """How to integrate, and which penalties: log-F on `slopes` and log τ when `penalised`."""

    nodes: int = 9
    penalised: bool = False
    slopes: tuple[int, ...] = ()

    def evaluate(self, tables: Tables, beta: Array, tau: Array, v: Array) -> Evaluation:
        """Evaluate at β (p, R) and τ (R,), the search for the modes starting at `v`."""
        return joined(
            [
                self._with_penalty(
                    _evaluate(tables.take(s), (beta[:, s], tau[s]), v[:, s], self.nodes),
                    beta[:, s],
                    tau[s],
                )
                for s in tables.blocks(BLOCK, self.nodes)
            ]
        )

    def _with_penalty(self, at: Evaluation, beta: Array, tau: Array) -> Evaluation:
        if not self.penalised:
            return at
        value, gradient, hessian = at.value + np.log(tau), at.gradient, at.hessian
        gradient[-1] += 1.0 / tau
        hessian[-1, -1] -= 1.0 / tau**2
        for k in self.slopes:
            risk = 1.0 / (1.0 + np.exp(-beta[k]))
            value = value + 0.5 * beta[k] - np.logaddexp(0.0, beta[k])
            gradient[k] += 0.5 - risk
            hessian[k, k] -= risk * (1.0 - risk)
        return Evaluation(value=value, gradient=gradient, hessian=hessian, v=at.v)


def _evaluate(tables: Tables, at: tuple[Array, Array], v: Array, nodes: int) -> Evaluation:
    beta, tau = at
    fixed = np.clip(tables.predictor(beta), -LARGEST, LARGEST)
    v, s = _modes(tables, fixed, tau, v)
    gamma, log_weight = rule(nodes)
    z = v + s * gamma[:, None, None]  # (Q, J, R)
    odds = np.exp(fixed) * np.exp(np.clip(tau * z, -LARGEST, LARGEST))[:, :, None]  # (Q, J, C, R)
    one_more = 1.0 + odds
    yes = tables.yes.sum(axis=1)
    known = (tables.yes * fixed).sum(axis=1)
    spent = (tables.n * np.log(one_more)).sum(axis=2)
    terms = log_weight[:, None, None] + known + yes * (tau * z) - spent - 0.5 * z * z
    top = terms.max(axis=0)
    p = np.exp(terms - top)
    total = p.sum(axis=0)
    p /= total
    mean = np.divide(odds, one_more, out=odds)
    mean *= tables.n
    information = np.divide(mean, one_more, out=one_more)
    gradient, spread = _scores(tables, tables.yes - mean, z, p)
    value = top + np.log(total) + np.log(s) - 0.5 * np.log(np.pi)
    return Evaluation(
        value=value.sum(axis=0),
        gradient=gradient,
        hessian=spread - _expected(tables, information, z, p),
        v=v,
    )


def _modes(tables: Tables, fixed: Array, tau: Array, v: Array) -> tuple[Array, Array]:
    """Modes and their scales by Newton's method, no step longer than one logit."""
    longest = 1.0 / np.maximum(np.abs(tau), 1e-8)
    H = np.ones_like(v)
    for _ in range(MODE_STEPS):
        risk = 1.0 / (1.0 + np.exp(-np.clip(fixed + (tau * v)[:, None], -LARGEST, LARGEST)))
        mean = tables.n * risk
        H = 1.0 + tau * tau * (mean * (1.0 - risk)).sum(axis=1)
        step = (tau * (tables.yes - mean).sum(axis=1) - v) / H
        step = np.clip(step, -longest, longest)
        v = v + step
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    return v, H**-0.5


def _scores(tables: Tables, residual: Array, z: Array, p: Array) -> tuple[Array, Array]:
    """Σ_q p_q s_q and Var_p(s_q), summed over sites."""
    total = residual.sum(axis=2)  # (Q, J, R)
    by_node = [
        column[:, 0] * total if column.shape[1] == 1 else (residual * column).sum(axis=2)
        for column in tables.columns
    ]
    by_node.append(z * total)
    size, R = len(by_node), z.shape[-1]
    weighted = [p * s for s in by_node]
    means = [part.sum(axis=0) for part in weighted]  # (J, R)
    spread = np.empty((size, size, R))
    for k in range(size):
        for m in range(k + 1):
            both = np.einsum("qjr,qjr->r", weighted[k], by_node[m])
            spread[k, m] = spread[m, k] = both - (means[k] * means[m]).sum(axis=0)
    return np.array([mean.sum(axis=0) for mean in means]), spread


def _expected(tables: Tables, information: Array, z: Array, p: Array) -> Array:
    """Σ_q p_q K_q, summed over sites."""
    cells = [
        np.einsum("qjr,qjcr->jcr", weight, information) for weight in (p, p * z, p * z * z)
    ]  # (J, C, R) each
    columns, size = tables.columns, len(tables.columns) + 1
    K = np.empty((size, size, z.shape[-1]))
    K[-1, -1] = cells[2].sum(axis=(0, 1))
    for k, column in enumerate(columns):
        K[k, -1] = K[-1, k] = (cells[1] * column).sum(axis=(0, 1))
        here = cells[0] * column
        for m in range(k + 1):
            K[k, m] = K[m, k] = (here * columns[m]).sum(axis=(0, 1))
    return K
