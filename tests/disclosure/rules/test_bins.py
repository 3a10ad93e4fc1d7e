import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.bins import joined
from peerstats.results.blocks import BaselineBlock, BaselineVariable, Group, Item
from peerstats.results.counting import count

STANDARD = policy("standard")


def histogram(of_numbers, heights, groups=()):
    """Bins of five years from 15 on; `groups` are the heights in each group."""
    bins = tuple(
        Item(key=f"{low}<{low + 5}", label=f"{low}–{low + 4}")
        for low in range(15, 15 + 5 * len(heights), 5)
    )
    columns = {"all": heights, **{f"g{j}": h for j, h in enumerate(groups)}}
    numbers = [
        count(f"t1.age.bin.{b.key}.{g}.n", n)
        for g, column in columns.items()
        for b, n in zip(bins, column, strict=True)
    ]
    numbers += [count(f"t1.{g}.n", sum(column)) for g, column in columns.items()]
    age = BaselineVariable(name="age", label="Age", numeric=True, bins=bins)
    block = BaselineBlock(
        key="t1",
        title="Table 1",
        groups=tuple(Group(key=g, label=g) for g in columns),
        variables=(age,),
    )
    return of_numbers(*numbers, blocks=[block])


def labels(released):
    return [b.label for b in released.blocks["t1"].variables[0].bins]


def test_the_tails_and_gaps_of_a_histogram_are_merged(of_numbers):
    released = release(histogram(of_numbers, (1, 0, 9, 8, 0, 2, 1)), STANDARD)
    assert labels(released) == ["15–29", "30–49"]
    assert released.number("t1.age.bin.15<30.all.n").printed == "9"  # 10
    assert released.number("t1.age.bin.30<50.all.n").printed == "9"  # 11


def test_a_histogram_of_large_bins_stays(of_numbers):
    released = release(histogram(of_numbers, (9, 10, 7)), STANDARD)
    assert labels(released) == ["15–19", "20–24", "25–29"]


def test_groups_keep_their_bins_only_when_all_are_large(of_numbers):
    released = release(histogram(of_numbers, (20, 20), [(12, 8), (8, 12)]), STANDARD)
    assert released.has("t1.age.bin.15<20.g0.n")
    released = release(histogram(of_numbers, (20, 20), [(16, 2), (4, 18)]), STANDARD)
    assert released.has("t1.age.bin.15<20.all.n")
    assert not [at for at in released.numbers if ".bin." in at and ".g" in at]


def test_one_bin_is_no_histogram(of_numbers):
    released = release(histogram(of_numbers, (3, 5, 2)), STANDARD)
    assert labels(released) == []
    assert not [at for at in released.numbers if ".bin." in at]
    assert "histogram of Age left out" in " ".join(released.clearance.actions)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (("0<0.5", "0 to <0.5"), ("0.5<1", "0.5 to <1"), ("0<1", "0 to <1")),
        (("1<2", "1"), ("2<3", "2"), ("1<3", "1–2")),
    ],
)
def test_bins_are_named_by_their_outer_edges(first, last, expected):
    items = [Item(key=key, label=label) for key, label in (first, last)]
    assert joined(items) == Item(key=expected[0], label=expected[1])
