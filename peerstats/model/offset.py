"""An offset given beside the formula becomes one of the formula's own.

A column's name is added to the formula as `offset(name)`, values as a column `(offset)` (R's name
for it in a model frame). So whatever reads a formula's offset knows it: predictions, simulations,
refits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError
from peerstats.model.formula import Formula
from peerstats.model.tree import Name
from peerstats.model.variables import as_frame

Offset = str | Sequence[float] | NDArray[np.float64] | pd.Series

GIVEN = "(offset)"  # the column that holds values given without a name


def add_offset(formula: Formula, data: Any, offset: Offset | None) -> tuple[Formula, Any]:
    """Return the formula with the offset in it, and the data with its values.

    Raises UsageError for values of another length or a Series of another index than the data's,
    DataError for values that are not numbers.

    >>> from peerstats.model.formula import parse_formula
    >>> formula, frame = add_offset(parse_formula("y ~ x"), {"y": [1], "x": [2]}, [0.5])
    >>> formula.offset, list(frame.columns)
    ((Name(name='(offset)'),), ['y', 'x', '(offset)'])
    """
    if offset is None:
        return formula, data
    frame = as_frame(data)
    name = offset if isinstance(offset, str) else GIVEN
    if not isinstance(offset, str):
        frame = frame.assign(**{GIVEN: _values(offset, frame)})
    written = name if name.isidentifier() else f"`{name}`"
    text = f"{formula.text} + offset({written})"
    return replace(formula, offset=(*formula.offset, Name(name)), text=text), frame


def _values(offset: Any, frame: pd.DataFrame) -> NDArray[np.float64]:
    if isinstance(offset, pd.Series) and not offset.index.equals(frame.index):
        raise UsageError(
            "offset is a Series with another index than the data's: sort and select both alike, or "
            "pass offset.to_numpy() if the order is right."
        )
    try:
        values = np.asarray(pd.Series(offset).to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise DataError("offset holds something else than numbers.") from None
    if values.shape != (len(frame),):
        raise UsageError(f"offset has {values.size} values for {len(frame)} rows.")
    return values
