from html.parser import HTMLParser

import pytest

from peerstats.figures import build_figure
from peerstats.render import Bullets, Facts, Heading, Paragraph
from peerstats.render.html import HTML, anchor
from peerstats.results.text import Fact, Ref, Symbol
from peerstats.tables import build_table

KINDS = (("flow", "flow"), ("baseline", "t1"), ("model", "m1"), ("model", "m2"), ("quality", "q"))


class Cells(HTMLParser):
    """Counts the cells of each row, with their spans, and collects headers' scopes."""

    def __init__(self):
        super().__init__()
        self.rows, self.scopes, self.keys = [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((int(found.get("colspan", 1)), int(found.get("rowspan", 1))))
        if tag == "th":
            self.scopes.append(found.get("scope"))
        if "data-key" in found:
            self.keys.append(found["data-key"])


def widths(rows):
    """The width of every row, a cell that spans rows counted in each."""
    out, below = [], 0
    for row in rows:
        out.append(sum(across for across, _ in row) + below)
        below = sum(across for across, down in row if down > 1)
    return out


@pytest.mark.parametrize(("kind", "block"), KINDS)
def test_tables_are_rectangular_and_their_headers_scoped(study, kind, block):
    table = build_table(study, kind, block)
    cells = Cells()
    cells.feed(HTML.piece(table, study))
    assert set(widths(cells.rows)) == {len(table.columns) + 1}
    assert set(cells.scopes) <= {"col", "row", "colgroup"}
    assert tuple(cells.keys) == table.refs


def test_a_number_carries_its_address(study):
    text = HTML.piece(Paragraph(text=("OR ", Ref("m1.ps.or"), Symbol("†"))), study)
    assert text == '<p>OR <span data-key="m1.ps.or">1.64</span><sup>†</sup></p>\n'


def test_a_withheld_number_says_why(fixed):
    results = fixed.results(released=True)
    text = HTML.piece(Paragraph(text=(Ref("m1.place.street.or"),)), results)
    assert 'class="withheld" title="fewer than 6 women">[c]<' in text


def test_a_fact_says_where_it_stands(study):
    text = HTML.piece(Paragraph(text=(Fact("15", "fits.m1.method"),)), study)
    assert '<span data-fact="fits.m1.method">15</span>' in text


@pytest.mark.parametrize("make", [
    lambda t: Paragraph(text=(t,)), lambda t: Bullets(items=((t,),)),
    lambda t: Facts(pairs=((t, (t,)),)), lambda t: Heading(text=t),
])  # fmt: skip
def test_text_is_escaped(study, fixed, make):
    text = HTML.piece(make(fixed.HOSTILE), study)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_hostile_labels_stay_text_in_tables_and_figures(fixed):
    hostile = fixed.results(hostile=True)
    pieces = [build_table(hostile, *pair) for pair in KINDS]
    pieces.append(build_figure(hostile, "forest", "m1"))
    for piece in pieces:
        text = HTML.piece(piece, hostile)
        assert "<script" not in text
        assert "onerror" not in text
        assert "&lt;script&gt;" in text


def test_a_figure_is_inside_the_text_with_its_words(study):
    text = HTML.piece(build_figure(study, "forest", "m1"), study)
    assert 'src="data:image/png;base64,' in text
    assert "1.64\u00a0(1.31\u00a0to\u00a02.05)" in text
    assert 'data-alt-keys="m1.ps.or m1.ps.low m1.ps.high"' in text


def test_anchors_are_plain():
    assert anchor("table", "<3 + é>") == "table-3"
    assert anchor("é") == "part"
