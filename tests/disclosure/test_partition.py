import numpy as np
import pytest

from peerstats.disclosure import policy
from peerstats.disclosure.partition import Cells, determined, partition

STANDARD = policy("standard")


def cells(*rows, ordered=False, large=False):
    return Cells(overall=tuple(map(sum, rows)), groups=rows, ordered=ordered, large=large)


def test_full_cells_are_left_alone():
    assert partition(cells((8, 9), (9, 8)), STANDARD) == (((0,), (1,)), True)


def test_an_empty_cell_is_merged_with_the_rarest_other_level():
    levels, by_group = partition(cells((20, 20), (10, 9), (0, 8)), STANDARD)
    assert (levels, by_group) == (((0,), (1, 2)), True)


def test_an_ordered_level_is_merged_with_a_neighbour():
    table = cells((9, 8), (20, 20), (0, 8), (30, 30), ordered=True)
    assert partition(table, STANDARD)[0] == ((0,), (1, 2), (3,))


def test_two_levels_with_an_empty_cell_lose_their_groups():
    assert partition(cells((0, 10), (13, 8)), STANDARD) == (((0,), (1,)), False)


def test_groups_are_given_up_before_the_levels_for_everybody_are():
    table = cells((10, 0, 0), (0, 10, 0), (0, 0, 10))
    assert partition(table, STANDARD) == (((0,), (1,), (2,)), False)


def test_a_rare_level_has_nowhere_to_go_and_the_variable_is_dropped():
    assert partition(cells((2, 2), (13, 14)), STANDARD) == ((), False)


def test_levels_at_the_threshold_are_rare_and_just_above_are_not():
    alone = ((), (), ())
    six = Cells(overall=(6, 20, 20), groups=alone)
    seven = Cells(overall=(7, 20, 20), groups=alone)
    assert len(partition(six, STANDARD)[0]) == 2
    assert len(partition(seven, STANDARD)[0]) == 3


def test_cells_of_a_sensitive_variable_must_be_large():
    rows = ((9, 5), (9, 9))
    assert partition(cells(*rows), STANDARD)[1]
    assert not partition(cells(*rows, large=True), STANDARD)[1]


@pytest.mark.parametrize("line", [(1, 7), (1, 1, 1), (6, 12), (7, 7)])
def test_a_line_at_its_lowest_or_highest_is_determined(line):
    assert determined([(n,) for n in line], STANDARD) == {(i, 0) for i in range(len(line))}


def test_cells_are_found_across_lines():
    """The second group alone, 15 women as 1–6 and 13–18, has two choices; the first fixes one."""
    table = [(7, 2), (7, 13)]
    assert determined(table, STANDARD) == {(0, 0), (1, 0), (0, 1), (1, 1)}


def test_a_line_between_its_ends_is_open():
    assert determined([(8,), (1,)], STANDARD) == set()


def test_exact_totals_leave_most_cells_open():
    assert determined([(9, 3), (4, 10)], STANDARD) == set()


def test_determined_cells_matter_only_where_something_small_stands():
    assert partition(cells((1, 9), (7, 9)), STANDARD)[1] is False
    assert partition(cells((7, 9), (7, 9)), STANDARD)[1] is True


def test_determined_agrees_with_integer_programming(attacks):
    """Narrowing intervals is no complete search; on 2-level tables it must miss nothing."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        table = rng.integers(1, 15, size=(2, 3))
        known = [attacks._line(table, j, 1) for j in range(3)]
        known += [attacks._line(table, i, 0) for i in range(2)]
        for at, n in np.ndenumerate(table):
            weights = np.zeros(table.shape)
            weights[at] = 1
            known.append((weights, STANDARD.lower(int(n)), STANDARD.upper(int(n))))
        found = determined(table.tolist(), STANDARD)
        small = [int(n) for at, n in np.ndenumerate(table) if n < 6 and at in found]
        assert attacks.recovered(known, table) == small
