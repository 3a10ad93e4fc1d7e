"""Durations as women give them: "7 months", "<1 month", "16 years", "2 semanas", "1 año 6 meses".

A duration is an interval in years. A plain amount is exact (low = high). "<1 month" says only that
the time lies between 0 and one month, ">30 years" only that it is at least 30, "1-2 years" that it
lies between; the single value is then the middle of the interval, or its known end when the other
is open. A month is 1/12 and a week 7/365.25 of a year.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from peerstats.data.raw import plain
from peerstats.errors import DataError

DAYS = 365.25

# English and Spanish words, accents already removed from the Spanish ones.
_YEARS: Mapping[str, float] = {
    **dict.fromkeys(("y", "yr", "yrs", "year", "years", "a", "ano", "anos"), 1.0),
    **dict.fromkeys(("m", "mo", "mos", "mth", "mths", "month", "months", "mes", "meses"), 1 / 12),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks", "semana", "semanas", "sem"), 7 / DAYS),
    **dict.fromkeys(("d", "day", "days", "dia", "dias"), 1 / DAYS),
}
_AMOUNT = r"\d+(?:[.,]\d+)?"
_PART = re.compile(rf"({_AMOUNT})\s*([a-z]+)")
_BELOW = re.compile(r"^(?:<=?|less than|under|menos de)\s*")
_ABOVE = re.compile(r"^(?:>=?|more than|over|mas de)\s*")
_RANGE = re.compile(rf"({_AMOUNT})\s*(?:-|–|to|a)\s*({_AMOUNT})\s*([a-z]*)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span in years: its value, and the interval in which it is known to lie."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Duration:
        """The same span in another unit."""
        return Duration(self.value * factor, self.low * factor, self.high * factor)


def per_year(unit: str | None) -> float:
    """How many of a field's units make a year (a field without a unit counts years).

    >>> per_year("months")
    12.0
    """
    years = _YEARS.get((unit or "years").lower())
    if years is None:
        raise DataError(
            f"a duration cannot have the unit '{unit}'. Use years, months, weeks or days."
        )
    return round(1 / years, 10)


def parse_duration(text: str, unit: str | None = "years") -> Duration:
    """Read a duration; a number without a word is in `unit`. The result is in years.

    Raises DataError, which does not quote the text.

    >>> round(parse_duration("7 months").value, 3)
    0.583
    >>> round(parse_duration("<1 month").high, 3)
    0.083
    """
    words = plain(text).lower().translate(_ACCENTS)
    if match := _BELOW.match(words):
        high = _span(words[match.end() :], unit)
        return Duration(high / 2, 0.0, high)
    if match := _ABOVE.match(words):
        low = _span(words[match.end() :], unit)
        return Duration(low, low, math.inf)
    if match := _RANGE.fullmatch(words):
        first, second, word = match.groups()
        low, high = (_span(f"{amount} {word}".strip(), unit) for amount in (first, second))
        if low > high:
            raise _unreadable()
        return Duration((low + high) / 2, low, high)
    value = _span(words, unit)
    return Duration(value, value, value)


def _span(words: str, unit: str | None) -> float:
    """A plain number in `unit`, or amounts with their words ("1 year 6 months", "1 y and 6 m")."""
    if not words.isascii():
        raise _unreadable()
    if _NUMBER.fullmatch(words):
        return float(words) / per_year(unit)
    joined = re.sub(r"(?<=[a-z])\s*(?:,|\band\b|\by\b)\s+(?=\d)", " ", words)
    parts = _PART.findall(joined)
    if not parts or _PART.sub("", joined).strip(" .") or any(w not in _YEARS for _, w in parts):
        raise _unreadable()
    return float(sum(float(amount.replace(",", ".")) * _YEARS[word] for amount, word in parts))


def _unreadable() -> DataError:
    return DataError(
        'not a duration such as "7 months", "<1 month", "2 weeks" or "1 year 6 months".'
    )
