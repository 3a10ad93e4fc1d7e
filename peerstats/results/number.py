"""A number that may be printed: addressed, typed by kind and scale, with what stands behind it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from peerstats.results.formats import FORMATS, WITHHELD

Kind = Literal[
    "count", "percent", "mean", "sd", "median", "quartile", "minimum", "maximum", "smd",
    "estimate", "se", "ci", "p_value", "df", "variance", "icc", "mor", "mode", "loglik",
    "reliability", "rate", "constant", "simulated",
]  # fmt: skip
Scale = Literal[
    "count", "percent", "unit", "log_odds", "odds_ratio", "log_rate", "rate_ratio",
    "log_risk", "risk_ratio", "mean_difference", "link", "variance", "sd", "icc",
    "median_odds_ratio", "probability",
    "log_likelihood", "standard_deviations", "none",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One printable number and the address under which it can be found and recomputed.

    `basis` is the smallest number of women the value describes: for a mean its n, for an estimate
    the smallest level-by-outcome cell behind it; None where no woman stands behind it (a number of
    nodes). `parts` are addresses: of the addends of a total, or of numerator and denominator of a
    percentage, so that the gate can compute both again from rounded counts.
    """

    address: str
    kind: Kind
    scale: Scale
    value: float
    format: str
    se: float | None = None
    fit: str | None = None
    basis: int | None = None
    parts: tuple[str, ...] = ()
    sensitive: int = 0
    withheld: str | None = None  # why the gate hid it

    @property
    def shown(self) -> bool:
        """Whether a value is printed at all."""
        return self.withheld is None and not math.isnan(self.value)

    @property
    def printed(self) -> str:
        """The characters a reader sees."""
        return WITHHELD if self.withheld else FORMATS[self.format](self.value)


def address(*parts: str) -> str:
    """Join parts into an address; what could be mistaken for a separator becomes "_".

    >>> address("m1", "livch", "3+", "or"), address("t1", "place of work", "n")
    ('m1.livch.3+.or', 't1.place_of_work.n')
    """
    return ".".join(re.sub(r"[^\w+<>=\-]+", "_", str(part)) for part in parts)
