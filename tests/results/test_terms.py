import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Field, Level
from peerstats.errors import UsageError
from peerstats.results.terms import empty_cells, prepared, term_rows


def field(name, kind, label, **levels):
    named = tuple(Level(value=v.strip("_"), label=words) for v, words in levels.items())
    return Field(name=name, table="women", label=label, type=kind, column=name, levels=named)


FIELDS = {
    f.name: f
    for f in (
        field("venue", "category", "Venue", street="Street", bar="Bar", hotel="Hotel"),
        field("country", "category", "Country", GTM="Guatemala", MEX="Mexico"),
        field("permit", "boolean", "Health permit"),
        field("age", "number", "Age"),
        field("children", "ordinal", "Children", _0="None", _1="One", _2="Two or more"),
    )
}


@pytest.fixture(scope="module")
def frame():
    raw = pd.DataFrame(
        {
            "venue": ["street", "bar", "hotel", "bar", "street", "hotel"],
            "country": ["GTM", "GTM", "MEX", "MEX", "MEX", "GTM"],
            "permit": [True, False, True, False, True, False],
            "age": [20.0, 30.0, 40.0, 25.0, 35.0, 45.0],
            "children": [0, 1, 2, 0, 1, 2],
        }
    )
    return prepared(raw, FIELDS, tuple(raw.columns))


def rows_of(text, frame):
    return term_rows(text, frame, FIELDS, exposure=False, reason="a reason")


def shown(rows):
    return [(level.key, level.label, level.term) for level in rows.term.levels]


def test_a_category_has_its_reference_first_and_in_words(frame):
    rows = rows_of("venue", frame)
    assert shown(rows) == [
        ("street", "Street", None),
        ("bar", "Bar", "venue[T.bar]"),
        ("hotel", "Hotel", "venue[T.hotel]"),
    ]
    assert [int(mask.sum()) for mask in rows.rows] == [2, 2, 2]
    assert rows.divides
    assert (rows.term.variable, rows.term.label, rows.term.reason) == ("venue", "Venue", "a reason")


def test_a_yes_no_variable_shows_no_as_its_reference(frame):
    rows = rows_of("permit", frame)
    assert shown(rows) == [("0", "No", None), ("1", "Yes", "permit")]
    assert frame["permit"].tolist() == [1, 0, 1, 0, 1, 0]


def test_a_measurement_is_one_row_of_everybody(frame):
    rows = rows_of("age", frame)
    assert shown(rows) == [("", "Age", "age")]
    assert rows.rows[0].all()
    assert not rows.divides


def test_numbers_with_named_levels_are_categories(frame):
    assert [label for _, label, _ in shown(rows_of("children", frame))] == [
        "None", "One", "Two or more",
    ]  # fmt: skip


def test_a_transformation_keeps_its_own_name(frame):
    rows = rows_of("I(age**2)", frame)
    assert rows.term.variable == "I(age ** 2)"
    assert rows.term.label == "I(Age ** 2)"
    assert rows_of("log(age)", frame).term.label == "log(Age)"


def test_another_reference_level_moves_the_reference_row(frame):
    rows = rows_of("C(venue, ref='bar')", frame)
    assert rows.term.variable == "venue"
    assert shown(rows)[0] == ("bar", "Bar", None)


def test_a_spline_has_a_row_for_each_of_its_columns(frame):
    rows = rows_of("cr(age, df=3)", frame)
    assert [key for key, _, _ in shown(rows)] == ["1", "2", "3"]


def test_an_interaction_shows_all_combinations_and_whose_coefficient_each_is(frame):
    rows = rows_of("country:venue", frame)
    assert len(rows.rows) == 6
    assert [row for row in shown(rows) if row[2]] == [
        ("MEX:bar", "Mexico × Bar", "country[T.MEX]:venue[T.bar]"),
        ("MEX:hotel", "Mexico × Hotel", "country[T.MEX]:venue[T.hotel]"),
    ]
    keys = [level.key for level in rows.term.levels]
    place = {k: m.tolist().index(True) for k, m in zip(keys, rows.rows, strict=True)}
    assert (place["MEX:bar"], place["MEX:hotel"]) == (3, 2)
    assert rows.divides
    assert len(rows.cells) == 6
    assert np.sum(rows.cells, axis=0).tolist() == [1] * 6


def test_an_interaction_with_a_yes_no_variable_or_a_measurement(frame):
    assert shown(rows_of("permit:country", frame))[-1] == (
        "1:MEX", "Health permit: Yes × Mexico", "permit:country[T.MEX]"
    )  # fmt: skip
    assert shown(rows_of("age:country", frame)) == [("MEX", "Age × Mexico", "age:country[T.MEX]")]
    assert shown(rows_of("age:permit", frame)) == [("1", "Age × Health permit", "age:permit")]


def test_empty_cells_of_an_interaction_are_named_in_words(frame):
    none = frame[~((frame["country"] == "MEX") & (frame["venue"] == "bar"))]
    assert empty_cells("country:venue", none, FIELDS) == (("Mexico", "Bar"),)
    assert empty_cells("country:venue", frame, FIELDS) == ()
    assert empty_cells("country:age", none, FIELDS) == ()


def test_an_interaction_with_a_permit_can_have_an_empty_cell_too(frame):
    few = frame[(frame["country"] == "GTM") | (frame["permit"] == 1)]
    assert empty_cells("country:permit", few, FIELDS) == (("Mexico", "No"),)


def test_a_category_of_one_level_shows_it_without_a_coefficient(frame):
    rows = rows_of("country", frame[frame["country"] == "MEX"])
    assert shown(rows) == [("MEX", "Mexico", None)]


def test_two_terms_on_one_line_are_refused(frame):
    with pytest.raises(UsageError, match="is 2 terms of a model"):
        rows_of("age + venue", frame)


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ([0.0, 0.0, 0.0, 0.0, 0.0, 1.0], [5, 1]),  # a yes/no answer declared as a number
        ([0.0, 0.0, 0.0, 0.0, 7.0, 9.0], [4, 2]),
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], [3, 3]),
        ([20.0, 30.0, 40.0, 25.0, 35.0, 45.0], [6]),
    ],
)
def test_a_number_that_most_women_share_rests_on_the_others(frame, values, sizes):
    cells = rows_of("age", frame.assign(age=values)).cells
    assert [int(cell.sum()) for cell in cells] == sizes
