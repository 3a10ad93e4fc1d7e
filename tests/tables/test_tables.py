"""Every kind of table from fixed numbers: what it shows, and what it says instead."""

import dataclasses

import pytest

from peerstats.errors import UsageError
from peerstats.results.blocks import Mark
from peerstats.results.text import plain
from peerstats.tables import TABLES, build_table
from peerstats.tables.notes import symbol_for

BLOCKS = {
    "adjustment": "m1", "audit": "m1", "baseline": "t1", "fits": "m2", "flow": "flow",
    "missingness": "miss", "model": "m1", "quality": "q", "reliability": "scales",
}  # fmt: skip


def lines(results, table):
    """The table as plain lines of text, for golden files and searches."""
    out = [f"{table.title} [{table.key}]"]
    head = [table.stub]
    for column in table.columns:
        group = f"{column.group}/" if column.group else ""
        head.append(group + plain(results, column.label))
    out.append(" | ".join(head))
    for row in table.rows:
        cells = [plain(results, cell) for cell in row.cells]
        label = f"{row.kind[0]} {'  ' * row.indent}{plain(results, row.label)}"
        out.append(" | ".join([label, *cells]))
    out += [f"* {note.symbol or ''} {plain(results, note.text)}" for note in table.notes]
    return out


def row(results, table, label):
    found = [r for r in lines(results, table) if r[2:].strip().startswith(label)]
    assert len(found) == 1, found
    return [cell.strip() for cell in found[0].split("|")[1:]]


def test_the_blocks_here_cover_every_kind():
    assert set(BLOCKS) == set(TABLES)


@pytest.mark.parametrize("kind", sorted(TABLES))
@pytest.mark.parametrize("released", [False, True])
def test_contract(fixed, kind, released):
    results = fixed.results(released=released)
    table = build_table(results, kind, BLOCKS[kind])
    assert table.title
    assert table.rows
    assert len({column.key for column in table.columns}) == len(table.columns)
    for at in table.refs:
        results.number(at)
    assert table.key == f"{kind}-{BLOCKS[kind]}"


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_golden(study, golden, kind):
    golden(f"{kind}.txt", "\n".join(lines(study, build_table(study, kind, BLOCKS[kind]))) + "\n")


def test_golden_of_a_model_that_is_refused(study, golden):
    golden("model-refused.txt", "\n".join(lines(study, build_table(study, "model", "m2"))) + "\n")


def test_unknown_kinds_and_blocks_are_named(study):
    with pytest.raises(UsageError, match="Did you mean 'baseline'"):
        build_table(study, "basline", "t1")
    with pytest.raises(UsageError, match="No block 'm9'"):
        build_table(study, "model", "m9")
    with pytest.raises(UsageError, match="is a FlowBlock, not a ModelBlock"):
        build_table(study, "model", "flow")


def test_what_is_withheld_stands_alone_and_is_explained(fixed):
    results = fixed.results(released=True)
    table = build_table(results, "model", "m1")
    assert row(results, table, "Street")[3:] == ["[c]", "[c]"]
    assert plain(results, table.notes[-1].text) == "[c] withheld: fewer than 6 women."
    assert row(results, build_table(results, "baseline", "t1"), "Nicaragua")[1] == "[c]"


def test_the_denominator_of_a_skipped_item_is_shown(study):
    table = build_table(study, "baseline", "t1")
    found = [line for line in lines(study, table) if "Answered/asked" in line]
    assert "389/402" in found[-1]
    assert any("only women who had ever been tested" in plain(study, n.text) for n in table.notes)


def test_intervals_do_not_wrap(study):
    table = build_table(study, "model", "m1")
    cell = next(r.cells[3] for r in table.rows if r.label == ("Age, per year",))
    assert plain(study, cell) == "1.01\u00a0(0.97\u00a0to\u00a01.05)"


@pytest.mark.parametrize(
    ("where", "sort", "cell"),
    [
        ("m2.country", "no_p_value", 4),
        ("m2.country", "not_estimable", 3),
        ("m2.crude.country", "not_converged", 1),
        ("m2.crude.country", "no_p_value", 2),
    ],
)
def test_a_mark_stands_where_the_reader_looks(study, where, sort, cell):
    block = dataclasses.replace(
        study.blocks["m2"], marks=(Mark(where=where, sort=sort, sentence="Because."),)
    )
    results = dataclasses.replace(study, blocks={"m2": block})
    table = build_table(results, "model", "m2")
    marked = [i for i, text in enumerate(row(results, table, "Guatemala")) if "†" in text]
    assert marked == [cell]


@pytest.mark.parametrize("sort", ["singular", "not_converged", "not_estimable", "warning"])
@pytest.mark.parametrize("where", ["m2", "m2.null", "m2.site", "elsewhere"])
def test_no_mark_is_lost(study, where, sort):
    block = dataclasses.replace(
        study.blocks["m2"], marks=(Mark(where=where, sort=sort, sentence="Because of this."),)
    )
    results = dataclasses.replace(study, blocks={"m2": block})
    table = build_table(results, "model", "m2")
    assert any(plain(results, note.text) == "Because of this." for note in table.notes)


