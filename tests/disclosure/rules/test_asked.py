from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release
from peerstats.results.counting import count

STANDARD = policy("standard")


def asked_of(table_one, asked, women):
    """A yes/no item of which `asked` women in each group were asked, all of them answering."""
    yes = np.array(asked) // 2
    results = table_one({"v": np.vstack([yes, np.array(asked) - yes])}, women)
    columns = {"all": sum(asked), **{f"g{j}": n for j, n in enumerate(asked)}}
    numbers = {f"t1.v.{g}.asked": count(f"t1.v.{g}.asked", n) for g, n in columns.items()}
    block = results.blocks["t1"]
    variable = replace(block.variables[0], skip_rule="asked if in informal work")
    return replace(
        results,
        numbers={**results.numbers, **numbers},
        blocks={"t1": replace(block, variables=(variable,))},
    )


def test_an_item_asked_of_some_in_every_group_stays(table_one):
    released = release(asked_of(table_one, [16, 18], [24, 30]), STANDARD)
    assert released.blocks["t1"].variables[0].by_group
    assert released.number("t1.v.g0.asked").printed == "15"


@pytest.mark.parametrize("asked", [[20, 24], [18, 26], [18, 0]])
def test_an_item_asked_of_all_or_none_in_a_group_is_shown_for_everybody(table_one, asked):
    women = [20, 30] if asked[0] == 20 else [24, 26]
    released = release(asked_of(table_one, asked, women), STANDARD)
    assert not released.blocks["t1"].variables[0].by_group
    assert not [at for at in released.numbers if at.startswith("t1.v.g")]


def test_an_item_asked_of_everybody_gives_its_condition_away(table_one):
    released = release(asked_of(table_one, [20, 30], [20, 30]), STANDARD)
    assert released.blocks["t1"].variables == ()


def test_without_a_skip_rule_everybody_may_be_asked(table_one):
    results = asked_of(table_one, [20, 30], [20, 30])
    block = results.blocks["t1"]
    variable = replace(block.variables[0], skip_rule=None)
    results = replace(results, blocks={"t1": replace(block, variables=(variable,))})
    assert release(results, STANDARD).blocks["t1"].variables[0].by_group


@pytest.mark.parametrize(("asked", "women"), [([13, 18], [19, 30]), ([5, 18], [30, 40])])
def test_a_sensitive_condition_needs_many_on_both_sides(table_one, asked, women):
    """How many were asked how often they were deported is how many were deported."""
    results = asked_of(table_one, asked, women)
    assert release(results, STANDARD).blocks["t1"].variables[0].by_group
    numbers = {
        at: replace(n, sensitive=2) if at.endswith(".asked") else n
        for at, n in results.numbers.items()
    }
    released = release(replace(results, numbers=numbers), STANDARD)
    assert not released.blocks["t1"].variables[0].by_group


def test_a_condition_of_eligibility_needs_no_protection(table_one):
    results = asked_of(table_one, [20, 24], [20, 24])
    block = results.blocks["t1"]
    variable = replace(block.variables[0], skip_open=True)
    open_results = replace(results, blocks={"t1": replace(block, variables=(variable,))})
    released = release(open_results, STANDARD)
    assert [v.name for v in released.blocks["t1"].variables] == ["v"]
    assert released.blocks["t1"].variables[0].by_group
