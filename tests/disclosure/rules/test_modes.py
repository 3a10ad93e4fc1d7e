from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.modes import letters, secret_of
from peerstats.results import Number
from peerstats.results.blocks import Group, GroupBlock
from peerstats.results.counting import count

STANDARD = policy("standard")
TOWNS = ("tapachula", "tecun_uman", "quetzaltenango", "guatemala", "huehue", "coatepeque")


def modes(of_numbers, sizes, value=0.1234):
    numbers = []
    for i, (town, n) in enumerate(zip(TOWNS, sizes, strict=False)):
        numbers.append(count(f"c.{town}.n", n))
        for end, kind in (("", "mode"), (".low", "ci"), (".high", "ci")):
            numbers.append(
                Number(
                    address=f"c.{town}.mode{end}",
                    kind=kind,
                    scale="link",
                    value=value + i,
                    format="decimal2",
                    basis=n,
                )
            )
    block = GroupBlock(
        key="c",
        title="Sites",
        model="m1",
        factor="site_id",
        factor_label="Site",
        groups=tuple(Group(key=t, label=t.title()) for t, _ in zip(TOWNS, sizes, strict=False)),
    )
    return of_numbers(*numbers, blocks=[block])


def test_names_and_sizes_of_sites_do_not_leave(of_numbers):
    released = release(modes(of_numbers, (40, 30, 20, 50, 60, 25)), STANDARD)
    assert sorted(g.label for g in released.blocks["c"].groups) == list("ABCDEF")
    text = " ".join((*released.numbers, *released.clearance.actions)).lower()
    assert not any(town in text for town in TOWNS)
    letter = released.blocks["c"].groups[0].key
    assert released.number(f"c.{letter}.mode").printed == "0.12"
    assert released.number(f"c.{letter}.n").withheld == "would identify the group"


def test_small_sites_are_left_out(of_numbers):
    released = release(modes(of_numbers, (40, 30, 20, 6, 60, 25)), STANDARD)
    assert len(released.blocks["c"].groups) == 5
    assert len([at for at in released.numbers if at.endswith("mode")]) == 5


@pytest.mark.parametrize("sizes", [(40, 30, 20, 50), (40, 30, 20, 6, 5, 25)])
def test_a_plot_of_few_sites_is_left_out(of_numbers, sizes):
    released = release(modes(of_numbers, sizes), STANDARD)
    assert released.blocks == {}
    assert dict(released.numbers) == {}


def test_public_keeps_the_names(of_numbers):
    exact = modes(of_numbers, (40, 30, 20))
    assert release(exact, policy("public", "public use file")).numbers is exact.numbers


def test_letters_depend_on_data_only_their_holders_have(of_numbers):
    """Who knows the names and the title must not be able to repeat the shuffle."""
    orders = set()
    for i in range(40):
        exact = modes(of_numbers, (40, 30, 20, 50, 60, 25), value=0.1 + i * 1e-9)
        names = letters(list(TOWNS), secret_of(exact))
        orders.add("".join(names[town] for town in TOWNS))
    assert len(orders) > 30


def test_letters_follow_neither_names_nor_the_order_given():
    secret = b"secret"
    names = letters(list(TOWNS), secret)
    assert letters(list(reversed(TOWNS)), secret) == names
    orders = [letters(list(TOWNS), bytes([k])) for k in range(200)]
    first = sum(order["coatepeque"] == "A" for order in orders)
    assert 200 / 6 - 25 < first < 200 / 6 + 25
    many = letters([f"d{i}" for i in range(60)], secret)
    assert len(set(many.values())) == 60
    assert {"A", "Z", "AA", "BH"} <= set(many.values())


def test_secret_changes_with_any_number(of_numbers):
    exact = modes(of_numbers, (40, 30, 20, 50, 60))
    other = replace(exact, numbers={**exact.numbers, "x.n": count("x.n", 3)})
    assert secret_of(exact) != secret_of(other)
    assert secret_of(exact) == secret_of(modes(of_numbers, (40, 30, 20, 50, 60)))
