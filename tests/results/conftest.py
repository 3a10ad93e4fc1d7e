"""Small tables written as columns; a string starting with a dot is a missing code."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pytest

from peerstats.data.codebook import MISSING_CODES
from peerstats.data.study import Table

TableMaker = Callable[[Mapping[str, Sequence[object]]], Table]


@pytest.fixture(scope="session")
def make_table() -> TableMaker:
    def build(columns: Mapping[str, Sequence[object]]) -> Table:
        values = {k: [None if v in MISSING_CODES else v for v in c] for k, c in columns.items()}
        codes = {k: [v if v in MISSING_CODES else "" for v in c] for k, c in columns.items()}
        return Table(
            name="women", values=pd.DataFrame(values), codes=pd.DataFrame(codes, dtype=object)
        )

    return build
