"""Bytes → text: encodings by declaration or by byte order mark, never by guessing.

A wrong guess does not fail, it changes words: the same byte is "ú" in Latin-1 and a broken
character in UTF-8. So a file is UTF-8 unless it says otherwise itself (byte order mark) or the
analysis file does, and what is not text at all is refused by its first bytes.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from peerstats.errors import DataError, Problem, UsageError

# First bytes of formats that often carry the wrong ending.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip archive. Unpack it first"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook (xlsx). Save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (xls). Save the sheet as CSV (UTF-8)"),
    (b"BZh", "a bzip2 archive. Unpack it first"),
    (b"\xfd7zXZ", "an xz archive. Unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive. Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive. Unpack it first"),
    (b"%PDF", "a PDF document. Export the data as CSV"),
    (b"PAR1", "a Parquet file. Export it as CSV (UTF-8)"),
    (b"SQLite format 3", "a SQLite database. Export the table as CSV (UTF-8)"),
    (b"$FL2", "an SPSS file. Export it as CSV (UTF-8)"),
    (b"$FL3", "an SPSS file. Export it as CSV (UTF-8)"),
    (b"age-encryption.org", "an encrypted file. Decrypt it first"),
)
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(raw: bytes, path: Path, encoding: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the file's text and the remarks made on the way.

    Raises DataError for what is not text or not in the declared encoding (with the byte's offset),
    UsageError for an encoding Python does not know.
    """
    for magic, words in _MAGIC:
        if raw.startswith(magic):
            raise _refused(path, f"is not a text file: it is {words}.")
    mark = next((name for bom, name in _MARKS if raw.startswith(bom)), None)
    chosen = mark or encoding or "utf-8"
    try:
        codecs.lookup(chosen)
    except LookupError:
        raise UsageError(
            f"Unknown encoding '{encoding}'. Common ones: utf-8, latin-1, cp1252, utf-16."
        ) from None
    try:
        text = raw.decode(chosen)
    except UnicodeDecodeError as error:
        raise _undecodable(raw, path, chosen, error.start) from None
    _refuse_not_text(text, raw, path)
    if mark is None and encoding is not None:
        _refuse_double_encoding(raw, path, encoding)
    shown = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}
    return text, (f"byte order mark: read as {shown[mark]}",) if mark else ()


def _refused(path: Path, message: str, line: int | None = None) -> DataError:
    return DataError(Problem(message=message, file=str(path), line=line))


def _undecodable(raw: bytes, path: Path, chosen: str, start: int) -> DataError:
    line = raw.count(b"\n", 0, start) + 1
    # Bytes 0x80-0x9f are control characters in Latin-1 and letters or quotes in Windows-1252.
    windows = any(0x80 <= byte <= 0x9F for byte in raw)
    way_out = (
        f'If it was saved by Excel, try encoding = "{"cp1252" if windows else "latin-1"}"'
        if chosen == "utf-8"
        else 'Declare the encoding it was saved in, for example encoding = "utf-8"'
    )
    return _refused(path, f"byte {start} is not valid {chosen}. {way_out}, or save as UTF-8.", line)


def _refuse_not_text(text: str, raw: bytes, path: Path) -> None:
    place = text.find("\0")
    if place >= 0:
        line = text.count("\n", 0, place) + 1
        utf16 = raw[1:200:2].count(0) > 40 or raw[0:200:2].count(0) > 40
        hint = ' If it is UTF-16, declare encoding = "utf-16-le" or "utf-16-be".' if utf16 else ""
        raise _refused(path, f"holds NUL characters and may be damaged.{hint}", line)
    start = text.lstrip()[:200].lower()
    if start.startswith("<"):
        what = "a web page (perhaps a login page)" if "html" in start else "XML or HTML"
        raise _refused(path, f"is {what}, not CSV. Export the data again.")
    if not start:
        raise _refused(path, "holds nothing but blank lines.")


def _refuse_double_encoding(raw: bytes, path: Path, encoding: str) -> None:
    """Text that is valid UTF-8 with accents was not saved in a one-byte encoding."""
    if codecs.lookup(encoding).name == "utf-8" or raw.isascii():
        return
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return
    raise _refused(
        path, f'is valid UTF-8, but encoding = "{encoding}" was declared. Leave encoding out.'
    )
