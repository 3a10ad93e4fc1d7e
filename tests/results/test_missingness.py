import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerstats.data.codebook import MISSING_CODES, Field
from peerstats.errors import UsageError
from peerstats.results.missingness import missingness

TESTED = Field(
    name="tested", table="visits", label="HIV test", type="boolean", column="tested", sensitive=1
)
EVERY = [1, 0, 1, ".r", ".r", ".d", ".x", ".m", ".a", ".a", ".a", ".n"]


def test_each_type_of_missing_value_has_its_own_count(make_table) -> None:
    block, numbers = missingness("mi", "Missing", make_table({"tested": EVERY}), [TESTED])
    found = {n.address.removeprefix("mi.tested."): n.value for n in numbers}
    assert found == {
        "rows": 12,
        "asked": 8,
        "answered": 3,
        "refused": 2,
        "dont_know": 1,
        "not_collected": 1,
        "unknown": 1,
        "not_asked": 3,
        "not_applicable": 1,
        "answered_percent": pytest.approx(37.5),
    }
    assert [v.label for v in block.variables] == ["HIV test"]
    assert {n.sensitive for n in numbers} == {1}


def test_nobody_was_asked(make_table) -> None:
    numbers = missingness("mi", "Missing", make_table({"tested": [".a", ".n"]}), [TESTED])[1]
    by_address = {n.address: n for n in numbers}
    assert by_address["mi.tested.asked"].value == 0
    assert math.isnan(by_address["mi.tested.answered_percent"].value)


def test_an_unknown_variable_is_refused(make_table) -> None:
    with pytest.raises(UsageError, match=r"no variable 'tested'. Did you mean 'testd'\?"):
        missingness("mi", "Missing", make_table({"testd": [1]}), [TESTED])


@given(st.lists(st.sampled_from([0, 1, *MISSING_CODES]), max_size=30))
def test_totals_and_percentages_can_be_made_again_from_their_parts(make_table, cells) -> None:
    numbers = missingness("mi", "Missing", make_table({"tested": cells}), [TESTED])[1]
    by_address = {n.address: n for n in numbers}
    assert len(by_address) == len(numbers)
    for total in ("rows", "asked"):
        number = by_address[f"mi.tested.{total}"]
        assert number.parts
        assert number.value == sum(by_address[p].value for p in number.parts)
    share = by_address["mi.tested.answered_percent"]
    above, below = (by_address[p] for p in share.parts)
    if below.value:
        assert share.value == pytest.approx(100 * above.value / below.value)
    assert share.basis == below.value
