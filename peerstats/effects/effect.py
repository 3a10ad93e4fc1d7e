"""What an effect measure is: a fit and its estimates in, estimates on another scale out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from peerstats.inference.estimates import Estimates
from peerstats.inference.scale import EstimateScale

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A measure that epidemiologists publish.

    `of` says what its rows are: one a coefficient, or one a grouping factor with a random
    intercept. `why_not` answers for a family with the reason why the measure has no meaning there,
    or None. `null` is the value of "no association" or "no clustering".
    """

    name: str
    label: str
    short: str
    scale: EstimateScale
    of: Literal["coefficient", "factor"]
    null: float
    why_not: Callable[[Family], str | None]
    measure: Callable[[Fit, Estimates], Estimates]
