import math

import pytest

from peerstats.inference.estimates import COLUMNS, Estimate, Estimates, Remark, as_frame

ROWS = [
    Estimate(term="x", estimate=0.5, std_error=0.2, p_value=0.0123, scale="log_odds"),
    Estimate(term="<b>", estimate=1.0, std_error=0.4, reason="too few sites", scale="log_odds"),
]


@pytest.fixture
def estimates():
    remark = Remark(about="x", sort="warning", sentence="Take care.")
    return Estimates(frame=as_frame(ROWS), alpha=0.05, remarks=(remark,))


def test_rows_come_back_as_they_went_in(estimates):
    assert estimates.row("x").p_value == 0.0123
    assert [row.term for row in estimates.rows()] == ["x", "<b>"]
    assert math.isnan(estimates.row("<b>").p_value)
    with pytest.raises(KeyError):
        estimates.row("z")


def test_an_empty_frame_keeps_its_columns():
    assert list(as_frame([]).columns) == list(COLUMNS)


def test_it_prints_numbers_reasons_and_remarks(estimates):
    text = repr(estimates)
    assert text.startswith("Estimates, 95% intervals")
    assert "<b>: too few sites" in text
    assert text.endswith("Take care.")


def test_it_prints_each_method_once_with_whose_it_is_and_why():
    rows = [
        Estimate(term=term, estimate=0.5, std_error=0.2, method="two stages") for term in ("x", "z")
    ]
    rows.append(Estimate(term="v", estimate=0.5, std_error=0.2, reason="too few sites"))
    remark = Remark(about="v", sort="no_p_value", sentence="too few sites.")
    kinds = ("is constant within sites",) * 3
    found = Estimates(frame=as_frame(rows), alpha=0.05, remarks=(remark,), kinds=kinds)
    assert repr(found).splitlines()[-2:] == [
        "x, z: two stages, for what is constant within sites",
        "v: too few sites",
    ]


def test_a_notebook_sees_a_table_and_no_markup_of_a_term(estimates):
    assert "<table" in estimates._repr_html_()
    assert "<td><b></td>" not in estimates._repr_html_()
