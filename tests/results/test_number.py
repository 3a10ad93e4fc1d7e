import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerstats.errors import PeerstatsError
from peerstats.results import Number, Results, address


def _number(**changes: object) -> Number:
    base = Number(address="t1.all.n", kind="count", scale="count", value=31.0, format="count")
    return dataclasses.replace(base, **changes)


def test_a_number_prints_by_its_format() -> None:
    assert _number().printed == "31"
    assert _number(value=64.516, format="percent1", kind="percent").printed == "64.5"
    assert _number(value=1.645, format="ratio").printed == "1.65"


def test_a_withheld_number_prints_no_digit() -> None:
    hidden = _number(withheld="fewer than 6 women")
    assert not hidden.shown
    assert hidden.printed == "[c]"


def test_a_missing_value_is_a_dash_and_is_not_shown() -> None:
    assert not _number(value=math.nan).shown
    assert _number(value=math.nan).printed == "–"


def test_a_number_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _number().value = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("m1", "livch", "3+", "or"), "m1.livch.3+.or"),
        (("t1", "place of work", "n"), "t1.place_of_work.n"),
        (("t1", "2.5", "n"), "t1.2_5.n"),
        (("t1", "age", "bin", "15<20", "all", "n"), "t1.age.bin.15<20.all.n"),
        (("t1", "Tecún Umán", "n"), "t1.Tecún_Umán.n"),
    ],
)
def test_addresses(parts: tuple[str, ...], expected: str) -> None:
    assert address(*parts) == expected


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_an_address_has_as_many_parts_as_were_given(parts: list[str]) -> None:
    assert len(address(*parts).split(".")) == len(parts)


def test_a_wrong_address_names_the_nearest_one() -> None:
    number = _number()
    results = Results(
        analysis="border",
        title="Border",
        synthetic=True,
        provenance="made up",
        numbers={number.address: number},
        blocks={},
        fits={},
    )
    assert results.has("t1.all.n")
    assert results.number("t1.all.n") is number
    with pytest.raises(PeerstatsError, match=r"No number at 't1.al.n'. Did you mean 't1.all.n'\?"):
        results.number("t1.al.n")
