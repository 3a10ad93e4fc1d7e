import re

import pytest

from peerstats.figures import build_figure
from peerstats.render import Bullets, Heading, Paragraph
from peerstats.render.markdown import MARKDOWN, escape, line, path
from peerstats.results.text import Ref
from peerstats.tables import build_table


def pipes(text):
    """The number of cells in each row of a pipe table."""
    rows = [row for row in text.splitlines() if row.startswith("|")]
    return {len(re.split(r"(?<!\\)\|", row)) - 2 for row in rows}


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize(("kind", "block"), [("model", "m1"), ("baseline", "t1"), ("quality", "q")])
def test_pipe_tables_keep_their_width(fixed, kind, block, hostile):
    results = fixed.results(hostile=hostile)
    table = build_table(results, kind, block)
    assert pipes(MARKDOWN.piece(table, results)) == {len(table.columns) + 1}


def test_addresses_follow_in_a_comment(study):
    text = MARKDOWN.piece(Paragraph(text=("OR ", Ref("m1.ps.or"), ".")), study)
    assert text == "OR 1.64.\n\n<!-- keys: m1.ps.or -->\n"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("$x$", r"\$x\$"),
        ("*b* _c_ `d`", r"\*b\* \_c\_ \`d\`"),
        ("<script>", "&lt;script&gt;"),
        ("[a](b)", r"\[a\](b)"),
        ("two\nlines", "two lines"),
        ("see https://x.org", "see https&#58;//x.org"),
        ("www.x.org", "www&#46;x.org"),
    ],
)
def test_text_is_neutralised(text, safe):
    assert escape(text) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [("# no", r"\# no"), ("- no", r"\- no"), ("1. no", r"1\. no"), ("1.64 is", r"1\.64 is")],
)
def test_the_start_of_a_line_is_no_markup(text, safe):
    assert line(text) == safe


def test_headings_and_lists(study):
    assert MARKDOWN.piece(Heading(text="A|B"), study) == "### A\\|B\n"
    assert MARKDOWN.piece(Bullets(items=(("a",), ("b",))), study) == "- a\n- b\n"


def test_no_address_can_end_its_comment(study):
    import dataclasses

    number = dataclasses.replace(study.number("m1.ps.or"), address="m1.-->x.or")
    results = dataclasses.replace(study, numbers={number.address: number})
    text = MARKDOWN.piece(Paragraph(text=(Ref(number.address),)), results)
    assert text.count("-->") == 1


def test_figures_are_linked_by_a_plain_path(study):
    figure = build_figure(study, "forest", "m1")
    assert path(figure) == "figures/forest-m1.png"
    assert "](figures/forest-m1.png)" in MARKDOWN.piece(figure, study)
