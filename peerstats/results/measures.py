"""The measures of association of model tables: their names in addresses, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Measure = Literal["or", "rr", "pr", "b", "coef"]  # the last part of an address


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureWords:
    """How a measure is called; `ratio` says that it is multiplicative, with 1 for no association.

    `head` stands in a table's column, `note` explains it below.
    """

    name: str
    head: str
    note: str
    ratio: bool = True


# A coefficient of a link without a measure of its own (probit, cloglog) is no difference in the
# outcome, and exp of a log-binomial coefficient is a ratio of proportions and not of rates.
MEASURES: Mapping[Measure, MeasureWords] = {
    "or": MeasureWords(name="odds ratio", head="OR", note="OR: odds ratio."),
    "rr": MeasureWords(name="rate ratio", head="RR", note="RR: rate ratio."),
    "pr": MeasureWords(name="prevalence ratio", head="PR", note="PR: prevalence ratio."),
    "b": MeasureWords(name="difference", head="Difference", note="", ratio=False),
    "coef": MeasureWords(
        name="coefficient",
        head="Coefficient",
        note="Coefficients are on the scale of the model’s link.",
        ratio=False,
    ),
}
