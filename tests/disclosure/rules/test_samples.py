"""Two models of one outcome whose samples differ by few women."""

from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release

STANDARD = policy("standard")
ALL = ((60, 20), (50, 30))  # n and events of No and Yes


@pytest.fixture
def pair(model):
    """Model 1, and a model 2 of the same outcome and exposure in other women."""

    def build(cells, outcome="y"):
        first, other = model(ALL), model(cells)
        numbers = {
            at.replace("m1.", "m2."): replace(
                n,
                address=n.address.replace("m1.", "m2."),
                parts=tuple(part.replace("m1.", "m2.") for part in n.parts),
            )
            for at, n in other.numbers.items()
        }
        block = replace(other.blocks["m1"], key="m2", title="Model 2", outcome=outcome)
        return replace(
            first,
            numbers={**first.numbers, **numbers},
            blocks={**first.blocks, "m2": block},
        )

    return build


def crude(released):
    return [released.number(f"{m}.crude.x.1.or").shown for m in ("m1", "m2")]


@pytest.mark.parametrize(
    "cells", [((58, 19), (50, 30)), ((60, 20), (49, 30)), ((40, 10), (50, 30))]
)
def test_the_table_of_the_women_missing_in_one_model_is_not_given_back(pair, cells):
    released = release(pair(cells), STANDARD)
    assert crude(released) == [True, False]
    assert released.number("m2.x.1.or").shown  # adjusted: no table behind it alone
    assert released.number("m2.x.1.n").shown
    assert "differs by few women" in " ".join(released.clearance.actions)


def test_the_same_women_or_very_different_ones_tell_nothing(pair):
    assert crude(release(pair(ALL), STANDARD)) == [True, True]
    assert crude(release(pair(((120, 40), (100, 60))), STANDARD)) == [True, True]
    assert crude(release(pair(((58, 19), (50, 30)), outcome="z"), STANDARD)) == [True, True]
