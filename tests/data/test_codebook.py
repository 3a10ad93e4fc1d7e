from __future__ import annotations

import pytest

from peerstats.data.codebook import MISSING_CODES, STRUCTURAL_CODES, parse_condition
from peerstats.data.codebook_file import read_codebook
from peerstats.errors import UsageError


@pytest.mark.parametrize(
    ("text", "operator", "values"),
    [
        ("ever_deported = 1", "=", ("1",)),
        ("weekly_clients>0", ">", ("0",)),
        (" n_children >= 1 ", ">=", ("1",)),
        ("age <= -2.5", "<=", ("-2.5",)),
        ("migrant_type != none", "!=", ("none",)),
        ("country_work in GTM, MEX", "in", ("GTM", "MEX")),
    ],
)
def test_conditions(text: str, operator: str, values: tuple[str, ...]) -> None:
    condition = parse_condition(text)
    assert (condition.operator, condition.values) == (operator, values)


@pytest.mark.parametrize("text", ["", "age", "age =", "= 1", "1 = age", "age ~ 1"])
def test_what_is_no_condition_shows_how_one_looks(text: str) -> None:
    with pytest.raises(UsageError, match="weekly_clients > 0"):
        parse_condition(text)


def test_an_order_needs_a_number() -> None:
    with pytest.raises(UsageError, match="> compares with a number"):
        parse_condition("formality > formal")


def test_conditions_print_as_they_are_written() -> None:
    assert str(parse_condition("country_work in GTM, MEX")) == "country_work in GTM, MEX"


def test_fields_of_a_table_start_with_its_keys() -> None:
    codebook = read_codebook()
    names = [field.name for field in codebook.of_table("participants")]
    assert names[:3] == ["participant_id", "site_id", "venue_id"]
    assert len(names) == len(set(names))
    assert codebook.of_table("nothing") == ()


def test_structural_codes_are_missing_codes() -> None:
    assert set(STRUCTURAL_CODES) < set(MISSING_CODES)
    assert set(MISSING_CODES) == {".a", ".n", ".r", ".d", ".x", ".m"}
