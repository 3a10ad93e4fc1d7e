from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import parse_condition
from peerstats.data.codebook_file import read_codebook
from peerstats.data.conditions import check_condition, holds
from peerstats.errors import UsageError

CODEBOOK = read_codebook()


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("weekly_clients > 0", [0, 3, np.nan], [False, True, False]),
        ("n_children >= 1", [0, 1, np.nan], [False, True, False]),
        ("age < 20", [19, 20, np.nan], [True, False, False]),
        ("age <= 20", [19, 21, np.nan], [True, False, False]),
        ("ever_deported = 1", [1.0, 0.0, np.nan], [True, False, False]),
        ("ever_deported != 1", [1.0, 0.0, np.nan], [False, True, False]),
        ("country_birth = HND", ["HND", "SLV", None], [True, False, False]),
        ("country_birth != HND", ["HND", "SLV", None], [False, True, False]),
        ("country_birth in HND, SLV", ["HND", "SLV", "NIC"], [True, True, False]),
        ("deported_from = USA", ["MEX;USA", "MEX", None], [True, False, False]),
        ("financial_need in 3, 4", [1, 3, 4], [False, True, True]),
    ],
)
def test_where_a_condition_holds(
    condition: str, values: list[object], expected: list[bool]
) -> None:
    parsed = parse_condition(condition)
    field = CODEBOOK.fields[parsed.variable]
    column = pd.Series(values)
    if field.type == "category":
        column = column.astype("category")
    assert holds(parsed, column, field).tolist() == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("migrant_typ = none", "unknown variable 'migrant_typ'. Did you mean 'migrant_type'?"),
        ("migrant_type = intern", "'migrant_type' has no level 'intern'. Did you mean"),
        ("ever_deported in 1, 2", "'ever_deported' has no level '2'. One of: 0, 1."),
    ],
)
def test_conditions_that_cannot_be_meant(condition: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        check_condition(parse_condition(condition), CODEBOOK)
    assert message in str(refusal.value)


def test_words_are_not_ordered_and_numbers_are_not_words() -> None:
    field = CODEBOOK.fields["country_birth"]
    with pytest.raises(UsageError, match="is not a number, so use = or in"):
        holds(parse_condition("country_birth > 3"), pd.Series(["HND"]), field)
    with pytest.raises(UsageError, match="compares a number with 'many'"):
        holds(parse_condition("age = many"), pd.Series([30.0]), CODEBOOK.fields["age"])
