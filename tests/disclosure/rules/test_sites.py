import re
from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release
from peerstats.results.blocks import Group, QualityBlock, QualityRow, TermLevel
from peerstats.results.counting import count, percent


def study(table_one, of_numbers, **block):
    table = table_one({"v": np.array([[20, 21], [15, 14]])}, [35, 35], **block)
    row = QualityRow(key="C1", rule="C1", severity="warn", table="t", columns=(), message="x")
    towns = (Group(key="g0", label="Tapachula"), Group(key="g1", label="Tecún Umán"))
    quality = QualityBlock(
        key="q",
        title="Quality",
        rows=(row,),
        rules_run=1,
        notes=(),
        site_rates=tuple(("C1", town) for town in towns),
    )
    numbers = []
    for town, n in (("g0", 9), ("g1", 12)):
        above, below = count(f"q.C1.site.{town}.count", n), count(f"q.C1.site.{town}.checked", 35)
        numbers += [above, below, percent(f"q.C1.site.{town}.percent", above, below)]
    return of_numbers(*table.numbers.values(), *numbers, blocks=[table.blocks["t1"], quality])


def test_standard_keeps_the_names_of_sites(table_one, of_numbers):
    released = release(study(table_one, of_numbers, sites=True), policy("standard"))
    assert [g.key for g in released.blocks["t1"].groups] == ["all", "g0", "g1"]
    assert released.number("q.C1.site.g1.percent").shown


def test_strict_replaces_them_by_letters_everywhere(table_one, of_numbers):
    released = release(study(table_one, of_numbers, sites=True), policy("strict"))
    assert [g.label for g in released.blocks["t1"].groups] == ["All", "Site A", "Site B"]
    assert [g.label for _, g in released.blocks["q"].site_rates] == ["Site A", "Site B"]
    assert not [at for at in released.numbers if ".g0" in at or ".g1" in at]
    assert released.number("t1.v.l0.A.n").parts == ()
    assert released.number("t1.v.l0.all.n").parts in (
        ("t1.v.l0.A.n", "t1.v.l0.B.n"),
        ("t1.v.l0.B.n", "t1.v.l0.A.n"),
    )
    assert released.number("q.C1.site.A.percent").shown


def test_groups_that_are_not_sites_keep_their_names(table_one, of_numbers):
    released = release(study(table_one, of_numbers), policy("strict"))
    assert released.blocks["t1"].groups[0].key == "all"
    assert [g.label for _, g in released.blocks["q"].site_rates] == ["Site A", "Site B"]


def test_strict_hides_names_where_the_site_is_a_row(table_one):
    results = table_one({"site_id": np.array([[20, 21], [35, 34]])}, [55, 55])
    released = release(results, policy("strict"))
    levels = released.blocks["t1"].variables[0].levels
    assert [(v.key, v.label) for v in levels] == [("A", "Site A"), ("B", "Site B")]
    assert released.number("t1.site_id.A.g0.n").shown
    assert not [at for at in released.numbers if ".l0" in at or ".l1" in at]


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_no_name_and_no_size_stands_beside_the_estimate_of_a_site(model, profile):
    exact = model(((60, 20), (50, 30)))
    block = exact.blocks["m1"]
    site = replace(block.terms[0], variable="site_id")
    levels = (("tapachula", None), ("tecun", "b"), ("xela", "c"))
    levels = tuple(TermLevel(key=k, label=k.title(), term=term) for k, term in levels)
    site = replace(site, levels=levels)
    numbers = {at: n for at, n in exact.numbers.items() if ".x." not in at}
    for key, n in (("tapachula", 40), ("tecun", 35), ("xela", 35)):
        for name, size in (("n", n), ("events", 15)):
            numbers[f"m1.site_id.{key}.{name}"] = count(f"m1.site_id.{key}.{name}", size)
        old = exact.numbers["m1.x.1.or"]
        numbers[f"m1.site_id.{key}.or"] = replace(old, address=f"m1.site_id.{key}.or", basis=15)
    block = replace(block, terms=(site, block.terms[1]))
    results = replace(exact, numbers=numbers, blocks={"m1": block})
    released = release(results, policy(profile))
    shown = released.blocks["m1"].terms[0].levels
    assert [v.term is None for v in shown] == [True, False, False]
    assert {v.label for v in shown} == {"Site A", "Site B", "Site C"}
    assert not re.search("tapachula|tecun|xela", " ".join(released.numbers), re.IGNORECASE)
    assert all(released.number(f"m1.site_id.{letter}.or").shown for letter in "ABC")
    assert not any(released.number(f"m1.site_id.{letter}.n").shown for letter in "ABC")
