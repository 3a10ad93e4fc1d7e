"""Univariable and multivariable estimates side by side, with the random part below them.

A refusal or an untrustworthy fit is marked where the reader looks: on the estimate, the p-value,
the variance or the column, with its sentence as a note (see `tables.marks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from peerstats.results import Results, address
from peerstats.results.blocks import Item, ModelBlock, Term, TermLevel
from peerstats.results.find import block_of
from peerstats.results.measures import MEASURES
from peerstats.results.text import (
    EMPTY,
    NBSP,
    Cell,
    any_has,
    as_reason,
    estimate,
    fraction,
    interval,
    lower_first,
    number,
    shown,
    value_of,
)
from peerstats.tables.marks import place, sentences, unplaced
from peerstats.tables.notes import Notes, gate_notes
from peerstats.tables.table import Column, Note, Row, Table

ZERO = 1e-6  # a variance below this is on its bound
REFERENCE: Cell = ("Reference",)
ALSO = "Method asked for"  # spanner of its columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which columns this model's numbers fill."""

    names: tuple[str, str]  # spanners of the crude and the adjusted columns
    events: bool
    crude: bool
    crude_p: bool
    p: bool
    also: bool


def build(results: Results, key: str) -> Table:
    """Events/N, crude and adjusted measure with CI and p for every level; then the random part."""
    block = block_of(results, key, ModelBlock)
    shape, notes = _shape(results, block), Notes()
    columns = _columns(block, shape, notes)
    rows = (
        *(row for term in block.terms for row in _term_rows(results, block, term, (shape, notes))),
        *_random_rows(results, block, shape, notes),
        *_size_rows(results, block, shape),
    )
    general = [Note(text=(f"{MEASURES[block.measure].note} CI: confidence interval.".lstrip(),))]
    if any(term.exposure for term in block.terms):
        general.append(_exposure_note(block))
    if block.also and shape.also:
        words = f"{ALSO}: {block.also.name}, because {as_reason(block.also.reason)}."
        general.append(Note(text=(words,)))
    general += [Note(text=(sentence,)) for sentence in unplaced(block, notes)]
    return Table(
        key=f"model-{key}",
        title=block.title,
        stub="Characteristic",
        columns=columns,
        rows=rows,
        notes=(
            *general,
            *notes.notes,
            *gate_notes(results, tuple(c for row in rows for c in row.cells)),
        ),
    )


def _shape(results: Results, block: ModelBlock) -> Shape:
    """Look which numbers exist, and which columns a mark needs."""
    levels = [(t, level) for t in block.terms for level in t.levels]
    at = [(base_of(block, t, v), base_of(block, t, v, crude=True)) for t, v in levels]
    null = [address(block.key, "null", f.key, "variance") for f in block.factors]
    marked = {place(block, mark)[::2] for mark in block.marks}
    univariable = len(block.terms) > 1  # a single covariate alone is the adjusted model itself
    crude = any_has(results, *(f"{c}.{block.measure}" for _, c in at), *null)
    crude = crude or "crude" in {side for side, _ in marked}
    return Shape(
        names=("Univariable" if univariable else "No covariates", _adjusted_name(block)),
        events=any_has(results, *(f"{a}.events" for a, _ in at)),
        crude=crude,
        crude_p=any_has(results, *(f"{c}.p" for _, c in at)) or ("crude", "p") in marked,
        p=any_has(results, *(f"{a}.p" for a, _ in at)) or ("adjusted", "p") in marked,
        also=any_has(results, *(f"{a}.also.low" for a, _ in at)),
    )


def _adjusted_name(block: ModelBlock) -> str:
    return "Multivariable" if len(block.terms) > 1 else "Univariable"


def base_of(block: ModelBlock, term: Term, level: TermLevel, crude: bool = False) -> str:
    """The address under which a level's numbers stand: M.V.L or M.crude.V.L, without L if numeric.

    A numeric covariate's only level has an empty key.
    """
    first = (block.key, "crude") if crude else (block.key,)
    return address(*first, term.variable, *((level.key,) if level.key else ()))


