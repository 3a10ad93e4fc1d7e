import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerstats.data.codebook import MISSING_CODES, Condition, Field, Level
from peerstats.errors import UsageError
from peerstats.results import Number
from peerstats.results.baseline import STATISTICS, baseline
from peerstats.results.formats import fixed

SITE = Field(name="site_id", table="women", label="Site", type="key", column="site_id")
AGE = Field(
    name="age", table="women", label="Age", type="number", column="age", unit="years",
    low=18, high=99,
)  # fmt: skip
DEPORTED = Field(
    name="deported", table="women", label="Ever deported", type="boolean", column="deported",
    sensitive=1,
)  # fmt: skip
PLACE = Field(
    name="place", table="women", label="Place of service", type="category", column="place",
    asked_if=Condition(variable="deported", operator="=", values=("1",)),
    levels=(
        Level(value="bar", label="Bar"),
        Level(value="street", label="Street"),
        Level(value="home", label="Own home"),
    ),
)  # fmt: skip

# Six women at two sites. One refused to say whether she was deported; three were not asked where.
WOMEN = {
    "site_id": ["a", "a", "a", "a", "b", "b"],
    "age": [20.0, 30.0, 40.0, ".m", 26.0, 34.0],
    "deported": [1, 1, 0, ".r", 1, 0],
    "place": ["bar", "street", ".a", ".a", "bar", ".a"],
}


def _by_address(numbers: tuple[Number, ...]) -> dict[str, Number]:
    found = {n.address: n for n in numbers}
    assert len(found) == len(numbers)
    return found


def _values(numbers: dict[str, Number], *addresses: str) -> list[float]:
    return [numbers[a].value for a in addresses]


@pytest.fixture
def table_one(make_table):
    block, numbers = baseline("t1", "Table 1", make_table(WOMEN), [AGE, DEPORTED, PLACE], SITE)
    return block, _by_address(numbers)


def test_the_block_orders_groups_variables_and_levels(table_one) -> None:
    block, _ = table_one
    assert [g.key for g in block.groups] == ["all", "a", "b"]
    assert [v.name for v in block.variables] == ["age", "deported", "place"]
    assert [(v.numeric, v.unit) for v in block.variables[:2]] == [(True, "years"), (False, None)]
    assert [lv.label for lv in block.variables[1].levels] == ["No", "Yes"]
    assert [lv.key for lv in block.variables[2].levels] == ["bar", "street"]
    assert block.variables[2].skip_rule == "asked if Ever deported is Yes"
    assert block.by_label == "Site"
    assert block.remarks == ()


def test_women_in_each_group(table_one) -> None:
    _, numbers = table_one
    assert _values(numbers, "t1.all.n", "t1.a.n", "t1.b.n") == [6, 4, 2]
    assert numbers["t1.all.n"].parts == ("t1.a.n", "t1.b.n")


def test_percentages_are_of_those_who_answered(table_one) -> None:
    _, numbers = table_one
    at = "t1.deported"
    assert _values(numbers, f"{at}.all.asked", f"{at}.all.answered") == [6, 5]
    assert _values(numbers, f"{at}.1.all.n", f"{at}.0.all.n") == [3, 2]
    assert numbers[f"{at}.1.all.percent"].value == pytest.approx(60)
    assert numbers[f"{at}.1.a.percent"].value == pytest.approx(100 * 2 / 3)
    assert numbers[f"{at}.1.a.percent"].printed == "66.7"
    assert numbers[f"{at}.1.a.percent"].parts == (f"{at}.1.a.n", f"{at}.a.answered")
    assert numbers[f"{at}.1.a.percent"].basis == 3
    assert numbers[f"{at}.1.a.percent"].sensitive == 1


def test_a_skipped_item_is_not_in_its_denominator(table_one) -> None:
    _, numbers = table_one
    at = "t1.place"
    assert _values(numbers, f"{at}.all.asked", f"{at}.a.asked", f"{at}.b.asked") == [3, 2, 1]
    assert numbers[f"{at}.bar.all.percent"].value == pytest.approx(100 * 2 / 3)
    assert f"{at}.home.all.n" not in numbers  # nobody works at home


def test_statistics_by_hand(table_one) -> None:
    _, numbers = table_one
    # 20 26 30 34 40: mean 30, variance (100+16+0+16+100)/4 = 58, type 7 quartiles 26 and 34
    names = ("mean", "sd", "median", "q1", "q3", "minimum", "maximum")
    found = _values(numbers, *(f"t1.age.all.{name}" for name in names))
    assert found == pytest.approx([30, math.sqrt(58), 30, 26, 34, 20, 40])
    assert numbers["t1.age.all.mean"].basis == 5
    assert numbers["t1.age.all.minimum"].basis == 1
    assert numbers["t1.age.all.sd"].scale == "sd"
    assert numbers["t1.age.all.answered"].parts == ("t1.age.a.answered", "t1.age.b.answered")
    # 26 and 34: q1 = 26 + 8/4 by type 7 (type 6 would give 26)
    assert numbers["t1.age.b.q1"].value == pytest.approx(28)


