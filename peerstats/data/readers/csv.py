"""Read CSV strictly: cells as text, every row as long as the header, nothing guessed silently.

The reader is the standard library's `csv` with `strict=True`. What it adds are refusals: each way
in which a damaged or disguised file would otherwise be read as different data (rows shifted by one
column, cells cut short, a login page as one column) ends in a DataError that names lines and
columns by number and quotes nothing.
"""

from __future__ import annotations

import csv
import io
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from peerstats.data.raw import RawTable, ReadOptions, plain
from peerstats.data.readers.decode import decode
from peerstats.errors import DataError, Problem

MOST_COLUMNS = 20_000
MOST_ROWS = 5_000_000
MOST_CHARACTERS = 1_000_000  # in one cell

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_FIELD_LIMIT = threading.Lock()  # csv's limit belongs to the whole process
_Rows = list[tuple[int, list[str]]]


def read_csv(path: Path, options: ReadOptions | None = None) -> RawTable:
    """Read a CSV or TSV file as text.

    Returns cells with "" where empty, and remarks (byte order mark, semicolons, …). Raises
    DataError for everything that is not one header and rows of the same length.
    """
    options = options or ReadOptions()
    text, notes = decode(path.read_bytes(), path, options.encoding)
    refusal = _Refusal(path)
    delimiter = options.delimiter or _delimiter(text)
    _refuse_wide(text, delimiter, refusal)
    rows, blank = _rows(text, delimiter, refusal)
    if not rows:
        raise refusal("holds nothing but separators.")
    header = _header(rows, refusal)
    _check_lengths(rows, text, refusal)
    if len(rows) == 1:
        raise refusal("has a header but no rows.")
    frame = pd.DataFrame([cells for _, cells in rows[1:]], columns=header, dtype=object)
    remarks = [*notes]
    if delimiter != ",":
        remarks.append(
            f"columns are separated by {_DELIMITERS.get(delimiter, 'the declared mark')}"
        )
    if "\r" in text and "\n" not in text:
        remarks.append("lines end with carriage returns only")
    if blank:
        remarks.append(f"{blank} empty line{'s' if blank > 1 else ''} left out")
    return RawTable(frame=frame, notes=tuple(f"{path.name}: {remark}" for remark in remarks))


class _Refusal:
    """Makes the DataErrors of one file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self, message: str, line: int | None = None) -> DataError:
        return DataError(Problem(message=message, file=self.path, line=line))


# -------------------------------------------------------------------------------- what separates


def _delimiter(text: str) -> str:
    """The separator that splits the header, and the first lines after it, most consistently.

    A heading may itself hold one of the other marks ("Age, years;Site"), so counts of several
    lines decide: first how many lines agree with the header, then how many columns it makes.
    """
    lines = [line for line in _first_lines(text, 30) if line.strip()]
    best, best_score = ",", (0.0, 0)
    for mark in _DELIMITERS:
        counts = [_outside_quotes(line).count(mark) for line in lines]
        if not counts or counts[0] == 0:
            continue
        agree = sum(count == counts[0] for count in counts) / len(counts)
        if (agree, counts[0]) > best_score:
            best, best_score = mark, (agree, counts[0])
    return best


def _first_lines(text: str, number: int) -> list[str]:
    lines = []
    stream = io.StringIO(text[: 64 * MOST_CHARACTERS], newline=None)
    for _ in range(number):
        line = stream.readline()
        if not line:
            break
        lines.append(line.rstrip("\n"))
    return lines


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"?', "", line) if '"' in line else line


def _refuse_wide(text: str, delimiter: str, refusal: _Refusal) -> None:
    """Count the header's columns before a table is made of it."""
    start = text.lstrip("\r\n")
    ends = [place for place in (start.find("\n"), start.find("\r")) if place >= 0]
    columns = start.count(delimiter, 0, min(ends, default=len(start))) + 1
    if columns > MOST_COLUMNS:
        raise refusal(f"has {columns:,} columns; at most {MOST_COLUMNS:,} are read.", 1)


# ------------------------------------------------------------------------------------------ rows


def _rows(text: str, delimiter: str, refusal: _Refusal) -> tuple[_Rows, int]:
    """Every non-empty row with the number of its first line, and how many rows were empty."""
    rows: _Rows = []
    blank = 0
    with _FIELD_LIMIT:
        before = csv.field_size_limit(MOST_CHARACTERS)
        try:
            for line, cells in _numbered(text, delimiter, refusal):
                if any(cell.strip() for cell in cells):
                    rows.append((line, cells))
                else:
                    blank += 1
                if len(rows) > MOST_ROWS + 1:
                    raise refusal(f"has more than {MOST_ROWS:,} rows.")
        finally:
            csv.field_size_limit(before)
    return rows, blank


def _numbered(text: str, delimiter: str, refusal: _Refusal) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    start = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error):
                raise refusal(
                    f"a cell has more than {MOST_CHARACTERS:,} characters.", start
                ) from None
            raise refusal(
                "a quotation mark that opens in this row is not closed, or text follows it.", start
            ) from None
        yield start, cells
        start = reader.line_num + 1


def _check_lengths(rows: _Rows, text: str, refusal: _Refusal) -> None:
    """Refuse rows longer or shorter than the header: their cells would move to other columns."""
    width = len(rows[0][1])
    wrong = [(line, len(cells)) for line, cells in rows[1:] if len(cells) != width]
    if not wrong:
        return
    last_line, last_width = wrong[-1]
    if (
        len(wrong) == 1
        and last_line == rows[-1][0]
        and last_width < width
        and text[-1] not in "\r\n"
    ):
        raise refusal(
            f"the file ends within its last row ({last_width} of {width} cells): the export or "
            "download was cut short. Export it again.",
            last_line,
        )
    if rows[1][0] == wrong[0][0] and wrong[0][1] == width + 1:
        raise refusal(
            f"the header has {width} columns but the first row has {width + 1} cells, so every "
            "value would move by one column. Give each column a heading.",
            wrong[0][0],
        )
    counts = Counter("long" if cells > width else "short" for _, cells in wrong)
    title = " The first line may be a title: remove what stands above the header." * (width == 1)
    lines = ", ".join(str(line) for line, _ in wrong[:10]) + (", …" if len(wrong) > 10 else "")
    parts = " and ".join(f"{counts[kind]} too {kind}" for kind in ("long", "short") if counts[kind])
    raise refusal(
        f"{len(wrong)} of {len(rows) - 1} rows do not have the header's {width} cells "
        f"({parts}): lines {lines}.{title}",
        wrong[0][0],
    )


# ---------------------------------------------------------------------------------------- header


def _header(rows: _Rows, refusal: _Refusal) -> list[str]:
    """Headings, cleaned of unseen characters; refused when blank, twice or not headings at all."""
    line, cells = rows[0]
    names = [plain(cell) for cell in cells]
    if names[0].startswith(("#", "//")):
        raise refusal("the first line is a comment. Remove it: the first line is the header.", line)
    blank = [number for number, name in enumerate(names, start=1) if not name]
    if blank:
        where = ", ".join(map(str, blank[:10]))
        raise refusal(f"no heading for column {where} (of {len(names)}).", line)
    if any(_looks_like_data(name) for name in names):
        raise refusal(
            "the first line does not look like a header: it holds numbers or dates. "
            "Add a line with the column names.",
            line,
        )
    first: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in first:
            raise refusal(f"columns {first[name]} and {number} have the same heading.", line)
        first[name] = number
    return names


def _looks_like_data(name: str) -> bool:
    return (
        re.fullmatch(r"[+-]?[\d.,]+|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\.[ardnxm]", name) is not None
    )