def _columns(block: ModelBlock, shape: Shape, notes: Notes) -> tuple[Column, ...]:
    """Events/N, then crude and adjusted estimates each with its p-value."""
    measure = f"{MEASURES[block.measure].head} (95%{NBSP}CI)"
    size = "Events/N" if shape.events else "N"
    columns = [Column(key="n", label=(size,))]
    for side, group, wanted, with_p in (
        ("crude", shape.names[0], shape.crude, shape.crude_p),
        ("adjusted", shape.names[1], True, shape.p),
        ("also", ALSO, shape.also, True),
    ):
        if not wanted:
            continue
        marks = notes.mark(*sentences(block, side, "", "estimate"))
        columns.append(Column(key=side, label=(measure, *marks), group=group))
        if with_p:
            marks = notes.mark(*sentences(block, side, "", "p"))
            columns.append(Column(key=f"{side}_p", label=("p", *marks), group=group))
    return tuple(columns)


def _fill(
    shape: Shape,
    size: Cell,
    crude: tuple[Cell, Cell],
    adjusted: tuple[Cell, Cell],
    also: tuple[Cell, Cell] = (EMPTY, EMPTY),
) -> tuple[Cell, ...]:
    """Lay cells out over the columns that exist."""
    cells = [size]
    if shape.crude:
        cells += crude if shape.crude_p else crude[:1]
    cells += adjusted if shape.p else adjusted[:1]
    return (*cells, *(also if shape.also else ()))


def _term_rows(
    results: Results, block: ModelBlock, term: Term, layout: tuple[Shape, Notes]
) -> Iterator[Row]:
    """A numeric covariate is one row; a categorical one has a header and a row a level."""
    if len(term.levels) == 1 and not term.levels[0].key:
        level = term.levels[0]
        label = term.label if level.label in ("", term.label) else f"{term.label}, {level.label}"
        yield _level_row(results, block, term, (level, label, 0), layout)
        return
    yield Row(kind="header", label=(term.label,))
    for level in term.levels:
        yield _level_row(results, block, term, (level, level.label, 1), layout)


def _level_row(
    results: Results,
    block: ModelBlock,
    term: Term,
    line: tuple[TermLevel, str, int],
    layout: tuple[Shape, Notes],
) -> Row:
    """Events/N and both estimates of one level; the reference row says so."""
    (level, label, indent), (shape, notes) = line, layout
    bases = {"adjusted": base_of(block, term, level)}
    bases["crude"] = base_of(block, term, level, crude=True)
    at = bases["adjusted"]
    size = (
        fraction(results, f"{at}.events", f"{at}.n") if shape.events else number(results, f"{at}.n")
    )
    if level.term is None:
        word = EMPTY if ":" in term.variable else REFERENCE  # a product's is in its main effects
        cells = _fill(shape, size, *((word, EMPTY),) * 3)
        return Row(kind="reference", label=(label,), cells=cells, indent=indent)
    pairs = {}
    for side in ("crude", "adjusted"):
        marks = [
            notes.mark(*sentences(block, side, term.variable, spot)) for spot in ("estimate", "p")
        ]
        pairs[side] = (
            (*estimate(results, bases[side], block.measure), *marks[0]),
            (*number(results, f"{bases[side]}.p"), *marks[1]),
        )
    also = f"{at}.also"
    pairs["also"] = (estimate(results, also, block.measure), number(results, f"{also}.p"))
    cells = _fill(shape, size, pairs["crude"], pairs["adjusted"], pairs["also"])
    return Row(label=(label,), cells=cells, indent=indent)


