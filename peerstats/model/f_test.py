"""F tests of several coefficients at once, for gaussian mixed models with few groups.

L takes q coefficients of β; the notation is that of `small_sample`.

Satterthwaite (Fai & Cornelius 1996, J Stat Comput Simul 54:363; lmerTest's contestMD): the
eigenvectors of LΦL' make q independent t's, with ν_m degrees of freedom each; F is the mean of
their squares, and its df ν has the mean that they have, ν/(ν - 2) = Σ ν_m/(ν_m - 2) / q, so

    ν = 2E/(E - q),   E = Σ ν_m/(ν_m - 2),   and 2 where some ν_m is 2 or less.

Kenward & Roger (1997): F = λ (Lβ)'(LΦ_AL')^-1 Lβ / q with m df. With Θ = L'(LΦL')^-1L and
T_r = ΘΦP_rΦ,

    A_1 = Σ_rs W_rs tr(T_r) tr(T_s),   A_2 = Σ_rs W_rs tr(T_r T_s),   B = (A_1 + 6A_2)/2q
    g = ((q+1)A_1 - (q+4)A_2)/((q+2)A_2),   c = (g, q - g, q + 2 - g)/(3q + 2(1 - g))
    E = (1 - A_2/q)^-1,   V = (2/q)(1 + c_1B)/((1 - c_2B)²(1 - c_3B)),   ρ = V/2E²
    m = 4 + (q + 2)/(qρ - 1),   λ = m/(E(m - 2)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import fdtrc

from peerstats.errors import UsageError, did_you_mean
from peerstats.model.small_sample import Approximation, approximate

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

ALIKE = 1e-8  # df that differ by less are the same


def f_test(fit: Fit, terms: Sequence[str] | None, method: str) -> pd.DataFrame:
    """Return statistic, df, df_residual and p_value: one row a term, or one of all `terms`.

    `terms` are names of terms (all coefficients of a factor) or of single coefficients. Raises
    UsageError for a name that is neither, and ModelError as `small_sample`.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> data = {"site": np.repeat(np.arange(12), 10), "arm": np.tile(["a", "b", "c", "d", "e"], 24)}
    >>> data["y"] = rng.normal(size=12)[data["site"]] + rng.normal(size=120)
    >>> model = fit("y ~ arm + (1 | site)", data, family="gaussian", reml=True)
    >>> model.f_test()[["df", "df_residual"]].round(6).loc["arm"].tolist()
    [4.0, 104.0]
    """
    places = {} if terms is None else {", ".join(terms): _places(fit, terms)}
    if terms is None:
        names = dict.fromkeys(c.term for c in fit.design.columns if c.term != "Intercept")
        places = {name: _places(fit, [name]) for name in names}
    found = approximate(fit, method)
    test = _kenward_roger if method == "kenward_roger" else _satterthwaite
    rows = []
    for chosen in places.values():
        statistic, df = test(found, chosen)
        q = len(chosen)
        rows.append((statistic, float(q), df, float(fdtrc(q, df, statistic))))
    columns = ["statistic", "df", "df_residual", "p_value"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(list(places), name="term"))


def _places(fit: Fit, terms: Sequence[str]) -> list[int]:
    """Columns of the named terms, each once."""
    columns = fit.design.columns
    found: dict[int, None] = {}
    for name in terms:
        own = [k for k, column in enumerate(columns) if name in (column.term, column.name)]
        if not own:
            known = [word for column in columns for word in (column.term, column.name)]
            raise UsageError(f"The model has no term '{name}'.{did_you_mean(name, known)}")
        found.update(dict.fromkeys(own))
    if not found:
        raise UsageError("f_test() needs a term or more; name one, or None for each of them.")
    return sorted(found)


def _satterthwaite(found: Approximation, places: list[int]) -> tuple[float, float]:
    L = found.contrasts[places]
    sizes, turns = np.linalg.eigh(L @ found.covariance @ L.T)
    squares = (turns.T @ found.beta[places]) ** 2 / sizes
    each = np.array([found.df(contrast) for contrast in turns.T @ L])
    if np.ptp(each) < ALIKE:
        return float(squares.mean()), float(each.mean())
    if each.min() <= 2:
        return float(squares.mean()), 2.0
    total = float(np.sum(each / (each - 2)))
    return float(squares.mean()), 2 * total / (total - len(each))


def _kenward_roger(found: Approximation, places: list[int]) -> tuple[float, float]:
    L, beta, q = found.contrasts[places], found.beta[places], len(places)
    phi, P, W = found.parts.phi, found.parts.P, found.spread
    middle = L.T @ linalg.solve(L @ phi @ L.T, L, assume_a="pos") @ phi
    T = np.einsum("ab,rbc,cd->rad", middle, P, phi)
    traces = np.einsum("raa->r", T)
    A1, A2 = float(traces @ W @ traces), float(np.einsum("rs,rab,sba->", W, T, T))
    B = (A1 + 6 * A2) / (2 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    c1, c2, c3 = (c / (3 * q + 2 * (1 - g)) for c in (g, q - g, q + 2 - g))
    rho = (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B)) * (1 - A2 / q) ** 2 / q
    m = 4 + (q + 2) / (q * rho - 1)
    scale = m * (1 - A2 / q) / (m - 2)
    wald = float(beta @ linalg.solve(L @ found.covariance @ L.T, beta, assume_a="pos"))
    return scale * wald / q, m
