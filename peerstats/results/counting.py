"""The numbers that descriptive blocks are made of: counts, percentages and plain statistics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from peerstats.errors import UsageError
from peerstats.results.number import Kind, Number, Scale, address

# The scale follows from the kind for everything a descriptive block prints.
_SCALES: Mapping[Kind, Scale] = {"sd": "sd", "smd": "standard_deviations", "reliability": "none"}


def within(at: str, *parts: str) -> str:
    """Return the address of something inside `at`, which is an address already.

    >>> within("t1.age", "bar/cantina", "mean")
    't1.age.bar_cantina.mean'
    """
    return f"{at}.{address(*parts)}"


def count(at: str, value: int, *, parts: tuple[str, ...] = (), sensitive: int = 0) -> Number:
    """Return a count; the women behind it are the count itself.

    `parts` are the addresses of addends whose sum it is.

    >>> count("t1.all.n", 31).printed
    '31'
    """
    return Number(
        address=at,
        kind="count",
        scale="count",
        value=float(value),
        format="count",
        basis=int(value),
        parts=parts,
        sensitive=sensitive,
    )


def percent(at: str, numerator: Number, denominator: Number) -> Number:
    """Return 100 × numerator / denominator, with the addresses of both as its parts.

    Its basis is the denominator: those are the women it describes. Without a denominator there is
    no percentage, and the value is missing.

    >>> percent("t1.deported.1.all.percent", count("n", 20), count("answered", 31)).printed
    '64.5'
    """
    whole = denominator.value
    return Number(
        address=at,
        kind="percent",
        scale="percent",
        value=100.0 * numerator.value / whole if whole else math.nan,
        format="percent1",
        basis=denominator.basis,
        parts=(numerator.address, denominator.address),
        sensitive=max(numerator.sensitive, denominator.sensitive),
    )


def statistic(
    at: str, kind: Kind, value: float, *, format: str, basis: int, sensitive: int = 0
) -> Number:
    """Return a mean, a quartile, a reliability, …; in the variable's unit if its kind has none.

    >>> statistic("t1.age.all.mean", "mean", 33.04, format="decimal1", basis=31).printed
    '33.0'
    """
    return Number(
        address=at,
        kind=kind,
        scale=_SCALES.get(kind, "unit"),
        value=float(value),
        format=format,
        basis=basis,
        sensitive=sensitive,
    )


def decimal_noise_off(value: float) -> float:
    """Return a mean or quantile of answers with 13 significant digits.

    Answers are short decimals, but most of them no binary number holds: the median of 33.3 and 33.4
    comes out as 33.349999999999994, which would print as 33.3 where half up says 33.4.

    >>> decimal_noise_off(33.349999999999994)
    33.35
    """
    return float(f"{value:.13g}")


def constant(at: str, value: int) -> Number:
    """Return a whole number that no woman stands behind, such as a number of items.

    >>> constant("scales.ucla.items", 3).basis is None
    True
    """
    return Number(address=at, kind="constant", scale="none", value=float(value), format="count")


def tally(
    block: str,
    counts: Mapping[str, int],
    totals: Mapping[str, tuple[str, ...]],
    sensitive: int = 0,
) -> dict[str, Number]:
    """Return one count for each entry, at `block.entry`; a total names its addends as parts.

    A total is given parts only where these add up to it, so that the gate may recompute it.

    >>> rows = {"asked": 3, "answered": 2, "refused": 1}
    >>> tally("m.age", rows, {"asked": ("answered", "refused")})["asked"].parts
    ('m.age.answered', 'm.age.refused')
    """
    numbers = {}
    for name, value in counts.items():
        addends = totals.get(name, ())
        adds_up = bool(addends) and sum(counts[a] for a in addends) == value
        parts = tuple(within(block, a) for a in addends) if adds_up else ()
        numbers[name] = count(within(block, name), value, parts=parts, sensitive=sensitive)
    return numbers


def distinct(numbers: Iterable[Number]) -> tuple[Number, ...]:
    """Return the numbers as a tuple; two with one address are refused with a UsageError.

    Names and levels that differ only in punctuation read the same in an address.
    """
    kept: dict[str, Number] = {}
    for number in numbers:
        if number.address in kept:
            raise UsageError(
                f"Two numbers would have the address '{number.address}': names or levels that"
                " differ only in punctuation read the same there. Rename one in the codebook."
            )
        kept[number.address] = number
    return tuple(kept.values())
