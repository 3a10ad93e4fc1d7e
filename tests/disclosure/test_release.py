import math
from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import AUDITS, policy, release
from peerstats.errors import DisclosureError
from peerstats.results.blocks import BaselineVariable

STANDARD = policy("standard")
# Table 1 of the founding paper by site (Tapachula, Tecún Umán, Quetzaltenango: 13, 11, 7). The
# paper prints levels for everybody; the split by site is one that agrees with all it says.
FOUNDING = {
    "origin": [[2, 6, 3], [2, 4, 3], [8, 0, 0], [1, 1, 1]],  # Honduras, El Salvador, GT, Nicaragua
    "place": [[11, 3, 2], [0, 7, 5], [1, 1, 0], [1, 0, 0]],
    "deported": [[5, 4, 2], [8, 7, 5]],
    "formality": [[13, 5, 3], [0, 6, 4]],
    "sti": [[11, 10, 6], [2, 1, 1]],
}
SIZES = [13, 11, 7]


@pytest.fixture(scope="module")
def founding(table_one, mean):
    """The founding Table 1 with age: mean 33, range 20 to 47."""
    results = table_one({k: np.array(v) for k, v in FOUNDING.items()}, SIZES, sites=True)
    block = results.blocks["t1"]
    age = BaselineVariable(name="age", label="Age", numeric=True, unit="years")
    numbers = {n.address: n for n in _age(mean)}
    return replace(
        results,
        numbers={**results.numbers, **numbers},
        blocks={"t1": replace(block, variables=(*block.variables, age))},
    )


def _age(mean):
    for group, n, value in (("all", 31, 33.0), ("g0", 13, 34.2), ("g1", 11, 33.4), ("g2", 7, 30.1)):
        yield mean(f"t1.age.{group}.mean", value, n)
        yield mean(f"t1.age.{group}.sd", 7.123456, n, "sd")
        yield mean(f"t1.age.{group}.minimum", 20.0, 1, "minimum")
        yield mean(f"t1.age.{group}.maximum", 47.0, 1, "maximum")


def variable(results, name):
    return next(v for v in results.blocks["t1"].variables if v.name == name)


def test_the_founding_table_prints_no_extreme(founding):
    released = release(founding, STANDARD)
    assert not [at for at in released.numbers if at.endswith(("minimum", "maximum"))]
    assert not [n for n in released.numbers.values() if n.kind in ("minimum", "maximum")]


def test_the_founding_table_hides_that_nobody_in_mexico_is_formal(founding):
    released = release(founding, STANDARD)
    assert not variable(released, "formality").by_group
    assert released.number("t1.formality.l0.all.n").printed == "21"
    assert not [at for at in released.numbers if at.startswith("t1.formality") and ".g0" in at]
    shown = [n for at, n in released.numbers.items() if ".g" in at and n.kind == "percent"]
    assert all(0 < n.value < 100 for n in shown)


def test_four_women_with_an_infection_are_not_shown(founding):
    released = release(founding, STANDARD)
    assert "sti" not in [v.name for v in released.blocks["t1"].variables]
    assert not [at for at in released.numbers if at.startswith("t1.sti")]


def test_rare_levels_of_the_founding_table_are_merged(founding):
    released = release(founding, STANDARD)
    assert len(variable(released, "place").levels) == 2
    for name in ("origin", "place", "deported"):
        for level in variable(released, name).levels:
            assert released.number(f"t1.{name}.{level.key}.all.n").value >= 9


@pytest.mark.parametrize("attacker", ["bounds", "sizes"])
@pytest.mark.parametrize("name", ["origin", "place", "deported", "formality", "sti"])
def test_no_small_cell_of_the_founding_table_can_be_recovered(attacks, table_one, name, attacker):
    cells = np.array(FOUNDING[name])
    released = release(table_one({"v": cells}, SIZES), STANDARD)
    assert attacks.recovered(attacks.facts(released, cells, STANDARD, attacker), cells) == []


def test_totals_and_percentages_follow_from_what_is_printed(founding):
    released = release(founding, STANDARD)
    numbers = released.numbers
    for number in numbers.values():
        if number.kind == "count" and number.parts:
            assert number.value == sum(numbers[part].value for part in number.parts)
        if number.kind == "percent":
            above, below = (numbers[part] for part in number.parts)
            assert number.printed == f"{math.floor(100 * above.value / below.value + 0.5)}"


def test_released_values_hold_nothing_that_is_not_printed(founding):
    for number in release(founding, STANDARD).numbers.values():
        assert number.se is None
        assert number.basis is None
        if number.withheld:
            assert math.isnan(number.value)
            assert number.printed == "[c]"
        else:
            assert float(number.printed.replace(",", "")) == number.value


def test_the_clearance_says_what_was_done_and_not_what_was_empty(founding):
    clearance = release(founding, STANDARD).clearance
    assert (clearance.profile, clearance.threshold) == ("standard", 6)
    assert clearance.rounding == "midpoint-6 (1 to 6 as 3)"
    assert clearance.withheld > 0
    words = " ".join(clearance.actions)
    assert "sti left out, because of small numbers" in words
    assert "formality shown for all women only" in words
    assert not any(telling in words for telling in ("zero", "empty", "nobody", "100", " 0"))


def test_public_leaves_every_number_as_it_is(founding):
    released = release(founding, policy("public", "synthetic data"))
    assert released.numbers is founding.numbers
    assert released.blocks is founding.blocks
    assert released.clearance.reason == "synthetic data"
    assert released.clearance.withheld == 0


def test_the_gate_is_passed_once(founding):
    with pytest.raises(DisclosureError, match="passed the gate already"):
        release(release(founding, STANDARD), STANDARD)


def test_the_same_results_give_the_same_release(founding):
    first, second = release(founding, STANDARD), release(founding, STANDARD)
    assert {a: n.printed for a, n in first.numbers.items()} == {
        a: n.printed for a, n in second.numbers.items()
    }
    assert first.blocks == second.blocks


def test_exact_results_are_left_as_they_were(founding):
    before = dict(founding.numbers)
    release(founding, STANDARD)
    assert founding.numbers == before
    assert founding.number("t1.age.all.minimum").value == 20


def test_an_audit_that_recovers_something_closes_the_gate(founding, monkeypatch):
    monkeypatch.setitem(AUDITS, "found", lambda exact, released, policy: ("A cell is known.",))
    with pytest.raises(DisclosureError, match="A cell is known"):
        release(founding, STANDARD)


def test_a_kind_of_number_without_a_rule_is_refused(of_numbers, mean):
    strange = replace(mean("t1.x.all.mode", 1.0, 50), kind="fingerprint")
    with pytest.raises(DisclosureError, match="No rule says how to protect"):
        release(of_numbers(strange), STANDARD)
