"""What an inference method is: a question about some coefficients in, one row a coefficient out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from peerstats.inference.estimates import Estimate
from peerstats.inference.kind import Kind, between_within_df, fixed_clusters
from peerstats.inference.layout import Layout

if TYPE_CHECKING:
    from peerstats.model.fit import Fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """A fit, how its rows are clustered, the kind of every coefficient and the level 1 − alpha."""

    fit: Fit
    where: Layout
    kinds: tuple[Kind, ...]  # in the order of the design's columns
    alpha: float
    replicates: int = 999  # of methods that resample
    seed: int = 1
    made: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what several coefficients need, a refit say, made when first asked for."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def rng(self, method: str, position: int) -> np.random.Generator:
        """Return the generator of one method and coefficient; others do not change its draws."""
        return np.random.default_rng([self.seed, *method.encode(), position])

    def is_site_effect(self, position: int) -> bool:
        """Whether a coefficient is the fixed effect of one site, a comparison of these sites."""
        top = self.where.top
        return top is not None and self.fit.design.columns[position].variables == (top.name,)

    def between_within_df(self, position: int) -> float:
        """Between-within degrees of freedom of one coefficient.

        A site's fixed effect is judged against what varies inside sites, one level further in. A
        mean of effects that differ between clusters rests on the clusters, less one.
        """
        kind = self.kinds[position]
        if kind.slope is not None and kind.slope < kind.level:
            return self.where.levels[kind.slope].count - 1.0
        level = kind.level + int(self.is_site_effect(position))
        # What varies inside one site only, methods that mix both learn between sites.
        at = 0 if kind.only_one else level
        return between_within_df(self.kinds, self.where)[at]

    def models(self, at: int) -> bool:
        """Whether the model has an effect, random or fixed, of the clusters of level `at`."""
        return self.where.levels[at].random or fixed_clusters(self.kinds, self.where, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to get an interval and a p-value.

    `why_not` answers with a sentence when the method does not apply to the coefficient at a
    position, else None; `estimate` gives its row on the link scale.
    """

    name: str
    words: str  # as a methods section says it
    why_not: Callable[[Question, int], str | None]
    estimate: Callable[[Question, int], Estimate]
