"""How the rows of a fit are clustered: sites, what is nested in them, and which of it is modelled.

The levels run from the outside in. A factor belongs to the ladder when each of its groups lies in
one group of the level above; a factor that crosses the sites (an interviewer who worked at several)
leaves the ladder, because between-within degrees of freedom are not defined for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import ModelError

if TYPE_CHECKING:
    from peerstats.model.fit import Fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One level of clustering: `codes` (n,) number the groups 0 … count − 1."""

    name: str
    codes: NDArray[np.intp]
    count: int
    random: bool  # whether the fit has a random intercept for it

    @property
    def noun(self) -> str:
        """The word for one group in a sentence: "site" for `site_id`."""
        return factor_noun(self.name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The levels of clustering from the outside in, and the number of rows."""

    levels: tuple[Level, ...]
    rows: int

    @property
    def top(self) -> Level | None:
        """The sites, or None when the rows are not clustered."""
        return self.levels[0] if self.levels else None


def layout(fit: Fit, sites: str | pd.Series | None = None) -> Layout:
    """Find the levels of clustering behind a fit.

    `sites` names the site's grouping factor, or is a Series with the site of each row of the data
    given to the fit, in their order; by default the outermost grouping factor stands for it.

    Raises ModelError when `sites` is a name that the fit does not know, or has another length than
    the data, or when a row that was used has no site.
    """
    factors = {name: _numbered(group.codes) for name, group in fit.design.groups.items()}
    intercepts = random_intercepts(fit)
    top_name, top_codes = _top(fit, sites, factors)
    if top_codes is None:
        return Layout(levels=(), rows=fit.nobs)
    ladder = [(top_name, top_codes)]
    for name, codes in sorted(factors.items(), key=lambda item: int(item[1].max(initial=0))):
        above = ladder[-1][1]
        if _nested(codes, above) and codes.max() > above.max() and codes.max() + 1 < fit.design.n:
            ladder.append((name, codes))
    levels = tuple(
        Level(
            name=name,
            codes=codes,
            count=int(codes.max()) + 1,
            random=any(_same(codes, factors[f]) for f in intercepts if f in factors),
        )
        for name, codes in ladder
    )
    return Layout(levels=levels, rows=fit.nobs)


def _top(
    fit: Fit, sites: str | pd.Series | None, factors: dict[str, NDArray[np.intp]]
) -> tuple[str, NDArray[np.intp] | None]:
    if isinstance(sites, pd.Series):
        return str(sites.name or "site"), _given_sites(fit, sites)
    if sites is not None and sites not in factors:
        raise ModelError(
            f"'{sites}' is no grouping factor of this fit; give the site of each row as a Series."
        )
    if sites is not None:
        return sites, factors[sites]
    outermost = sorted(factors.items(), key=lambda item: int(item[1].max(initial=0)))
    return outermost[0] if outermost else ("", None)


def _given_sites(fit: Fit, sites: pd.Series) -> NDArray[np.intp]:
    if len(sites) != fit.design.n_start:
        raise ModelError(
            f"The sites have {len(sites)} values for {fit.design.n_start} rows of data."
        )
    used = sites.iloc[fit.design.rows]
    if used.isna().any():
        raise ModelError(f"{int(used.isna().sum())} row(s) of the model have no site.")
    return _numbered(used.to_numpy())


def _numbered(codes: NDArray[np.generic]) -> NDArray[np.intp]:
    return np.asarray(pd.factorize(np.asarray(codes))[0], dtype=np.intp)


def _nested(inner: NDArray[np.intp], outer: NDArray[np.intp]) -> bool:
    """Whether every group of `inner` lies in one group of `outer`."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == len(np.unique(inner))


def _same(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    return _nested(one, other) and _nested(other, one)


def random_intercepts(fit: Fit) -> tuple[str, ...]:
    """Return the grouping factors that have a random intercept, in the formula's order."""
    return tuple(term.group for term in fit.design.formula.random if () in term.effects)


def random_slopes(fit: Fit, where: Layout) -> dict[int, int]:
    """Return, by column, the outermost level between whose clusters its coefficient differs."""
    found: dict[int, int] = {}
    for block in fit.design.random:
        codes = fit.design.groups[block.group].codes
        at = next((k for k, level in enumerate(where.levels) if _same(codes, level.codes)), None)
        if at is None:
            continue
        for position, name in enumerate(fit.design.names):
            if name in block.effects and name != "Intercept":
                found[position] = min(at, found.get(position, at))
    return found


def factor_noun(factor: str) -> str:
    """The word for one group of a grouping factor: "venue" for `site_id:venue_id`.

    >>> factor_noun("site_id:venue_id")
    'venue'
    """
    return factor.split(":")[-1].removesuffix("_id").replace("_", " ")