def test_the_histogram_counts_everybody_once(table_one) -> None:
    block, numbers = table_one
    keys = [b.key for b in block.variables[0].bins]
    assert keys[:3] == ["15<20", "20<25", "25<30"]
    assert sum(numbers[f"t1.age.bin.{k}.all.n"].value for k in keys) == 5
    assert numbers["t1.age.bin.30<35.all.n"].value == 2
    assert numbers["t1.age.bin.30<35.all.n"].parts == (
        "t1.age.bin.30<35.a.n",
        "t1.age.bin.30<35.b.n",
    )


def test_distances_between_the_two_sites(table_one) -> None:
    _, numbers = table_one
    # Age at a: 20 30 40 (mean 30, variance 100); at b: 26 34 (mean 30): no difference.
    assert numbers["t1.age.smd"].value == pytest.approx(0)
    # Deported: 2/3 and 1/2, so (1/6) / sqrt((2/9 + 1/4)/2) = .342997
    assert numbers["t1.deported.smd"].value == pytest.approx(0.3429971703)
    assert numbers["t1.deported.smd"].basis == 2


def test_women_without_a_group_are_in_the_column_for_everybody_only(make_table) -> None:
    women = WOMEN | {"site_id": ["a", "a", "a", ".m", "b", "b"]}
    block, found = baseline("t1", "Table 1", make_table(women), [DEPORTED], SITE)
    numbers = _by_address(found)
    assert _values(numbers, "t1.all.n", "t1.a.n", "t1.b.n") == [6, 3, 2]
    assert all(n.parts == () for a, n in numbers.items() if a.endswith(".all.n"))
    assert block.remarks == (
        "Women without a value for Site are in the column for everybody only.",
    )


def test_the_grouping_variable_itself_is_shown_for_everybody(make_table) -> None:
    block, found = baseline("t1", "Table 1", make_table(WOMEN), [DEPORTED, AGE], DEPORTED)
    numbers = _by_address(found)
    assert [g.label for g in block.groups] == ["All", "No", "Yes"]
    assert [v.by_group for v in block.variables] == [False, True]
    assert "t1.deported.1.all.n" in numbers
    assert not any(a.startswith("t1.deported.1.1.") or a == "t1.deported.smd" for a in numbers)
    # belonging to a group of a sensitive variable is itself sensitive
    assert (numbers["t1.age.1.mean"].sensitive, numbers["t1.age.all.mean"].sensitive) == (1, 0)


def test_without_groups_there_is_one_column_and_no_distance(make_table) -> None:
    block, found = baseline("t1", "Table 1", make_table(WOMEN), [AGE, DEPORTED])
    assert [g.key for g in block.groups] == ["all"]
    assert not any(n.kind == "smd" for n in found)


def test_a_statistic_of_nobody_is_missing_and_warns_of_nothing(make_table) -> None:
    women = {"age": [".r", ".r"], "deported": [".a", ".a"]}
    numbers = _by_address(baseline("t1", "T", make_table(women), [AGE, DEPORTED])[1])
    assert numbers["t1.age.all.mean"].printed == "–"
    assert numbers["t1.age.all.minimum"].printed == "–"
    assert numbers["t1.deported.1.all.percent"].printed == "–"
    assert numbers["t1.deported.all.asked"].value == 0


def test_one_woman_has_no_sd(make_table) -> None:
    numbers = _by_address(baseline("t1", "T", make_table({"age": [33.0]}), [AGE])[1])
    assert numbers["t1.age.all.mean"].value == 33
    assert math.isnan(numbers["t1.age.all.sd"].value)


def test_extremes_keep_the_decimals_a_woman_gave(make_table) -> None:
    numbers = _by_address(baseline("t1", "T", make_table({"age": [0.02, 4.5, 30.0]}), [AGE])[1])
    assert numbers["t1.age.all.minimum"].printed == "0.02"
    assert numbers["t1.age.all.maximum"].printed == "30"


@pytest.mark.parametrize(
    ("variables", "by", "message"),
    [
        ([AGE, AGE], None, "lists the variable 'age' twice"),
        ([DEPORTED], AGE, "cannot be split by 'age'"),
    ],
)
def test_what_cannot_be_shown_is_refused(make_table, variables, by, message) -> None:
    with pytest.raises(UsageError, match=message):
        baseline("t1", "T", make_table(WOMEN), variables, by)


def test_a_group_called_all_is_refused(make_table) -> None:
    with pytest.raises(UsageError, match="is called 'all'"):
        baseline("t1", "T", make_table({"site_id": ["all", "b"], "age": [20.0, 30.0]}), [AGE], SITE)


