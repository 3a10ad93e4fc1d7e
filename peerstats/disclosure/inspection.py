"""A last look at the bytes about to be written: does any of them hold a woman's id?

The gate makes results safe; this catches what came another way: an id in a file name, a key in a
comment, a canary planted by a test. Every file is turned into text: HTML entities and JSON escapes
are read, members of zip files (docx, xlsx) and compressed streams of PDF are opened, of PNG only
the text chunks are read, and embedded base64 images are looked at as files of their own. Characters
drawn as outlines or pixels cannot be read.

What is looked for. Ids such as "1" or "31" occur in every report. So an id is looked for when it
has at least 4 letters and digits of which one is a letter, or at least 8 digits (telephone and
identity numbers). It is found as a whole word, in any case, its parts joined by any single sign
("MSW-007" is found in "msw_007.png" and not in "MSW-0071"); from 8 characters on also inside a
word. The others are counted, so that a report can say how many ids were too short to look for.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from peerstats.errors import DisclosureError, Problem

LEAST_MIXED = 4
LEAST_DIGITS = 8
LEAST_INSIDE = 8
DEEPEST = 3  # files within files
LARGEST = 100_000_000  # bytes of one unpacked member

_WORD = re.compile(r"[^\W_]+")
_EMBEDDED = re.compile(rb"data:[\w/+.-]+;base64,([A-Za-z0-9+/=\s]+)")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """How many files were read, how many ids looked for, and how many were too short for that."""

    files: int
    looked_for: int
    too_short: int


def inspect_bytes(
    files: Mapping[str, bytes], sentinels: Collection[str] | Mapping[str, str]
) -> Inspection:
    """Look for ids, keys and canaries in files by name, before they are written.

    `sentinels` are the strings; a mapping also names the table each comes from, which the message
    repeats. Raises DisclosureError naming file and table, never the string, nor a file name that
    holds it.

    >>> inspect_bytes({"report.md": b"31 women"}, ["MSW-007", "31"])
    Inspection(files=1, looked_for=1, too_short=1)
    """
    origins = sentinels if isinstance(sentinels, Mapping) else dict.fromkeys(sentinels, "")
    wanted = {}
    for sentinel, table in origins.items():
        words = _words(sentinel)
        if _telling("".join(words)):
            wanted[words] = table
    problems: list[Problem] = []
    for i, (name, content) in enumerate(files.items(), start=1):
        in_name = _found([name], wanted)
        shown = f"file {i} of {len(files)}" if in_name else name
        problems += [_problem(shown, table, "its name") for table in in_name]
        tables = _found(_texts(content), wanted)
        problems += [_problem(shown, table, "its content") for table in tables]
    if problems:
        raise DisclosureError(*problems)
    return Inspection(
        files=len(files), looked_for=len(wanted), too_short=len(origins) - len(wanted)
    )


def _problem(shown: str, table: str, place: str) -> Problem:
    source = f" from table '{table}'" if table else ""
    return Problem(
        message=f"{place} holds an identifier{source}. Nothing was written; take the variable that"
        " holds it out of the analysis file's tables, figures and texts",
        file=shown,
    )


def _words(text: str) -> tuple[str, ...]:
    """Return the runs of letters and digits, in one case and one Unicode form."""
    return tuple(_WORD.findall(unicodedata.normalize("NFC", text).casefold()))


def _telling(joined: str) -> bool:
    """Whether a string is long enough that finding it means something.

    >>> _telling("msw1"), _telling("1934"), _telling("55551212"), _telling("ana")
    (True, False, True, False)
    """
    letters = any(not c.isdigit() for c in joined)
    return len(joined) >= (LEAST_MIXED if letters else LEAST_DIGITS)


def _found(texts: list[str], wanted: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return the tables of origin of the strings that occur, each table once."""
    tables: dict[str, None] = {}
    for text in texts:
        plain = unicodedata.normalize("NFC", text).casefold()
        present = set(_WORD.findall(plain))
        for words, table in wanted.items():
            if table in tables:
                continue
            joined = r"[\W_]".join(map(re.escape, words))
            whole = present.issuperset(words) and re.search(
                rf"(?<![^\W_]){joined}(?![^\W_])", plain
            )
            inside = len(words) == 1 and len(words[0]) >= LEAST_INSIDE and words[0] in plain
            if whole or inside:
                tables[table] = None
    return list(tables)


def _texts(content: bytes, depth: int = 0) -> list[str]:
    """Return what can be read in a file, and in files within it."""
    if content.startswith(_PNG):
        return [chunk.decode("latin-1") for chunk in _png_texts(content)]
    if depth < DEEPEST and zipfile.is_zipfile(io.BytesIO(content)):
        return [text for part in _members(content) for text in _texts(part, depth + 1)]
    found: list[str] = []
    if content.startswith(b"%PDF"):
        found += [part.decode("latin-1") for part in map(_inflated, _STREAM.findall(content))]
    if depth < DEEPEST:
        for block in _EMBEDDED.findall(content):
            found += _texts(_decoded(block), depth + 1)
        content = _EMBEDDED.sub(b" ", content)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.decode(encoding, errors="replace")
    text = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text)
    return [*found, html.unescape(text)]


def _decoded(block: bytes) -> bytes:
    try:
        return base64.b64decode(block)
    except binascii.Error:
        return block


def _members(content: bytes) -> Iterator[bytes]:
    """Return names and contents of a zip file's members; one that is too large is an error."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            if info.file_size > LARGEST:
                raise DisclosureError("A file to be released holds a member too large to inspect.")
            yield info.filename.encode()
            yield archive.read(info)


def _inflated(stream: bytes) -> bytes:
    """Return a PDF stream unpacked, or as it is when it is not compressed."""
    try:
        return zlib.decompressobj().decompress(stream, LARGEST)
    except zlib.error:
        return stream


def _png_texts(content: bytes) -> Iterator[bytes]:
    """Return the text chunks of a PNG, unpacked; pixels are not text."""
    at = len(_PNG)
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"eXIf"):
            yield body
        elif kind in (b"zTXt", b"iTXt"):
            key, _, rest = body.partition(b"\0")
            yield key + b" " + rest
            packed = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
            yield _inflated(packed)
        at += length + 12
