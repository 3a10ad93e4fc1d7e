"""Missing values by type: refused is not the same as never asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from peerstats.data.codebook import Field
from peerstats.data.study import Table
from peerstats.errors import UsageError, did_you_mean
from peerstats.results.blocks import Item, MissingBlock
from peerstats.results.counting import distinct, percent, tally, within
from peerstats.results.number import Number, address

# The order is that of the table's columns.
COLUMNS: Mapping[str, str] = {
    "refused": ".r",
    "dont_know": ".d",
    "not_collected": ".x",
    "unknown": ".m",
    "not_asked": ".a",
    "not_applicable": ".n",
}
LOST = ("refused", "dont_know", "not_collected", "unknown")
# Rows are the women asked and those a question could not apply to; asked, the answers and the lost.
TOTALS: Mapping[str, tuple[str, ...]] = {
    "rows": ("asked", "not_asked", "not_applicable"),
    "asked": ("answered", *LOST),
}


def missingness(
    key: str, title: str, table: Table, fields: Sequence[Field]
) -> tuple[MissingBlock, tuple[Number, ...]]:
    """Return how many rows of each variable were asked, answered, or are missing, and why.

    B.V.rows = asked + not_asked + not_applicable; B.V.asked = answered + refused + dont_know +
    not_collected + unknown; B.V.answered_percent = 100 answered / asked (missing when nobody was
    asked). The totals carry their addends as parts. Raises UsageError for a variable the table
    does not have.
    """
    numbers: list[Number] = []
    for field in fields:
        at = address(key, field.name)
        counts = tally(at, _count_codes(table, field), TOTALS, field.sensitive)
        numbers += counts.values()
        numbers.append(percent(within(at, "answered_percent"), counts["answered"], counts["asked"]))
    variables = tuple(Item(key=field.name, label=field.label) for field in fields)
    return MissingBlock(key=key, title=title, variables=variables), distinct(numbers)


def _count_codes(table: Table, field: Field) -> dict[str, int]:
    """Count the rows of one variable by what is in them."""
    if field.name not in table.codes.columns:
        raise UsageError(
            f"Table '{table.name}' has no variable '{field.name}'."
            f"{did_you_mean(field.name, table.codes.columns)}"
        )
    codes = table.codes[field.name].to_numpy(dtype=object).astype(str)
    by_type = {name: int(np.sum(codes == code)) for name, code in COLUMNS.items()}
    answered = int(np.sum(codes == ""))
    asked = answered + sum(by_type[name] for name in LOST)
    return {"rows": len(codes), "asked": asked, "answered": answered, **by_type}
