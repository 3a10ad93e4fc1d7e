"""Markdown as GitHub shows it: pipe tables, figures by relative link.

Markdown has no place for addresses that a reader does not see, so after each piece a comment lists
the addresses of its numbers in the order in which they are printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape as _escape
from urllib.parse import quote

from peerstats.figures import Figure
from peerstats.render.document import Bullets, Facts, Heading, Paragraph, Piece
from peerstats.render.format import Format
from peerstats.results import Results
from peerstats.results.text import Cell, Fact, Ref, Symbol, plain
from peerstats.tables import Note, Row, Table

SPECIAL = re.compile(r"([\\`*_{}\[\]|$~^])")
START = re.compile(r"^(\s*)([#+\-=]|\d+(?=[.)]))")
LINK = re.compile(r"(?i)(https?|ftp)(://)|(www)(\.)")


def escape(text: str) -> str:
    r"""Neutralise whatever Markdown, GitHub's mathematics or HTML would act on.

    >>> escape("<b> a|b $x$ *y*")
    '&lt;b&gt; a\\|b \\$x\\$ \\*y\\*'
    """
    text = _escape(" ".join(text.splitlines()), quote=False)
    text = SPECIAL.sub(r"\\\1", text)
    return LINK.sub(lambda m: f"{m[1]}&#58;//" if m[1] else f"{m[3]}&#46;", text)


def cell(parts: Cell, results: Results) -> str:
    """Words escaped, numbers as they print, symbols as they are."""
    return "".join(
        escape(results.number(part.address).printed)
        if isinstance(part, Ref)
        else part.mark
        if isinstance(part, Symbol)
        else escape(part.text if isinstance(part, Fact) else part)
        for part in parts
    )


def line(text: str) -> str:
    """Keep the start of a line from being read as a heading, list or rule."""
    found = START.match(text)
    if not found:
        return text
    return re.sub(r"^(\s*\d+)([.)])", r"\1\\\2", text) if found[2].isdigit() else "\\" + text


def piece(value: Piece, results: Results) -> str:
    """Write one piece of a report, with the addresses of its numbers."""
    match value:
        case Table():
            return table(value, results)
        case Figure():
            return figure(value, results)
        case Heading():
            return f"{'#' * value.level} {escape(value.text)}\n"
        case Bullets():
            items = "".join(f"- {line(cell(item, results))}\n" for item in value.items)
            return items + keys(value.items)
        case Facts():
            lines = (f"- **{escape(term)}:** {cell(text, results)}\n" for term, text in value.pairs)
            return "".join(lines) + keys(text for _, text in value.pairs)
        case Paragraph():
            return line(cell(value.text, results)) + "\n" + keys((value.text,))


def keys(cells: Iterable[Cell]) -> str:
    """A comment with the addresses of the numbers in these cells, in order."""
    return _comment(part.address for parts in cells for part in parts if isinstance(part, Ref))


def _comment(addresses: Iterable[str]) -> str:
    """Addresses as a comment that nothing in them can end."""
    words = " ".join(quote(at, safe=".+=<") for at in addresses)
    return f"\n<!-- keys: {words} -->\n" if words else ""


def table(value: Table, results: Results) -> str:
    """A pipe table; spanners become part of the header, indents become spaces."""
    name = f"**Table {value.number}.** " if value.number else ""
    said = " *Synthetic data.*" if results.synthetic else ""
    heads = [escape(value.stub)]
    for column in value.columns:
        group = f"{escape(column.group)}: " if column.group else ""
        heads.append(group + cell(column.label, results))
    rule = [":--"] + [_rule(column.align) for column in value.columns]
    lines = [heads, rule, *(_row(row, len(value.columns), results) for row in value.rows)]
    body = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    notes = "".join(_note(note, results) for note in value.notes)
    return f"{name}{escape(value.title)}.{said}\n\n{body}{notes}{_comment(value.refs)}"


def _rule(align: str) -> str:
    return {"left": ":--", "center": ":-:"}.get(align, "--:")


def _row(row: Row, width: int, results: Results) -> list[str]:
    label = cell(row.label, results)
    if row.kind in ("header", "section"):
        label = f"**{label}**" if label.strip() else label
    cells = [cell(parts, results) for parts in row.cells] or [""] * width
    return ["&emsp;" * row.indent + label, *cells]


def _note(note: Note, results: Results) -> str:
    mark = f"{note.symbol} " if note.symbol else ""
    return f"\n{mark}{line(cell(note.text, results))}\n"


def figure(value: Figure, results: Results) -> str:
    """A link to the picture in figures/, its caption and notes."""
    name = f"**Figure {value.number}.** " if value.number else ""
    said = " *Synthetic data.*" if results.synthetic else ""
    notes = "".join(f" {cell(note, results)}" for note in value.notes)
    alt = escape(plain(results, value.alt))
    return (
        f"![{alt}]({path(value)})\n\n{name}{escape(value.title)}.{said}{notes}\n"
        f"{_comment(value.refs)}"
    )


def path(value: Figure) -> str:
    """The picture's place beside the report; only letters, digits, - and _ in its name."""
    return f"figures/{re.sub(r'[^A-Za-z0-9_-]+', '-', value.key)}.png"


MARKDOWN = Format(name="md", suffix=".md", piece=piece, escape=escape, images_beside=True)
