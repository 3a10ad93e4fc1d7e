"""What every report must be, whichever analysis made it."""

from __future__ import annotations

import html
import re

import pytest

from peerstats.data.synthetic import generate
from peerstats.run import main

NAMES = ("border", "bangladesh", "founding")
SPAN = re.compile(r'<span data-key="([^"]+)">([^<]*)</span>')


@pytest.fixture(params=NAMES)
def made(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("tree", ["private", "release"])
def test_every_number_in_the_page_is_the_number_in_the_record(made, tree):
    numbers = made.numbers(tree)
    spans = SPAN.findall(made.text(f"{tree}/report.html"))
    assert len(spans) > 50
    for key, printed in spans:
        assert html.unescape(printed) == numbers[html.unescape(key)]["printed"]


@pytest.mark.parametrize("tree", ["private", "release"])
def test_both_trees_hold_a_whole_report(made, tree):
    files = {p.relative_to(made.folder / tree).as_posix() for p in (made.folder / tree).rglob("*")}
    assert {"report.html", "report.md", "results.json", "manifest.json"} <= files
    assert any(name.startswith("figures/") and name.endswith(".png") for name in files)


def test_the_page_lets_nothing_in_and_runs_nothing(made):
    page = made.text("release/report.html")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.parametrize("name", ["border", "founding"])
def test_synthetic_data_are_called_so(request, name):
    made = request.getfixturevalue(name)
    for file in ("release/report.html", "release/report.md", "private/report.html"):
        assert "SYNTHETIC" in made.text(file)


def test_real_data_are_not_called_synthetic(bangladesh):
    assert "SYNTHETIC" not in bangladesh.text("release/report.html")


def test_the_release_has_no_extreme_and_no_digit_beyond_the_printed(border):
    for number in border.numbers("release").values():
        assert number["kind"] not in ("minimum", "maximum")
        assert number["se"] is None


def test_no_id_of_anybody_is_in_the_release(border):
    tables = generate("border", 1).tables
    names = ("participants", "participant_id"), ("venues", "venue_id"), ("visits", "visit_id")
    ids = {value for table, column in names for value in tables[table][column]}
    content = b"".join(
        p.read_bytes() for p in (border.folder / "release").rglob("*") if p.is_file()
    )
    words = set(re.findall(r"[A-Za-z0-9_-]+", content.decode("utf-8", "ignore")))
    assert ids.isdisjoint(words)


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_give_the_same_bytes(request, name, tmp_path):
    made = request.getfixturevalue(name)
    assert main([name, "--out", str(tmp_path / "again"), "--quiet", "--jobs", "2"]) == 0
    same = ("report.html", "report.md", "results.json", "*.png")
    for pattern in same:
        for file in made.folder.rglob(pattern):
            again = tmp_path / "again" / file.relative_to(made.folder)
            assert file.read_bytes() == again.read_bytes(), file.name
