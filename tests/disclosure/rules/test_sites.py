import numpy as np

from peerstats.disclosure import policy, release
from peerstats.results.blocks import Group, QualityBlock, QualityRow
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
