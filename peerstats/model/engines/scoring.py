"""One step of Fisher's scoring for the covariance Γ of the effects of a level.

With Γ = Σ γ_a E_a, a symmetric E_a for each entry of its triangle, and N_j = Z_j'WZ_j, s_j = Z_j'Wy
for residuals y of variance W^-1 + ZΓZ',

    A_j = (I + N_jΓ)^-1,  S_j = A_jN_j,  g_j = A_js_j,
    t_a = Σ tr(S_jE_a),   m_ab = Σ tr(S_jE_aS_jE_b),   q_a = Σ g_j'E_ag_j,

the score is ½(q - t), its information ½m and the step γ + m^-1(q - t) (Searle, Casella & McCulloch
1992, section 8.3).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]
SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])


@cache
def entries(sizes: tuple[int, ...]) -> Array:
    """The E_a of blocks of these sizes, (a, K, K), triangle after triangle, row by row."""
    found, start, total = [], 0, sum(sizes)
    for size in sizes:
        for i, j in zip(*np.tril_indices(size), strict=True):
            entry = np.zeros((total, total))
            entry[start + i, start + j] = entry[start + j, start + i] = 1.0
            found.append(entry)
        start += size
    matrices = np.array(found)
    matrices.flags.writeable = False
    return matrices


def products(flat: Array, S: Array, other: Array) -> Array:
    """Σ_j tr(E_a S_j E_b Y_j) for symmetric S_j and Y_j; they and the E_a as rows (K²)."""
    size = flat.shape[1]
    K = round(size**0.5)
    turned = (S.T @ other).reshape(K, K, K, K)  # jk, li
    found: Array = flat @ turned.transpose(3, 0, 1, 2).reshape(size, size) @ flat.T
    return found


def scored(N: Array, s: Array, old: Array, matrices: Array) -> Array | None:
    """Return the Γ of a step from `old`; None where the information is singular."""
    flat = matrices.reshape(len(matrices), -1)
    A = inverses(N @ old)[0]
    S = (A @ N).reshape(len(N), -1)
    g = np.matmul(A, s[:, :, None])[:, :, 0]
    score = flat @ ((g.T @ g).ravel() - S.sum(axis=0))
    factor, failed = lapack.dpotrf(products(flat, S, S))
    if failed:
        return None
    step = lapack.dpotrs(factor, score)[0]
    return old + (step @ flat).reshape(old.shape)


def inside(old: Array, target: Array, share: float) -> Array:
    """The target, or where it is no covariance one of which each direction keeps a share of Γ."""
    root = np.linalg.cholesky(old)
    half = np.linalg.solve(root, target)
    values, vectors = np.linalg.eigh(np.linalg.solve(root, half.T))
    if values[0] >= share:
        return target
    kept = root @ (vectors * np.sqrt(np.maximum(values, share)))
    return np.asarray(kept @ kept.T, dtype=np.float64)


def inverses(D: Array) -> tuple[Array, Array]:
    """The inverses of I + D_j for many small matrices D_j, and their determinants."""
    if D.shape[1] == 1:
        B = 1.0 + D
        return 1.0 / B, B[:, 0, 0]
    B = D + np.eye(D.shape[1])
    if D.shape[1] == 2:
        determinants = B[:, 0, 0] * B[:, 1, 1] - B[:, 0, 1] * B[:, 1, 0]
        # The adjugate: both diagonals' ends change places, those off the first their signs.
        turned = B[:, ::-1, ::-1].transpose(0, 2, 1)
        return SIGNS * turned / determinants[:, None, None], determinants
    return np.asarray(np.linalg.inv(B), np.float64), np.asarray(np.linalg.det(B), np.float64)
