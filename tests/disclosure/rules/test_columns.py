from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.draft import Draft
from peerstats.disclosure.rules.columns import merge_columns
from peerstats.results.blocks import BaselineVariable
from peerstats.results.counting import count

STANDARD = policy("standard")


def groups(results):
    return [g.key for g in results.blocks["t1"].groups]


def test_groups_above_the_threshold_stay(table_one):
    table = table_one({"v": np.array([[9, 8], [8, 9]])}, [17, 17])
    assert groups(release(table, STANDARD)) == ["all", "g0", "g1"]


def test_a_small_group_is_merged_with_the_next_smallest(table_one):
    table = table_one({"v": np.array([[20, 2, 9], [18, 3, 8]])}, [38, 5, 17])
    released = release(table, STANDARD)
    assert groups(released) == ["all", "g0", "g1+g2"]
    assert released.blocks["t1"].groups[2].label == "g1 or g2"
    assert released.number("t1.g1+g2.n").printed == "21"  # 22, in 19 to 24
    assert released.number("t1.v.l0.g1+g2.n").printed == "9"  # 11
    assert not [at for at in released.numbers if ".g1." in at or ".g2." in at]
    assert released.number("t1.all.n").parts == ("t1.g0.n", "t1.g1+g2.n")


def test_no_subtraction_leads_to_the_small_group(table_one, attacks):
    cells = np.array([[20, 2, 9], [18, 3, 8]])
    released = release(table_one({"v": cells}, [38, 5, 17]), STANDARD)
    known = attacks.facts(released, cells, STANDARD, "bounds")
    assert attacks.recovered(known, cells) == []


@pytest.mark.parametrize("sizes", [(3, 2), (3, 12), (2, 2, 2)])
def test_without_two_groups_only_everybody_is_shown(table_one, sizes):
    table = table_one({"v": np.vstack([sizes, sizes])}, [2 * n for n in sizes])
    small = replace(STANDARD, threshold=12)
    assert groups(release(table, small)) in (["all"], ["all", "g0+g1"])
    assert len(groups(release(table, small))) == 1


def test_mean_and_sd_of_merged_groups_are_those_of_all_their_women(table_one, mean):
    rng = np.random.default_rng(3)
    ages = [rng.normal(30, 5, 30), rng.normal(40, 8, 5), rng.normal(25, 3, 20)]
    cells = np.array([[len(x) for x in ages]])
    results = table_one({}, cells[0].tolist())
    numbers = [
        mean(f"t1.age.g{j}.{name}", float(f(x)), len(x), kind)
        for j, x in enumerate(ages)
        for name, kind, f in (
            ("mean", "mean", np.mean),
            ("sd", "sd", lambda x: np.std(x, ddof=1)),
            ("median", "median", np.median),
        )
    ]
    numbers += [count(f"t1.age.g{j}.answered", len(x)) for j, x in enumerate(ages)]
    block = results.blocks["t1"]
    age = BaselineVariable(name="age", label="Age", numeric=True)
    results = replace(
        results,
        numbers={**results.numbers, **{n.address: n for n in numbers}},
        blocks={"t1": replace(block, variables=(age,))},
    )
    both = np.concatenate(ages[1:])
    merged = merge_columns(Draft(results=results, policy=STANDARD, secret=b"")).numbers
    assert merged["t1.age.g1+g2.mean"].value == pytest.approx(both.mean())
    assert merged["t1.age.g1+g2.sd"].value == pytest.approx(both.std(ddof=1))
    assert merged["t1.age.g1+g2.mean"].basis == 25
    released = release(results, STANDARD)
    assert released.number("t1.age.g1+g2.mean").printed == f"{both.mean():.1f}"
    assert released.number("t1.age.g1+g2.median").printed == "[c]"
    assert released.number("t1.age.g0.median").shown