def test_a_refused_model_is_a_table_of_dashes_with_its_reason(study):
    block = dataclasses.replace(
        study.blocks["m1"],
        marks=(Mark(where="m1", sort="not_estimable", sentence="Not estimable: one site."),),
    )
    results = dataclasses.replace(study, blocks={"m1": block}, numbers={}, fits={})
    table = build_table(results, "model", "m1")
    assert row(results, table, "Age, per year") == ["–", "–"]
    assert "†" in plain(results, table.columns[-1].label)


def test_the_same_reason_has_one_symbol(study):
    marks = tuple(
        Mark(where=f"m2.{name}", sort="no_p_value", sentence="Three sites.")
        for name in ("country", "deported")
    )
    block = dataclasses.replace(study.blocks["m2"], marks=marks)
    table = build_table(dataclasses.replace(study, blocks={"m2": block}), "model", "m2")
    assert [note.symbol for note in table.notes if note.symbol] == ["†"]


def test_symbols_never_run_out():
    assert len({symbol_for(i) for i in range(60)}) == 60


def test_a_zero_variance_is_marked_on_its_own_factor_only(study):
    from peerstats.results.blocks import Item

    block = dataclasses.replace(
        study.blocks["m1"],
        factors=(Item(key="site", label="Site"), Item(key="venue", label="Venue")),
        marks=(Mark(where="m1", sort="singular", sentence="At zero."),),
    )
    at = "m1.site.variance"
    zero = dataclasses.replace(study.number("m1.venue.variance"), address=at, value=0.0)
    results = dataclasses.replace(study, blocks={"m1": block}, numbers={**study.numbers, at: zero})
    table = build_table(results, "model", "m1")
    assert "†" in row(results, table, "Between-site variance")[3]
    assert "†" not in row(results, table, "Between-venue variance")[3]


def test_rounded_counts_say_so_and_explain_small_differences(fixed):
    """Answered is a sum of rounded levels and may differ from a total although all answered."""
    results = fixed.results(released=True)
    numbers = dict(results.numbers)
    for at in ("t1.origin.all.answered", "t1.place.all.answered"):
        numbers[at] = dataclasses.replace(numbers[at], value=numbers[at].value + 3)
    rounded = dataclasses.replace(results, numbers=numbers)
    exact = dataclasses.replace(rounded, clearance=None)

    def denominators(which):
        table = build_table(which, "baseline", "t1")
        return sum("Answered/asked" in line for line in lines(which, table))

    assert denominators(exact) == denominators(rounded) + 2
    table = build_table(rounded, "flow", "flow")
    assert plain(rounded, table.notes[0].text).startswith("Counts are rounded, midpoint-6")


def notes_of(results, kind, block):
    table = build_table(
        dataclasses.replace(results, blocks={**results.blocks, block.key: block}), kind, block.key
    )
    return " ".join(plain(results, note.text) for note in table.notes)


def test_a_table_for_everybody_hides_no_groups(study):
    block = study.blocks["t1"]
    alone = dataclasses.replace(block, groups=block.groups[:1], by_label=None)
    assert "Shown for all women only" not in notes_of(study, "baseline", alone)


def test_the_note_on_rows_fits_the_rows_there_are(study):
    block = study.blocks["m1"]
    exposure = next(term for term in block.terms if term.exposure)
    assert "The other rows" in notes_of(study, "model", block)
    assert "The other rows" not in notes_of(
        study, "model", dataclasses.replace(block, terms=(exposure,))
    )
    other = next(term for term in block.terms if not term.exposure)
    product = dataclasses.replace(other, variable=f"{exposure.variable}:{other.variable}")
    both = dataclasses.replace(block, terms=(exposure, other, product))
    assert "at its reference" in notes_of(study, "model", both)


def test_refused_crude_models_still_bear_their_name(study):
    numbers = {at: n for at, n in study.numbers.items() if not at.startswith("m1.crude")}
    table = build_table(dataclasses.replace(study, numbers=numbers), "model", "m1")
    assert "No covariates" not in {column.group for column in table.columns}


def test_the_null_model_is_named_where_only_its_log_likelihood_stands(study):
    numbers = {at: n for at, n in study.numbers.items() if not at.startswith("m1.null.")}
    numbers["m1.null.loglik"] = dataclasses.replace(
        study.number("m1.loglik"), address="m1.null.loglik", value=-99.5
    )
    results = dataclasses.replace(study, numbers=numbers)
    table = build_table(results, "model", "m1")
    assert row(results, table, "Between-group variation")[1] == "no covariates"
    assert row(results, table, "Log-likelihood")[1] == "−99.50"
