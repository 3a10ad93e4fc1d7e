"""The exact Hessian of Laplace's log-likelihood for random intercepts of crossed factors.

Notation of `crossed`; ψ, φ are any of (β, τ), ∂ is the derivative at fixed v and d the total one,
along which the modes move. A row's loadings are a_i, and ∂a_i/∂τ_k picks its level of factor k.
With F_ψ = ∂(A'r - v)/∂ψ = Σ r ∂a - W ∂η a, dv = H^-1 F, dη = ∂η + A dv, dW = W' dη, leverages
l, s = l W', t = H^-1 A's and p = A t,

    d²L = Σ -W ∂η∂η' + dv'H dv - ½ d² log|H|
    d² log|H| = Σ (l W'' - p W') dηdη' + c + c' + 2 Σ W ∂a'H^-1∂a - tr(H^-1 dH H^-1 dH)
    c_{τ_k φ} = Σ (s - W p) dv_φ[k] + (2 W' [A H^-1 Z_k']_ii - W t[k]) dη_φ,

x[k] being x at a row's level of factor k (the lines of `curvature`, which has the nested case).
With the blocks D, B, C of H, G = D^-1 B, T = S^-1, dG = D^-1 (dB - dD G) and
dS = dC - G'dB - dB'G + G'dD G,

    tr(H^-1 dH H^-1 dH) = tr(D^-1 dD D^-1 dD) + 2 tr(T dG'D dG) + tr(T dS T dS).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.crossed import Blocks, Crossed, coupling_of, rest_block

Array = NDArray[np.float64]
STEP = 1e-4  # in η: truncation h²/6 and rounding 1e-16/h are both negligible
MOST_REST = 500  # effects of the smaller factors; beyond, differences of the gradient cost less


def has_hessian(model: Crossed) -> bool:
    """True where the blocks of H are small enough to be held for every parameter."""
    return model.crossing.rest <= MOST_REST and model.crossing.is_small


def crossed_hessian(model: Crossed, beta: Array, tau: Array, modes: Array) -> Array:
    """Return d²L in (β, τ) at the modes."""
    crossing, problem, p = model.crossing, model.crossing.problem, len(beta)
    at = model.at(problem.X @ beta + problem.offset, tau, modes)
    H = Blocks.factor(crossing, tau, at.w)
    parts = list(zip(problem.codes, crossing.blocks, strict=True))
    scales, products = crossing.scales(tau), H.row_products()
    direct = np.column_stack([problem.X, *(at.v[block][code] for code, block in parts)])
    force = -scales[:, None] * _gathered(model, at.w[:, None] * direct)
    sums = crossing.gather(at.r)
    for k, block in enumerate(crossing.blocks):
        force[block, p + k] += sums[block]
    moves = H.solve(force)
    eta = direct + sum(x * moves[block][code] for x, (code, block) in zip(tau, parts, strict=True))
    third, fourth = _derivatives(model, at.eta)
    leverage = sum((x * each for x, each in zip(tau, products, strict=True)), np.zeros(problem.n))
    t = H.solve(scales * crossing.gather(leverage * third))
    pulled = crossing.spread(tau, t)
    total = force.T @ moves - direct.T @ (at.w[:, None] * direct)
    total -= 0.5 * eta.T @ ((leverage * fourth - pulled * third)[:, None] * eta)
    bent = crossing.gather(leverage * third - at.w * pulled)
    for k, (code, block) in enumerate(parts):
        turning = bent[block] @ moves[block]
        turning += (2.0 * third * products[k] - at.w * t[block][code]) @ eta
        total[p + k] -= 0.5 * turning
        total[:, p + k] -= 0.5 * turning
    total[p:, p:] -= _between(H, at.w)
    total += 0.5 * _trace(H, at.w, third[:, None] * eta)
    found: Array = 0.5 * (total + total.T)
    return found


def _gathered(model: Crossed, rows: Array) -> Array:
    return np.column_stack([model.crossing.gather(column) for column in rows.T])


def _derivatives(model: Crossed, eta: Array) -> tuple[Array, Array]:
    """W' and, by its central difference, W''."""
    problem = model.crossing.problem
    third, y, m = problem.family.third, problem.y, problem.m
    return third(y, eta, m), (third(y, eta + STEP, m) - third(y, eta - STEP, m)) / (2.0 * STEP)


def _between(H: Blocks, w: Array) -> Array:
    """Σ W_i H^-1[k, l] at the levels of each row."""
    crossing = H.crossing
    T, GT, first = H.inverse_parts
    size = len(crossing.problem.sizes)
    found = np.zeros((size, size))
    found[0, 0] = w @ first[crossing.problem.codes[0]]
    for k, place in enumerate(crossing.places, start=1):
        found[0, k] = found[k, 0] = -(w @ GT[crossing.problem.codes[0], place])
        for j, other in enumerate(crossing.places, start=1):
            found[k, j] = w @ T[place, other]
    return found


def _trace(H: Blocks, w: Array, dW: Array) -> Array:
    """tr(H^-1 dH H^-1 dH)."""
    dD, dB, dC = _changes(H, w, dW)
    T, G = H.inverse_parts[0], np.asarray(H.G)
    dG = (dB - dD[:, :, None] * G) / H.D[:, None]
    through = np.matmul(G.T, dB)
    dS = dC - through - through.swapaxes(1, 2) + np.matmul(G.T, dD[:, :, None] * G)
    size = len(dD)
    by_first = dD / H.D
    left = (dG * H.D[:, None]).reshape(size, -1)
    turned = np.matmul(T, dS)
    found: Array = by_first @ by_first.T + 2.0 * left @ np.matmul(dG, T).reshape(size, -1).T
    return found + turned.reshape(size, -1) @ turned.swapaxes(1, 2).reshape(size, -1).T


def _changes(H: Blocks, w: Array, dW: Array) -> tuple[Array, Array, Array]:
    """The blocks of dH for every parameter: those of A'dW A, and those of A itself for τ."""
    crossing, tau = H.crossing, H.tau
    problem, one = crossing.problem, np.eye(crossing.rest)
    code, size = problem.codes[0], problem.sizes[0]
    dD = tau[0] ** 2 * np.array([np.bincount(code, x, size) for x in dW.T])
    dB = np.array([coupling_of(crossing, tau, x) for x in dW.T])
    dC = np.array([rest_block(crossing, tau, x) - one for x in dW.T])
    start, ones = dW.shape[1] - len(tau), np.ones_like(tau)
    dD[start] += 2.0 * tau[0] * np.bincount(code, w, size)
    B, C = np.asarray(coupling_of(crossing, ones, w)), rest_block(crossing, ones, w) - one
    scales = crossing.scales(tau)[size:]
    dB[start] += B * scales
    for k, block in enumerate(crossing.blocks[1:], start=1):
        part = slice(block.start - size, block.stop - size)
        dB[start + k][:, part] += tau[0] * B[:, part]
        dC[start + k][part] += C[part] * scales
        dC[start + k][:, part] += scales[:, None] * C[:, part]
    return dD, dB, dC
