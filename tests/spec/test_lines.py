from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from peerstats.spec.lines import find_lines, nearest_line

ANALYSES = sorted((Path(__file__).parents[2] / "analyses").glob("*.toml"))


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


@pytest.mark.parametrize("path", ANALYSES, ids=lambda p: p.stem)
def test_every_value_of_a_shipped_analysis_is_found_on_a_line_that_holds_it(path):
    text = path.read_text(encoding="utf-8")
    lines, shown = find_lines(text), text.splitlines()
    for where, value in leaves(tomllib.loads(text)):
        assert str(value) in shown[lines[where] - 1]


def test_strings_with_brackets_and_comments_do_not_confuse_the_scan():
    text = 'a = "[x] # no"  # [y]\nb = """\n[c]\n"""\n["d e".f]\ng = [1, [2, 3], {h = "}"}]\n'
    lines = find_lines(text)
    assert lines[("a",)] == 1
    assert lines[("b",)] == 2
    assert lines[("d e", "f")] == 5
    assert lines[("d e", "f", "g", 1, 0)] == 6
    assert lines[("d e", "f", "g", 2, "h")] == 6


def test_tables_inside_arrays_of_tables_belong_to_the_last_element():
    lines = find_lines("[[m]]\n[m.o]\nk = 1\n[[m]]\n[m.o]\nk = 2\n")
    assert lines[("m", 0, "o", "k")] == 3
    assert lines[("m", 1, "o", "k")] == 6


def test_a_missing_key_is_shown_at_the_nearest_place_around_it():
    lines = find_lines("a = 1\n[[m]]\nb = 2\n")
    assert nearest_line(lines, ("m", 0, "reason")) == 2
    assert nearest_line(lines, ("nowhere",)) is None
