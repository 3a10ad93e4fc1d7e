"""A fast version of benchmarks/disclosure_attack.py."""

import numpy as np
import pytest

from peerstats.disclosure import policy, release


@pytest.mark.parametrize("profile", ["standard", "strict"])
@pytest.mark.parametrize("shape", [(4, 3, 31), (2, 3, 31), (5, 2, 52)])
def test_no_small_or_empty_cell_of_random_tables_is_recovered(attacks, profile, shape):
    rows = {r["attacker"]: r for r in attacks.attack(8, shape, policy(profile), seed=7)}
    for attacker in ("bounds", "sizes"):
        assert rows[attacker]["small"] > 15
        assert rows[attacker]["small_recovered"] == 0
        assert rows[attacker]["empty_recovered"] == 0


@pytest.mark.parametrize("sizes", [(9, 8), (14, 15), (7, 7, 8), (5, 9, 9)])
def test_running_the_gate_on_all_tables_gives_no_cell_away(attacks, sizes):
    row = attacks.insider(2, sizes, policy("standard"))
    assert row["small"] > 100
    assert row["small_recovered"] == 0
    assert row["empty_recovered"] == 0


def test_the_attack_finds_what_suppression_alone_leaves_open(attacks):
    """Hiding cells below 6 and printing exact margins, as is common: the attacker must win."""
    cells = np.array([[8, 3, 9], [7, 9, 8]])
    known = [
        (np.where(np.arange(6).reshape(2, 3) == at, 1.0, 0.0), n, n)
        for at, n in enumerate(cells.ravel())
        if n >= 6
    ]
    assert attacks.recovered(known, cells) == []
    sums = [attacks._line(cells, j, 1) for j in range(3)]
    assert attacks.recovered(known + sums, cells) == [3]


def test_rounding_alone_would_be_undone_by_known_sizes(attacks, table_one):
    cells = np.array([[7, 9], [1, 9]])
    rule = policy("standard")
    exact = [(w, rule.lower(n), rule.upper(n)) for w, n in _singles(cells)]
    assert attacks.recovered([*exact, attacks._line(cells, 0, 1)], cells) == [1]
    released = release(table_one({"v": cells}, [8, 18]), rule)
    assert attacks.recovered(attacks.facts(released, cells, rule, "sizes"), cells) == []


def _singles(cells):
    for at, n in enumerate(cells.ravel()):
        weights = np.zeros(cells.size)
        weights[at] = 1
        yield weights.reshape(cells.shape), int(n)
