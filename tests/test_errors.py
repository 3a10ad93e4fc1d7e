from __future__ import annotations

import pytest

from peerstats import errors
from peerstats.errors import PeerstatsError, Problem


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("PeerstatsError", 1),
        ("UsageError", 2),
        ("DataError", 3),
        ("ModelError", 4),
        ("DisclosureError", 5),
        ("PlaceError", 6),
        ("VerificationError", 7),
    ],
)
def test_each_cause_has_its_exit_code(name, code):
    assert getattr(errors, name).exit_code == code


def test_a_problem_says_where_before_what():
    assert str(Problem(message="m", file="a.toml", line=3)) == "a.toml:3: m"
    assert str(Problem(message="m", table="t", column="c")) == "table 't', column 'c': m"
    assert str(Problem(message="m", file="a.csv", table="t")) == "a.csv: table 't': m"
    assert str(Problem(message="m", code="C01")) == "C01: m"


def test_an_error_holds_all_its_problems():
    error = PeerstatsError("one", Problem(message="two"))
    assert str(error) == "one\ntwo"
