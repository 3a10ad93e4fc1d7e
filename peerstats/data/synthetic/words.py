"""Numbers as the characters a CSV file would hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from peerstats.data.synthetic.streams import Bools, Floats, Ints, Texts

if TYPE_CHECKING:
    import pandas as pd

EPOCH = date(2015, 1, 1)
SEPARATOR = ";"  # between the answers of a question with several


def words(values: Sequence[str]) -> Texts:
    """Return the words as an object array, so that a missing code of any length fits."""
    return np.array(list(values), dtype=object)


def digits(values: Ints | Bools) -> Texts:
    """Write whole numbers from 0 up; yes and no become 1 and 0."""
    whole = np.asarray(values, dtype=np.int64)
    top = int(whole.max(initial=0))
    return words([str(i) for i in range(top + 1)])[whole]


def decimals(values: Floats) -> Texts:
    """Write non-negative numbers with one decimal, and whole ones without.

    >>> list(decimals(np.array([3.0, 3.84])))
    ['3', '3.8']
    """
    tenths = np.rint(np.asarray(values) * 10).astype(np.int64)
    top = int(tenths.max(initial=0))
    written = [str(i // 10) if i % 10 == 0 else f"{i // 10}.{i % 10}" for i in range(top + 1)]
    return words(written)[tenths]


def days(values: Ints) -> Texts:
    """Write days since the epoch as ISO dates."""
    whole = np.asarray(values, dtype=np.int64)
    top = int(whole.max(initial=0))
    calendar = words([(EPOCH + timedelta(days=i)).isoformat() for i in range(top + 1)])
    return np.asarray(calendar[whole], dtype=object)


def asked(who: Bools, texts: Texts, otherwise: str = ".a") -> Texts:
    """Keep the answers of those who were asked; the others get a missing code."""
    return np.where(who, texts, otherwise).astype(object)


def names(choices: Sequence[str], index: Ints) -> Texts:
    """Look category names up by index."""
    return np.asarray(words(choices)[index], dtype=object)


def codes(prefix: str, rng: np.random.Generator, size: int) -> Texts:
    """Return `size` different codes such as P0417, in no order that means anything."""
    width = max(4, len(str(size * 3)))
    numbers = rng.choice(10**width - 1, size=size, replace=False) + 1
    return words([f"{prefix}{number:0{width}d}" for number in numbers.tolist()])


def frame(columns: Mapping[str, Texts]) -> pd.DataFrame:
    """Return the table as a CSV file read without interpretation would give it."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(texts, dtype=str) for name, texts in columns.items()})
