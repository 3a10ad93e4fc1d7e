"""On which line of a TOML text a key stands, so that a mistake can be shown where it was made.

tomllib gives values without positions. This scanner walks the text once and notes the line of every
header, key and array element; it knows strings, comments and brackets, and nothing of values. The
text has been accepted by tomllib before, so the scanner need not judge it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
    r"|#[^\n]*|[\[\]{}=,\n]|[^\s\[\]{}=,#\"']+|[ \t\r]+",
    re.DOTALL,
)


def find_lines(text: str) -> Mapping[Path, int]:
    """Map the path of every table, key and array element to its line, counted from 1.

    >>> lines = find_lines('a = 1\\n[[m]]\\nc = [\\n  {t = "x"},\\n  {t = "y"},\\n]\\n')
    >>> lines[("a",)], lines[("m", 0, "c")], lines[("m", 0, "c", 1, "t")]
    (1, 3, 5)
    """
    return _Scanner(text).scan()


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of the path, or of the nearest place around it that stands in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    """The walk itself: a position in the pieces and the table that the next key belongs to."""

    def __init__(self, text: str) -> None:
        self.pieces: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            piece = match.group()
            if piece[0] not in " \t\r#":
                self.pieces.append((piece, line))
            line += piece.count("\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def scan(self) -> Mapping[Path, int]:
        table: Path = ()
        while self.at < len(self.pieces):
            piece, _ = self.pieces[self.at]
            if piece == "\n":
                self.at += 1
            elif piece == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _header(self) -> Path:
        """Read [a.b] or [[a.b]]; the latter opens the next element of an array of tables."""
        line = self.pieces[self.at][1]
        brackets = 2 if self.pieces[self.at + 1][0] == "[" else 1
        self.at += brackets
        names: list[str] = []
        while self.pieces[self.at][0] != "]":
            names += _names(self.pieces[self.at][0])
            self.at += 1
        self.at += brackets
        path = (*self._within_arrays(names[:-1]), names[-1])
        if brackets == 2:
            index = self.counts.get(path, 0)
            self.counts[path] = index + 1
            self.lines.setdefault(path, line)
            path = (*path, index)
        self.lines[path] = line
        return path

    def _within_arrays(self, names: list[str]) -> Path:
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        """Read key = value."""
        path, line = table, self.pieces[self.at][1]
        while self.pieces[self.at][0] != "=":
            path = (*path, *_names(self.pieces[self.at][0]))
            self.at += 1
        self.at += 1
        self.lines[path] = line
        self._value(path)

    def _value(self, path: Path) -> None:
        piece = self.pieces[self.at][0]
        if piece == "[":
            self._array(path)
        elif piece == "{":
            self._inline(path)
        else:
            while self.at < len(self.pieces) and self.pieces[self.at][0] not in (
                "\n",
                ",",
                "]",
                "}",
            ):
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.pieces[self.at][0] != "]":
            piece, line = self.pieces[self.at]
            if piece in ("\n", ","):
                index += piece == ","
                self.at += 1
                continue
            self.lines[(*path, index)] = line
            self._value((*path, index))
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self.pieces[self.at][0] != "}":
            if self.pieces[self.at][0] in ("\n", ","):
                self.at += 1
                continue
            self._pair(path)
        self.at += 1


def _names(piece: str) -> list[str]:
    """Split a bare or quoted, possibly dotted key piece into names."""
    if piece[0] in "\"'":
        return [piece[1:-1]]
    return [name for name in piece.split(".") if name]