def _random_rows(results: Results, block: ModelBlock, shape: Shape, notes: Notes) -> Iterator[Row]:
    """Variance, ICC, median ratio and number of groups, without and with the covariates."""
    if not block.factors:
        return
    nulls = (address(block.key, "null", f.key, "variance") for f in block.factors)
    # With few groups there is no variance to show, but a log-likelihood that needs its heading.
    with_null = any_has(results, *nulls, address(block.key, "null", "loglik"))
    null: Cell = ("no covariates",) if with_null else EMPTY
    cells = _fill(shape, EMPTY, (null, EMPTY), (("all covariates",), EMPTY))
    yield Row(kind="section", label=("Between-group variation",), cells=cells)
    for factor in block.factors:
        for name, label in _random_lines(block, factor):
            sides = (("null", (block.key, "null")), ("adjusted", (block.key,)))
            bases = {side: address(*first, factor.key, name) for side, first in sides}
            if not any_has(results, *bases.values()):
                continue  # and its marks stand below the table, where `unplaced` puts them
            pair = {}
            for side, at in bases.items():
                spot = _variance_marks(results, block, (side, factor.key, name))
                value = EMPTY if side == "null" and not with_null else interval(results, at)
                pair[side] = (*value, *notes.mark(*spot))
            cells = _fill(shape, EMPTY, (pair["null"], EMPTY), (pair["adjusted"], EMPTY))
            yield Row(label=(label,), cells=cells, indent=1)


def _variance_marks(
    results: Results, block: ModelBlock, where: tuple[str, str, str]
) -> tuple[str, ...]:
    """The marks of a variance: with several factors, of those that are zero if any is."""
    side, key, name = where
    if name != "variance":
        return ()
    first = (block.key, "null") if side == "null" else (block.key,)
    zero = {
        factor.key
        for factor in block.factors
        if (value_of(results, address(*first, factor.key, name)) or 0.0) < ZERO
        and shown(results, address(*first, factor.key, name))
    }
    return sentences(block, side, "", "variance") if key in zero or not zero else ()


def _random_lines(block: ModelBlock, factor: Item) -> tuple[tuple[str, str], ...]:
    """Name in the address and label of each measure of variation."""
    word = lower_first(factor.label)
    return (
        ("variance", f"Between-{word} variance (95%{NBSP}CI)"),
        ("icc", f"Intraclass correlation, {word} (95%{NBSP}CI)"),
        ("mor", f"Median odds ratio, {word} (95%{NBSP}CI)"),
        ("groups", f"Number of groups, {word}"),
    )


def _size_rows(results: Results, block: ModelBlock, shape: Shape) -> Iterator[Row]:
    """Women, events and log-likelihood of the models whose variation is shown above."""
    lines = (
        ("n", "Women"),
        ("events", "Women with the outcome"),
        ("visits", "Visits"),
        ("loglik", "Log-likelihood"),
    )
    found = [(n, label) for n, label in lines if results.has(address(block.key, n))]
    if found and not block.factors:
        yield Row(kind="section", label=("Model",))
    for name, label in found:
        at = address(block.key, "null", name)
        null = number(results, at) if results.has(at) else EMPTY
        adjusted = number(results, address(block.key, name))
        cells = _fill(shape, EMPTY, (null, EMPTY), (adjusted, EMPTY))
        yield Row(label=(label,), cells=cells, indent=1)


def _exposure_note(block: ModelBlock) -> Note:
    """Keep readers from taking every row for an answer (the "Table 2 fallacy")."""
    names = " and ".join(term.label for term in block.terms if term.exposure)
    words = f"Exposure: {names}."
    products = [term.variable.split(":") for term in block.terms if ":" in term.variable]
    joint = {name for product in products for name in product}
    if any(
        not t.exposure and t.variable not in joint and ":" not in t.variable for t in block.terms
    ):
        words += (
            " The other rows are what the model adjusts for; adjustment was not chosen for them, "
            "and their estimates answer no question of their own."
        )
    if products:
        words += (
            " With a product (×) in the model, the estimate of each of its variables alone holds "
            "where the other is at its reference, or 0 if it is a number."
        )
    return Note(text=(words,))