def test_levels_that_differ_only_in_punctuation_are_refused(make_table) -> None:
    women = {"site_id": ["a b", "a/b"], "age": [20.0, 30.0]}
    with pytest.raises(UsageError, match=r"address 't1.a_b.n'.*Rename one"):
        baseline("t1", "T", make_table(women), [AGE], SITE)


_cell = st.sampled_from([0, 1, *MISSING_CODES])
_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", ".m"]),
        st.one_of(st.floats(18, 99), st.sampled_from([".r", ".a"])),
        _cell,
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(_rows)
def test_counts_add_up_and_percentages_come_from_their_parts(make_table, rows) -> None:
    site, age, deported = (list(c) for c in zip(*rows, strict=True))
    table = make_table({"site_id": site, "age": age, "deported": deported})
    block, found = baseline("t1", "T", table, [AGE, DEPORTED], SITE)
    numbers = _by_address(found)
    for number in found:
        if number.kind == "count":
            assert number.basis == number.value
            if number.parts:
                assert number.value == sum(numbers[p].value for p in number.parts)
        if number.kind == "percent" and not math.isnan(number.value):
            above, below = (numbers[p].value for p in number.parts)
            assert number.value == pytest.approx(100 * above / below)
    for group in (g.key for g in block.groups):
        low, middle, high = _values(
            numbers, *(f"t1.age.{group}.{q}" for q in ("q1", "median", "q3"))
        )
        assert math.isnan(middle) or low <= middle <= high
        assert numbers[f"t1.age.{group}.answered"].value <= numbers[f"t1.age.{group}.asked"].value
        assert numbers[f"t1.age.{group}.asked"].value <= numbers[f"t1.{group}.n"].value


def test_the_order_of_the_rows_changes_no_number(make_table) -> None:
    ages = [20.1, 33.3, 41.7, 19.9, 26.4, 34.6]
    women = WOMEN | {"age": ages}
    order = np.random.default_rng(1).permutation(6)
    shuffled = {k: [v[i] for i in order] for k, v in women.items()}
    first = baseline("t1", "T", make_table(women), [AGE, DEPORTED, PLACE], SITE)
    assert baseline("t1", "T", make_table(shuffled), [AGE, DEPORTED, PLACE], SITE) == first


def test_a_mean_of_a_value_that_most_women_share_describes_the_others(make_table) -> None:
    arrests = Field(name="age", table="women", label="Arrests", type="integer", column="age")
    women = {"site_id": ["a"] * 4 + ["b"] * 2, "age": [0.0, 0.0, 0.0, 2.0, 1.0, 3.0]}
    found = _by_address(baseline("t1", "Table 1", make_table(women), [arrests], SITE)[1])
    means = [found[f"t1.age.{g}.mean"].basis for g in ("all", "a", "b")]
    assert means == [3, 1, 1]
    assert found["t1.age.smd"].basis == 1
    assert found["t1.age.a.answered"].basis == 4


def test_who_was_asked_is_as_sensitive_as_what_decides_it(make_table) -> None:
    secret = replace(DEPORTED, sensitive=2)
    numbers = baseline("t1", "Table 1", make_table(WOMEN), [secret, PLACE], SITE)[1]
    found = _by_address(numbers)
    assert found["t1.place.a.asked"].sensitive == 2
    assert found["t1.place.bar.a.n"].sensitive == 0


@pytest.mark.parametrize(("role", "expected"), [("eligibility", True), (None, False)])
def test_an_item_whose_condition_makes_eligible_is_marked(make_table, role, expected) -> None:
    rule = Condition(variable="clients", operator=">", values=("0",))
    gate = Field(name="clients", table="visits", label="C", type="integer", column="c", role=role)
    item = Field(
        name="condom", table="visits", label="X", type="boolean", column="x", asked_if=rule
    )
    table = make_table({"condom": [1.0, 0.0, 1.0]})
    block, _ = baseline("t1", "T", table, [item], others={"clients": gate})
    assert block.variables[0].skip_open is expected


@given(st.lists(st.integers(min_value=180, max_value=600), min_size=1, max_size=12))
def test_ties_of_means_and_medians_are_rounded_as_the_answers_say(tenths):
    """Half up of the exact number, whatever binary makes of ages such as 33.3 and 33.4."""
    ages = sorted(Fraction(t, 10) for t in tenths)
    middle = (ages[(len(ages) - 1) // 2] + ages[len(ages) // 2]) / 2
    x = np.array([float(age) for age in ages])
    for name, exact in (("mean", sum(ages) / len(ages)), ("median", middle)):
        half_up = math.floor(exact * 10 + Fraction(1, 2))
        assert fixed(STATISTICS[name][1](x), 1) == f"{half_up // 10}.{half_up % 10}"
