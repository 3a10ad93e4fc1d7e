"""What kind of coefficient each is, decided from the data and not by the user.

With J sites a coefficient is learnt from women of the same site who differ, from sites that differ,
or from both, and the number of independent comparisons is very different: N − J against J. A user
who declares "individual-level" and a data set in which the variable happens to be constant inside
every site disagree, and the data are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peerstats.inference.layout import Layout, Level
from peerstats.model.columns import COLLINEAR
from peerstats.model.marginal.within import centre

Variation = Literal["within", "clustered", "constant"]

# Share of a column's variance that lies between the top clusters from which it counts as
# clustered. Its coefficient's variance is inflated by about 1 + (n_j − 1) · ICC_x · ICC_y, so below
# a tenth a site effect of the usual size (ICC_y ≤ 0.2) and 40 women a site add less than 80 %.
CLUSTERED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Where a column of the design varies.

    `level` counts from the outside: 0 for a column that is constant inside every site, 1 for one
    that is constant inside every venue but not inside every site, and the number of levels for one
    that varies inside the innermost clusters. `share` is the part of its variance between sites.
    `only_one` says that it varies inside a single cluster, too little to learn from. `slope` is the
    level of the clusters between which the coefficient itself differs (a random slope), or None.
    """

    variation: Variation
    level: int
    share: float
    only_one: bool = False
    slope: int | None = None

    @property
    def learnt_at(self) -> int:
        """The level whose clusters are the coefficient's independent observations."""
        return self.level if self.slope is None else min(self.level, self.slope)


def kinds(X: NDArray[np.float64], where: Layout) -> tuple[Kind, ...]:
    """Return the kind of each column of X (n, p) under the clustering `where`.

    >>> import numpy as np
    >>> from peerstats.inference.layout import Layout, Level
    >>> site = Level(name="site", codes=np.repeat([0, 1, 2], 4), count=3, random=True)
    >>> X = np.column_stack([np.ones(12), np.tile([0.0, 1.0], 6), np.repeat([0.0, 0.0, 1.0], 4)])
    >>> [k.variation for k in kinds(X, Layout(levels=(site,), rows=12))]
    ['constant', 'within', 'constant']
    """
    return tuple(_kind(column, where) for column in np.asarray(X, dtype=float).T)


def _kind(column: NDArray[np.float64], where: Layout) -> Kind:
    inside = len(where.levels)
    if inside == 0:
        return Kind(variation="within", level=0, share=0.0)
    only_one = False
    level = inside
    for position in reversed(range(inside)):
        varying = int(_varies(column, where.levels[position]).sum())
        # A column that varies inside one venue of many has no second one to confirm it, so it is
        # judged like a column that is constant inside all of them. Inside one site it is enough:
        # a comparison within sites uses that site and nothing between sites.
        only_one = varying == 1 and where.levels[position].count > 1
        if varying >= (1 if position == 0 else min(2, where.levels[position].count)):
            break
        level = position
    share = between_share(column, where.levels[0])
    if level == 0:
        return Kind(variation="constant", level=0, share=share, only_one=only_one)
    clustered = level < inside or share >= CLUSTERED_SHARE
    return Kind(
        variation="clustered" if clustered else "within",
        level=level,
        share=share,
        only_one=only_one,
    )


def in_words(kind: Kind, where: Layout) -> str:
    """Say where a column varies, as it stands behind "what": "varies within sites".

    >>> from peerstats.inference.layout import Layout, Level
    >>> site = Level(name="site_id", codes=np.repeat([0, 1, 2], 4), count=3, random=True)
    >>> in_words(Kind(variation="constant", level=0, share=1.0), Layout(levels=(site,), rows=12))
    'is constant within sites'
    """
    if not where.levels:
        return ""
    nouns = [f"{level.noun}s" for level in where.levels]
    if kind.slope is not None and kind.slope < kind.level:
        return f"has effects that differ between {nouns[kind.slope]}"
    if kind.level == 0:
        return f"is constant within {nouns[0]}"
    if kind.level < len(nouns):
        return f"is constant within {nouns[kind.level]} and varies within {nouns[kind.level - 1]}"
    clusters = f" and clusters in {nouns[0]}" if kind.variation == "clustered" else ""
    return f"varies within {nouns[-1]}{clusters}"


