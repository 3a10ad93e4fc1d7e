"""Random streams by key, and the draws made from them."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest

from peerstats.data.synthetic.streams import at_least_one, choose, expit, pick, stream
from peerstats.data.synthetic.words import codes, days, decimals, digits


@pytest.mark.parametrize("name", ["", ".streams", ".words", ".reading"])
def test_examples_in_docstrings_are_true(name):
    done = doctest.testmod(importlib.import_module(f"peerstats.data.synthetic{name}"))
    assert done.attempted > 0
    assert done.failed == 0


def test_streams_are_stable_across_sessions_and_unlike_each_other():
    # Raw numbers of PCG64 seeded by SeedSequence: numpy promises that they never change, so other
    # numbers here mean that our keys have changed, and with them every synthetic study.
    raw = stream(1, "visits").bit_generator.random_raw(2).tolist()
    assert raw == [6564804471157656939, 7544227374795137585]
    keys = [("visits",), ("women",), ("visits", "women"), ("women", "visits")]
    draws = {tuple(stream(seed, *key).integers(0, 2**60, 2)) for seed in (1, 2) for key in keys}
    assert len(draws) == 8


def test_choose_draws_each_row_s_own_shares():
    row = np.repeat([0, 1], 20_000)
    drawn = choose(stream(1, "test"), ((1, 2, 1), (0, 0, 5)), row)
    shares = np.bincount(drawn[row == 0], minlength=3) / 20_000
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.012)
    assert (drawn[row == 1] == 2).all()


def test_pick_draws_the_same_shares_for_everybody():
    assert (pick(stream(1, "test"), (0, 1), 10) == 1).all()


def test_at_least_one_yes_where_asked_for_and_none_elsewhere():
    rows = np.arange(4000) % 2 == 0
    drawn = at_least_one(stream(1, "test"), (0.1, 0.2), rows)
    assert drawn[rows].any(axis=1).all()
    assert not drawn[~rows].any()
    assert drawn[rows, 1].mean() > drawn[rows, 0].mean()


def test_expit():
    assert expit(np.array([0.0, np.log(3)])) == pytest.approx([0.5, 0.75])


def test_numbers_are_written_as_a_person_would():
    assert digits(np.array([0, 12])).tolist() == ["0", "12"]
    assert digits(np.array([True, False])).tolist() == ["1", "0"]
    assert decimals(np.array([0.1 + 0.2, 18.0, 29.95])).tolist() == ["0.3", "18", "30"]
    assert days(np.array([0, 59])).tolist() == ["2015-01-01", "2015-03-01"]


def test_codes_are_different_and_in_no_order():
    drawn = codes("P", stream(1, "test"), 3000)
    assert len(set(drawn)) == 3000
    assert {len(code) for code in drawn} == {5}
    assert abs(np.corrcoef(np.arange(3000), np.argsort(np.argsort(drawn)))[0, 1]) < 0.1
