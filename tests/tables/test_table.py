import pytest

from peerstats.errors import PeerstatsError
from peerstats.results.text import Ref, Symbol
from peerstats.tables import Column, Note, Row, Table

COLUMNS = (
    Column(key="a", label=("A",)),
    Column(key="b", label=("B",), group="Both"),
    Column(key="c", label=("C",), group="Both"),
)


def table(rows=(), notes=()):
    return Table(key="t", title="T", stub="S", columns=COLUMNS, rows=rows, notes=notes)


def test_a_row_must_fit_the_columns():
    with pytest.raises(PeerstatsError, match="a row has 1 cells for 3 columns"):
        table((Row(label=("x",), cells=((),)),))


def test_a_row_without_cells_spans_the_table():
    assert table((Row(kind="section", label=("Part",)),)).rows[0].cells == ()


def test_every_symbol_has_a_note_and_every_note_a_place():
    row = Row(label=("x", Symbol("†")))
    with pytest.raises(PeerstatsError, match="do not match for †"):
        table((row,))
    with pytest.raises(PeerstatsError, match="do not match for ‡"):
        table((), (Note(text=("why",), symbol="‡"),))
    assert table((row,), (Note(text=("why",), symbol="†"),)).notes


def test_neighbouring_columns_of_one_group_share_a_spanner():
    assert table().spans == ((None, 1), ("Both", 2))


def test_refs_are_in_reading_order_and_include_notes():
    rows = (Row(label=(Ref("1"),), cells=((Ref("2"),), (), (Ref("3"), Ref("4")))),)
    assert table(rows, (Note(text=(Ref("5"),)),)).refs == ("1", "2", "3", "4", "5")