def _varies(column: NDArray[np.float64], level: Level) -> NDArray[np.bool_]:
    """Whether the column varies inside each group, up to rounding."""
    low = np.full(level.count, np.inf)
    high = np.full(level.count, -np.inf)
    np.minimum.at(low, level.codes, column)
    np.maximum.at(high, level.codes, column)
    scale = max(float(np.abs(column).max(initial=0.0)), 1.0)
    return np.asarray(high - low > 1e-10 * scale)


def between_share(column: NDArray[np.float64], level: Level) -> float:
    """Share of a column's variance between groups: the one-way ANOVA ICC, at least 0.

    ICC = (MSB − MSW) / (MSB + (n0 − 1) MSW), n0 = (N − Σ n_j² / N) / (J − 1), for unequal sizes
    (Donner 1986, Int Stat Rev 54:67). 1 for a column that is constant inside every group.
    """
    sizes = np.bincount(level.codes, minlength=level.count).astype(float)
    means = np.bincount(level.codes, weights=column, minlength=level.count) / sizes
    total, groups = float(sizes.sum()), level.count
    within = float(((column - means[level.codes]) ** 2).sum())
    between = float((sizes * (means - column.mean()) ** 2).sum())
    if groups < 2 or total <= groups or within + between == 0.0:
        return 0.0
    msb, msw = between / (groups - 1), within / (total - groups)
    n0 = (total - float((sizes**2).sum()) / total) / (groups - 1)
    return max(0.0, (msb - msw) / (msb + (n0 - 1.0) * msw))


def inseparable(X: NDArray[np.float64], found: tuple[Kind, ...], where: Layout) -> frozenset[int]:
    """Return the columns that inside the clusters they vary in are combinations of others.

    With z of sites, x and x + z vary inside sites, and alike: what tells them apart is z, so their
    coefficients are learnt from sites, however many women differ in both.
    """
    columns: set[int] = set()
    for at, level in enumerate(where.levels):
        inside = [k for k, kind in enumerate(found) if kind.level > at]
        if len(inside) < 2:
            continue
        centred = centre(np.asarray(X, dtype=float)[:, inside], level.codes)
        length = np.sqrt((centred**2).sum(axis=0))
        if np.linalg.eigvalsh(centred.T @ centred / np.outer(length, length))[0] > 1e-6:
            continue  # clearly apart; else digits matter
        _, sizes, axes = np.linalg.svd(np.linalg.qr(centred / length, mode="r"))
        null = axes[np.count_nonzero(sizes > COLLINEAR) :]
        columns.update(inside[k] for k in np.flatnonzero((np.abs(null) > 1e-6).any(axis=0)))
    return frozenset(columns)


def between_within_df(found: tuple[Kind, ...], where: Layout) -> tuple[float, ...]:
    """Return the between-within degrees of freedom of every level, from the outside in.

    With m_0 = J sites, m_1 = number of venues, …, m_L = N rows and p_l the number of columns whose
    `Kind.level` is l (the intercept counts at l = 0): ν_0 = J − p_0 and ν_l = m_l − m_{l−1} − p_l.
    For one level of clustering these are J − p_site and N − J − p_within
    (Schluchter & Elashoff 1990, J Stat Comput Simul 37:69; for nested levels Pinheiro & Bates 2000,
    section 2.4.2). Without clustering there is one level, the rows, with ν = N − p.
    """
    counts = [level.count for level in where.levels] + [where.rows]
    used = [sum(kind.level == at for kind in found) for at in range(len(counts))]
    free = [counts[0] - used[0]]
    free += [counts[at] - counts[at - 1] - used[at] for at in range(1, len(counts))]
    return tuple(map(float, free))


def fixed_clusters(found: tuple[Kind, ...], where: Layout, at: int) -> bool:
    """Whether fixed effects use up every comparison between the clusters of level `at`."""
    return sum(kind.level <= at for kind in found) >= where.levels[at].count
