from __future__ import annotations

from pathlib import Path

import pytest

from peerstats.data.readers.decode import decode
from peerstats.errors import DataError, UsageError

PATH = Path("x.csv")


def test_windows_letters_propose_windows() -> None:
    raw = "id,note\n1,“cited”\n".encode("cp1252")
    with pytest.raises(DataError, match=r'byte 10 .* encoding = "cp1252"'):
        decode(raw, PATH, None)


def test_an_unknown_encoding_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Unknown encoding 'klingon'"):
        decode(b"id\n1\n", PATH, "klingon")


def test_utf_8_declared_as_latin_1_is_refused() -> None:
    raw = "id\nTecún\n".encode()
    with pytest.raises(DataError, match="is valid UTF-8"):
        decode(raw, PATH, "latin-1")


def test_a_wrong_declaration_names_the_encoding_it_was_given() -> None:
    with pytest.raises(DataError, match="not valid ascii"):
        decode("id\nTecún\n".encode(), PATH, "ascii")


def test_utf_16_without_its_mark_is_recognised() -> None:
    raw = ("id,age\n" + "1,30\n" * 40).encode("utf-16-le")
    with pytest.raises(DataError, match="utf-16-le"):
        decode(raw, PATH, None)
    text, notes = decode(raw, PATH, "utf-16-le")
    assert text.startswith("id,age\n")
    assert notes == ()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\xd0\xcf\x11\xe0rest", "xls"),
        (b"%PDF-1.7", "PDF"),
        (b"PAR1....", "Parquet"),
        (b"SQLite format 3\0", "SQLite"),
        (b"$FL2@(#)", "SPSS"),
        (b"<?xml version='1.0'?>", "XML"),
        (b" \r\n <HTML>", "web page"),
        (b"\n\n  \n", "blank lines"),
    ],
)
def test_other_formats_are_named(start: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        decode(start, PATH, None)
