"""HTML: semantic tables and figures, every number in a span that names its address.

`<span data-key="m1.ps.or">1.64</span>` is what a reviewer, or `verify`, looks up in results.json.
Text is escaped without exception; nothing here can add a script or a style.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import escape as _escape

from peerstats.figures import Figure
from peerstats.render.document import Bullets, Facts, Heading, Paragraph, Piece
from peerstats.render.format import Format
from peerstats.results import Results
from peerstats.results.text import Cell, Fact, Part, Ref, Symbol, plain
from peerstats.tables import Column, Note, Row, Table

ALIGN = {"left": "l", "right": "r", "center": "c", "decimal": "d"}


def escape(text: str) -> str:
    """Neutralise text for element content and attribute values.

    >>> escape('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return _escape(text, quote=True)


def anchor(*words: str) -> str:
    """Return an id made of these words.

    >>> anchor("table", "3+ children")
    'table-3-children'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-").lower() or "part"


def cell(parts: Cell, results: Results) -> str:
    """Words escaped, numbers in spans with their address, symbols raised."""
    return "".join(_part(part, results) for part in parts)


def _part(part: Part, results: Results) -> str:
    if isinstance(part, str):
        return escape(part)
    if isinstance(part, Symbol):
        return f"<sup>{escape(part.mark)}</sup>"
    if isinstance(part, Fact):
        return f'<span data-fact="{escape(part.at)}">{escape(part.text)}</span>'
    number = results.number(part.address)
    why = f' class="withheld" title="{escape(number.withheld)}"' if number.withheld else ""
    return f'<span data-key="{escape(part.address)}"{why}>{escape(number.printed)}</span>'


def piece(value: Piece, results: Results) -> str:
    """Write one piece of a report."""
    match value:
        case Table():
            return table(value, results)
        case Figure():
            return figure(value, results)
        case Heading():
            return f"<h{value.level}>{escape(value.text)}</h{value.level}>\n"
        case Bullets():
            items = "".join(f"<li>{cell(item, results)}</li>\n" for item in value.items)
            return f"<ul>\n{items}</ul>\n"
        case Facts():
            pairs = "".join(
                f"<div><dt>{escape(term)}</dt><dd>{cell(text, results)}</dd></div>\n"
                for term, text in value.pairs
            )
            return f'<dl class="facts">\n{pairs}</dl>\n'
        case Paragraph():
            return f"<p>{cell(value.text, results)}</p>\n"


def table(value: Table, results: Results) -> str:
    """A table with caption, scoped headers and its notes below, in a box that can scroll."""
    name = f"Table {value.number}. " if value.number else ""
    key = anchor("table", value.key)
    turned = " landscape" if value.landscape else ""
    rows = "".join(_row(row, value, results) for row in value.rows)
    return (
        f'<figure class="table{turned}" id="{key}">\n'
        f'<div class="scroll" role="region" aria-labelledby="{key}-caption" tabindex="0">\n'
        f'<table>\n<caption id="{key}-caption"><span><b>{name}</b>{escape(value.title)}.'
        f"{_synthetic(results)}</span></caption>\n"
        f"<thead>\n{_head(value, results)}</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        f"{_notes(value.notes, results)}</figure>\n"
    )


def _synthetic(results: Results) -> str:
    return ' <span class="synthetic">Synthetic data.</span>' if results.synthetic else ""


def _head(value: Table, results: Results) -> str:
    """One row of headers, or two where columns share a spanner."""
    two = any(group for group, _ in value.spans)
    down = ' rowspan="2"' if two else ""
    first = [f'<th scope="col" class="stub"{down}>{escape(value.stub)}</th>']
    second, columns = [], iter(value.columns)
    for group, width in value.spans:
        members = [next(columns) for _ in range(width)]
        if not group:
            first += [_column(member, results, down) for member in members]
            continue
        first.append(f'<th scope="colgroup" colspan="{width}" class="span">{escape(group)}</th>')
        second += [_column(member, results, "") for member in members]
    lines = [first, second] if two else [first]
    return "".join(f"<tr>{''.join(line)}</tr>\n" for line in lines)


def _column(column: Column, results: Results, down: str) -> str:
    label = cell(column.label, results)
    return f'<th scope="col" class="{ALIGN[column.align]}"{down}>{label}</th>'


def _row(row: Row, value: Table, results: Results) -> str:
    """A row with its header cell; a row without cells spans the table."""
    wide = "" if row.cells else f' colspan="{len(value.columns) + 1}"'
    indent = f' class="i{min(row.indent, 3)}"' if row.indent else ""
    label = f'<th scope="row"{indent}{wide}>{cell(row.label, results)}</th>'
    cells = "".join(
        f'<td class="{ALIGN[column.align]}">{cell(parts, results)}</td>'
        for column, parts in zip(value.columns, row.cells, strict=False)
    )
    return f'<tr class="{row.kind}">{label}{cells}</tr>\n'


def _notes(notes: tuple[Note, ...], results: Results) -> str:
    """General notes run on in one paragraph; each symbol has a line of its own."""
    if not notes:
        return ""
    general = " ".join(cell(note.text, results) for note in notes if not note.symbol)
    lines = [f"<p>{general}</p>"] if general else []
    lines += [
        f"<p><sup>{escape(note.symbol)}</sup> {cell(note.text, results)}</p>"
        for note in notes
        if note.symbol
    ]
    return f'<figcaption class="notes">{"".join(lines)}</figcaption>\n'


def figure(value: Figure, results: Results) -> str:
    """A picture inside the text, with its alternative text and the addresses it shows."""
    name = f"Figure {value.number}. " if value.number else ""
    source = "data:image/png;base64," + base64.b64encode(value.png).decode("ascii")
    notes = "".join(_figure_notes(value, results))
    alt_keys = [part.address for part in value.alt if isinstance(part, Ref)]
    return (
        f'<figure class="figure" id="{anchor("figure", value.key)}">\n'
        f'<img src="{source}" width="{value.width}" height="{value.height}" '
        f'alt="{escape(plain(results, value.alt))}" '
        f'data-alt-keys="{escape(" ".join(alt_keys))}" '
        f'data-keys="{escape(" ".join(value.drawn))}">\n'
        f"<figcaption><b>{name}</b>{escape(value.title)}.{_synthetic(results)}{notes}"
        "</figcaption>\n</figure>\n"
    )


def _figure_notes(value: Figure, results: Results) -> Iterator[str]:
    for note in value.notes:
        yield f' <span class="note">{cell(note, results)}</span>'


HTML = Format(name="html", suffix=".html", piece=piece, escape=escape, images_beside=False)
