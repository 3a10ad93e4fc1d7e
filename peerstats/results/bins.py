"""Histogram bins with round edges from the codebook's range.

Edges that followed the data would tell the smallest and the largest value, which belong to one
woman each. A variable without a declared range therefore has no histogram.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from peerstats.data.codebook import Field
from peerstats.results.blocks import Item
from peerstats.results.formats import MINUS

MOST = 20  # bins; more would hold too few women each


def edges(field: Field) -> tuple[float, ...]:
    """Return the edges of a measurement's bins, or nothing without a declared range.

    The step is the smallest of 1, 2, 5 times a power of ten that gives at most 20 bins; whole
    numbers have a step of at least 1. Bins are closed on the left.

    >>> age = Field(name="age", table="participants", label="Age", type="integer", column="age",
    ...             low=18, high=99)
    >>> edges(age)[:3], edges(age)[-1]
    ((15.0, 20.0, 25.0), 100.0)
    """
    if field.low is None or field.high is None or not field.low < field.high:
        return ()
    whole = _whole(field)
    step = _step((field.high - field.low + whole) / MOST, least=1.0 if whole else 0.0)
    first = math.floor(field.low / step + 1e-9)
    last = math.ceil((field.high + whole) / step - 1e-9)
    return tuple(round(k * step, 10) for k in range(first, last + 1))


def bins(field: Field) -> tuple[Item, ...]:
    """Return the bins in order; keys are "15<20", labels "15–19" (whole) or "15 to <20".

    >>> score = Field(name="s", table="visits", label="Score", type="ordinal", column="s",
    ...               low=1, high=3)
    >>> [b.label for b in bins(score)]
    ['1', '2', '3']
    """
    marks = edges(field)
    return tuple(
        Item(key=f"{low:.10g}<{high:.10g}", label=_label(low, high, _whole(field)))
        for low, high in pairwise(marks)
    )


def bin_counts(field: Field, values: NDArray[np.float64]) -> NDArray[np.int_]:
    """Count the values (n,) in each bin (k,); values beyond the range go to the outermost bins.

    >>> score = Field(name="s", table="visits", label="Score", type="ordinal", column="s",
    ...               low=1, high=3)
    >>> bin_counts(score, np.array([1.0, 3.0, 3.0])).tolist()
    [1, 0, 2]
    """
    marks = np.asarray(edges(field))
    place = np.searchsorted(marks, values, side="right") - 1
    return np.bincount(np.clip(place, 0, len(marks) - 2), minlength=len(marks) - 1)


def _whole(field: Field) -> bool:
    """Whether only whole numbers can occur."""
    return field.type in ("integer", "ordinal")


def _step(least_width: float, least: float) -> float:
    """Return the smallest of 1, 2, 5 × 10^k that is no narrower than asked."""
    power = 10.0 ** math.floor(math.log10(least_width))
    wide_enough = (m * power for m in (1, 2, 5, 10) if m * power >= least_width * (1 - 1e-9))
    return max(least, next(wide_enough))


def _label(low: float, high: float, whole: bool) -> str:
    """Say a bin in words, with a real minus sign."""
    if whole:
        text = f"{low:.10g}" if high - low == 1 else f"{low:.10g}–{high - 1:.10g}"
    else:
        text = f"{low:.10g} to <{high:.10g}"
    return text.replace("-", MINUS)
