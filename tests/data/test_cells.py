from __future__ import annotations

import pytest

from peerstats.data.cells import (
    UnreadableError,
    coded,
    mixes_grouping,
    read_date,
    read_number,
    reader_of,
    words_of,
)
from peerstats.data.codebook import Field, FieldType, Level
from peerstats.data.durations import Duration


def field(kind: FieldType, levels: tuple[str, ...] = (), **more: object) -> Field:
    given = {"name": "x", "table": "participants", "label": "X", "column": "x", **more}
    words = tuple(Level(value=v, label=v.title()) for v in levels)
    return Field(type=kind, levels=words, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value"),
    [
        ("12", ".", None, 12),
        ("-0.5", ".", None, -0.5),
        ("−3", ".", None, -3),
        (".5", ".", None, 0.5),
        ("5.", ".", None, 5),
        ("1e3", ".", None, 1000),
        ("1,5", ",", None, 1.5),
        ("1.234,5", ",", ".", 1234.5),
        ("1,234,567", ".", ",", 1234567),
        ("1 234", ".", " ", 1234),
        ("1234.5", ".", ",", 1234.5),
    ],
)
def test_numbers(text: str, decimal: str, thousands: str | None, value: float) -> None:
    assert read_number(text, decimal, thousands) == value


@pytest.mark.parametrize(
    ("text", "decimal", "reason"),
    [
        ("1,5", ".", "not declared"),
        ("1.5", ",", "not declared"),
        ("1,234.5", ",", "not declared"),
        ("inf", ".", "infinite"),
        ("-Infinity", ".", "infinite"),
        ("1e400", ".", "too large"),
        ("nan", ".", "not a number"),
        ("0x1f", ".", "not a number"),
        ("1_000", ".", "not a number"),
        ("٣", ".", "digits other than 0 to 9"),
        ("thirty", ".", "not a number"),
        ("12,34", ".", "not declared"),
    ],
)
def test_what_is_no_number_has_a_reason_without_the_text(
    text: str, decimal: str, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason) as refusal:
        read_number(text, decimal)
    assert text not in refusal.value.reason.replace("not a number", "").replace("infinite", "")


def test_wrongly_grouped_digits_are_refused() -> None:
    with pytest.raises(UnreadableError):
        read_number("12,34", ".", ",")


@pytest.mark.parametrize(
    ("texts", "mixed"),
    [
        (["950", "1.200"], True),
        (["950", "0.125"], False),
        (["950", "1.2", "1.200"], False),
        (["1.234", "2.345"], False),
        (["950", "951"], False),
        ([], False),
    ],
)
def test_grouping_that_may_be_decimals(texts: list[str], mixed: bool) -> None:
    assert mixes_grouping(texts) is mixed


def test_integers_are_whole_and_in_range() -> None:
    read = reader_of(field("integer", low=0, high=5))
    assert read("4") == read("4.0") == 4.0
    for text, reason in (("4.5", "not a whole number"), ("6", "outside the range 0 to 5")):
        with pytest.raises(UnreadableError, match=reason):
            read(text)


def test_a_range_names_its_unit_and_may_be_open() -> None:
    with pytest.raises(UnreadableError, match="outside the range 10 to inf years"):
        reader_of(field("number", low=10, unit="years"))("9")


def test_the_fields_own_decimal_mark_wins_over_the_files() -> None:
    assert reader_of(field("number", decimal="."), ",")("1.5") == 1.5
    assert reader_of(field("number"), ",")("1,5") == 1.5


def test_levels_by_value_alias_and_label_whatever_the_case() -> None:
    item = field("category", ("SLV", "HND"), aliases={"Salvadoreña": "SLV"})
    read = reader_of(item)
    assert [read(t) for t in ("slv", "SALVADOREÑA", "Hnd")] == ["SLV", "SLV", "HND"]
    assert words_of(field("boolean", ("0", "1"), aliases={"sí": "1"}))["sí"] == "1"
    with pytest.raises(UnreadableError, match="none of the levels SLV, HND"):
        read("Belize")


def test_a_value_wins_over_an_alias_and_an_alias_over_a_label() -> None:
    levels = (Level(value="1", label="2"), Level(value="2", label="3"))
    item = Field(
        name="x",
        table="t",
        label="X",
        column="x",
        type="category",
        levels=levels,
        aliases={"3": "1"},
    )
    assert words_of(item) == {"2": "2", "3": "1", "1": "1"}


def test_booleans_and_coded_ordinals_are_numbers() -> None:
    assert reader_of(field("boolean", ("0", "1")))("1.0") == 1.0
    assert reader_of(field("ordinal", ("1", "2")))("2") == 2.0
    assert reader_of(field("ordinal", low=0, high=4))("4") == 4.0
    assert reader_of(field("ordinal", ("low", "high")))("High") == "high"
    assert coded(field("ordinal", ("1", "2")))
    assert not coded(field("ordinal", ("low", "high")))


@pytest.mark.parametrize("text", ["USA;mex", "mex | usa", "MEX, USA", "usa mex", "USA/MEX;usa"])
def test_several_levels_come_in_the_codebooks_order(text: str) -> None:
    assert reader_of(field("multi", ("MEX", "GTM", "USA")))(text) == "MEX;USA"


def test_an_unknown_word_among_several() -> None:
    with pytest.raises(UnreadableError, match="not a list of the levels MEX, USA"):
        reader_of(field("multi", ("MEX", "USA")))("MEX;Canaria")


@pytest.mark.parametrize("text", ["2013-04-03", "2013-04-03T10:20:00", "2013-04-03 10:20:00.5Z"])
def test_days(text: str) -> None:
    assert str(read_date(text)) == "2013-04-03 00:00:00"


@pytest.mark.parametrize(
    ("text", "form", "reason"),
    [
        ("2013-02-30", None, "not a day of the calendar"),
        ("30/02/2013", "%d/%m/%Y", "not a day of the calendar in the format"),
        ("03/04/2013", None, "YYYY-MM-DD"),
        ("41277", None, "spreadsheet"),
        ("41277.5", "%d/%m/%Y", "spreadsheet"),
        ("1812-01-01", None, "before 1900"),
        ("٢٠١٣-٠١-٠١", None, "plain letters and digits"),
    ],
)
def test_what_is_no_day(text: str, form: str | None, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason) as refusal:
        read_date(text, form)
    assert text not in refusal.value.reason


def test_durations_come_in_the_unit_of_their_field() -> None:
    read = reader_of(field("duration", unit="months", low=0, high=24))
    assert read("1 year") == Duration(12.0, 12.0, 12.0)
    assert read("6") == Duration(6.0, 6.0, 6.0)
    with pytest.raises(UnreadableError, match="outside the range 0 to 24 months"):
        read("3 years")
    with pytest.raises(UnreadableError, match="not a duration"):
        read("long")


def test_keys_and_text_are_taken_as_they_are() -> None:
    assert reader_of(field("key"))("0012") == "0012"
    assert reader_of(field("text"))("NA") == "NA"
