"""The reader alone; the catalogue of damaged files is in tests/data/test_traps.py."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from peerstats.data.raw import ReadOptions
from peerstats.data.readers import READERS
from peerstats.data.readers.csv import read_csv
from peerstats.errors import DataError


def write(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_cells_stay_text_as_written(tmp_path: Path) -> None:
    raw = read_csv(write(tmp_path, 'id,note\n0012,"a ""quoted"", word"\n13,\n'))
    assert raw.frame.to_dict("list") == {"id": ["0012", "13"], "note": ['a "quoted", word', ""]}
    assert raw.notes == ()
    assert repr(raw) == "<RawTable: 2 rows, 2 columns>"


def test_a_line_break_inside_quotes_is_part_of_the_cell(tmp_path: Path) -> None:
    raw = read_csv(write(tmp_path, 'id,note\n1,"two\r\nlines"\r\n2,b\n'))
    assert raw.frame["note"].tolist() == ["two\r\nlines", "b"]


def test_line_numbers_count_lines_and_not_rows(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,note\n1,"two\nlines"\n2\n3,c\n')
    with pytest.raises(DataError, match=r"lines 4\.") as refusal:
        read_csv(path)
    assert refusal.value.problems[0].line == 4


@pytest.mark.parametrize(
    ("mark", "words"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
def test_separators_are_found_and_noted(tmp_path: Path, mark: str, words: str) -> None:
    raw = read_csv(write(tmp_path, f"id{mark}age\n1{mark}30,5\n2{mark}31,5\n"))
    assert list(raw.frame.columns) == ["id", "age"]
    assert raw.notes == (f"x.csv: columns are separated by {words}",)


def test_a_heading_may_hold_another_separator(tmp_path: Path) -> None:
    raw = read_csv(write(tmp_path, 'id;"age, years";site\n1;30;a\n'))
    assert list(raw.frame.columns) == ["id", "age, years", "site"]


def test_a_declared_separator_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, "id,x;y\n1,2;3\n")
    assert list(read_csv(path, ReadOptions(delimiter=";")).frame.columns) == ["id,x", "y"]


def test_one_column_is_a_table(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, "site_id\na\nb\n")).frame["site_id"].tolist() == ["a", "b"]


def test_empty_lines_are_left_out_with_a_note(tmp_path: Path) -> None:
    raw = read_csv(write(tmp_path, "id,age\n1,30\n\n,\n2,31\n"))
    assert len(raw.frame) == 2
    assert raw.notes == ("x.csv: 2 empty lines left out",)


def test_nothing_but_separators(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing but separators"):
        read_csv(write(tmp_path, ",,\n,,\n"))


def test_headings_lose_unseen_characters(tmp_path: Path) -> None:
    raw = read_csv(write(tmp_path, " id\u200b ,age  (years)\n1,30\n"))
    assert list(raw.frame.columns) == ["id", "age (years)"]


def test_many_wrong_rows_are_counted_and_ten_lines_named(tmp_path: Path) -> None:
    rows = "".join(f"{i}\n" for i in range(20))
    with pytest.raises(DataError, match=r"20 of 21 rows .*lines 3, 4, .*, 12, …"):
        read_csv(write(tmp_path, "id,age\n0,1\n" + rows))


def test_the_process_keeps_its_own_limit(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    read_csv(write(tmp_path, "id\n1\n"))
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("ending", sorted(READERS))
def test_every_registered_reader_reads_text(tmp_path: Path, ending: str) -> None:
    raw = READERS[ending](write(tmp_path, "id\tage\n1\t2\n", f"x{ending}"), ReadOptions())
    assert raw.frame.to_numpy().tolist() == [["1", "2"]]
