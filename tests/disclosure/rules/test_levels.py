from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release
from peerstats.results import Number

STANDARD = policy("standard")


def only(results):
    (variable,) = results.blocks["t1"].variables
    return variable


def with_smd(results):
    smd = Number(
        address="t1.v.smd",
        kind="smd",
        scale="standard_deviations",
        value=0.123456,
        format="decimal2",
        basis=15,
    )
    return replace(results, numbers={**results.numbers, smd.address: smd})


def test_merged_levels_are_rounded_after_they_are_added(table_one):
    results = table_one({"v": np.array([[20, 21], [10, 4], [0, 8]])}, [30, 33])
    released = release(results, STANDARD)
    assert [level.key for level in only(released).levels] == ["l0", "l1+l2"]
    assert only(released).levels[1].label == "Level 1 or Level 2"
    assert released.number("t1.v.l1+l2.g0.n").printed == "9"  # 10 + 0
    assert released.number("t1.v.l1+l2.g1.n").printed == "9"  # 4 + 8
    assert released.number("t1.v.l1+l2.all.n").printed == "18"
    assert released.number("t1.v.l1+l2.g0.percent").printed == "30"  # 9 of 21 + 9
    assert released.number("t1.v.g0.answered").parts == ("t1.v.l0.g0.n", "t1.v.l1+l2.g0.n")
    assert not [at for at in released.numbers if ".l1." in at or ".l2." in at]


def test_three_levels_merge_to_other_and_ordered_ones_to_a_range(table_one):
    cells = np.array([[40, 40], [3, 0], [0, 3], [2, 2]])
    results = table_one({"v": cells}, [45, 45])
    assert only(release(results, STANDARD)).levels[-1].label == "Other"
    block = results.blocks["t1"]
    ordered = replace(block.variables[0], ordered=True)
    results = replace(results, blocks={"t1": replace(block, variables=(ordered,))})
    assert only(release(results, STANDARD)).levels[-1].label == "Level 1 to Level 3"


def test_a_table_without_small_cells_keeps_its_levels_and_its_smd(table_one):
    results = with_smd(table_one({"v": np.array([[20, 21], [10, 14]])}, [30, 35]))
    released = release(results, STANDARD)
    assert len(only(released).levels) == 2
    assert only(released).by_group
    assert released.number("t1.v.smd").printed == "0.1"


def test_an_smd_that_rests_on_a_small_cell_is_withheld(table_one):
    results = with_smd(table_one({"v": np.array([[20, 21], [10, 4]])}, [30, 25]))
    assert release(results, STANDARD).number("t1.v.smd").printed == "[c]"


def test_everybody_saying_yes_is_not_shown(table_one):
    results = table_one({"v": np.array([[0, 0], [20, 19]])}, [20, 19])
    assert release(results, STANDARD).blocks["t1"].variables == ()


def test_strict_shows_no_cell_of_a_group_up_to_ten(table_one):
    results = table_one({"v": np.array([[20, 21], [10, 14]])}, [30, 35])
    assert only(release(results, STANDARD)).by_group
    assert not only(release(results, policy("strict"))).by_group


@pytest.mark.parametrize("level", [0, 1, 2])
def test_cells_of_very_sensitive_variables_must_be_large(table_one, level):
    results = table_one({"v": np.array([[20, 21], [10, 4]])}, [30, 25])
    numbers = {at: replace(n, sensitive=level) for at, n in results.numbers.items()}
    released = release(replace(results, numbers=numbers), STANDARD)
    assert only(released).by_group is (level < 2)


def test_levels_that_do_not_add_up_are_not_shown(table_one):
    """A row left out would be a hidden cell that nobody looked at."""
    results = table_one({"v": np.array([[20, 21], [10, 14], [9, 9]])}, [39, 44])
    block = results.blocks["t1"]
    short = replace(block.variables[0], levels=block.variables[0].levels[:2])
    released = release(
        replace(results, blocks={"t1": replace(block, variables=(short,))}), STANDARD
    )
    assert released.blocks["t1"].variables == ()
