"""The last step: every value becomes what a reader sees, and nothing more.

After it `results.json` holds no digit that the report does not print, no standard error, no exact
number of women behind a statistic, and no address of anything that was taken out.

Decimals. The mean of n whole numbers is a multiple of 1/n. Two decimals often tell n exactly
while it is below 100, which is what rounding hides; so there is one decimal below 100 women, and
two below 1,000.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from peerstats.disclosure.draft import Draft, with_numbers
from peerstats.disclosure.policy import Policy
from peerstats.results import Number
from peerstats.results.formats import MINUS, MISSING

SAMPLED = ("mean", "sd", "median", "quartile", "smd")


def print_values(draft: Draft) -> Draft:
    """Cut every number down to its printed characters."""
    numbers = draft.numbers
    return with_numbers(draft, [_printed(n, numbers, draft.policy) for n in numbers.values()])


def _printed(number: Number, numbers: Mapping[str, Number], policy: Policy) -> Number:
    format = _coarser(number, policy)
    parts = tuple(part for part in number.parts if part in numbers)
    number = replace(number, format=format, se=None, basis=None, parts=parts)
    if number.withheld is not None:
        return replace(number, value=math.nan)
    return replace(number, value=as_printed(number))


def _coarser(number: Number, policy: Policy) -> str:
    """Return the format with no more decimals than the number of women allows."""
    if number.kind not in SAMPLED or not number.format.startswith("decimal"):
        return number.format
    women = policy.lower(number.basis or 0)
    most = 1 if women < 100 else 2 if women < 1000 else 3
    return f"decimal{min(most, int(number.format.removeprefix('decimal')))}"


def as_printed(number: Number) -> float:
    """Return the value that the printed characters say.

    "<0.001" becomes half its bound and ">999" its bound and one, which print the same.

    >>> as_printed(Number(address="a", kind="mean", scale="unit", value=1.0049, format="decimal1"))
    1.0
    """
    text = number.printed.replace(",", "").replace(MINUS, "-")
    if text == MISSING:
        return math.nan
    if text.endswith("∞"):
        return -math.inf if text.startswith("-") else math.inf
    if text.startswith("<"):
        return float(text[1:]) / 2
    if text.startswith(">"):
        bound = float(text[1:])
        return 1.0 if bound < 1 else bound + 1
    return float(text)
