from __future__ import annotations

import pytest

from peerstats.errors import UsageError
from peerstats.pipeline.plan import find_analysis, keep_only, make_plan
from peerstats.resources import shipped

MISTAKES = """\
title = "A study with twelve mistakes"
sead = 3
[data]
synthetic = "boarder"
unit = "woman"
[[models]]
key = "m1"
outcome = "ccu_client"
exposure = "ps_zz"
family = "binomal"
random = "(1 | site)"
covariates = [
  { term = "age" },
  { term = "formality", reason = "regulation of venues" },
  { term = "__import__('os').system('id')", reason = "none at all" },
]
[[tables]]
key = "t1"
kind = "base_line"
[[figures]]
key = "f1"
kind = "forest"
model = "m2"
[report]
formats = ["html", "pdff"]
"""


def plan_of(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return make_plan(path)


def problems(tmp_path, text):
    with pytest.raises(UsageError) as refused:
        plan_of(tmp_path, text)
    return refused.value.problems


def test_all_mistakes_of_a_file_are_told_in_one_go_with_their_lines(tmp_path):
    told = {p.line: p.message for p in problems(tmp_path, MISTAKES)}
    expected = {
        2: "Did you mean 'seed'?",
        4: "Did you mean 'border'?",
        5: "must be 'participants' or 'visits'",
        8: "Did you mean 'ccu_clients'?",
        9: "Did you mean 'ps_z'?",
        10: "Did you mean 'binomial'?",
        11: "Did you mean 'site_id'?",
        13: "every covariate needs the reason",
        15: "'__import__('",
        19: "Did you mean 'baseline'?",
        23: "Known: m1",
        25: "unknown format 'pdff'",
    }
    assert sorted(told) == sorted(expected)
    for line, words in expected.items():
        if line != 15:
            assert words in told[line]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('profile = "standard"', 'profile = "public"', "profile_reason"),
        ('profile = "standard"', 'profile = "relaxed"', "Known: public, standard, strict"),
        ('key = "m2"', 'key = "m1"', "used twice"),
        ('key = "m2"', 'key = "m2"\nfamily = "interval_censored"', "two columns"),
        ('factor = "site_id"', 'factor = "venue_id"', "unknown grouping factor"),
        ('factor = "site_id"', "", "needs 'factor'"),
        ('table = "missing"', 'table = "table1"', "draws a table of kind 'missingness'"),
        ('random = "(1 | site_id/venue_id)"', 'random = "site_id"', "no random effect"),
        ('exposure = "ps_z"', 'exposure = "ps_z + (1 | x)"', "belong in 'random'"),
        ('exposure = "ps_z"', 'exposure = "ps_z"\nmethod = "agq"', "for one grouping factor"),
        ('exposure = "ps_z"', 'exposure = "formality"', "already in the model"),
        ('population = "migrant_type = international"', 'population = "migrant"', "migrant"),
        ('by = "ps_high"', 'by = "ps_hihg"', "Did you mean 'ps_high'?"),
        ('"stigma_enacted"', '"stigma_enakted"', "Did you mean 'stigma_enacted'?"),
    ],
)
def test_what_cannot_work_is_refused_before_any_data_is_read(tmp_path, old, new, words):
    text = (shipped("analyses") / "border.toml").read_text(encoding="utf-8")
    assert old in text
    told = problems(tmp_path, text.replace(old, new, 1))
    assert any(words in problem.message for problem in told)


@pytest.mark.parametrize("name", ["border", "bangladesh", "founding"])
def test_the_shipped_analyses_are_sound(name):
    plan = make_plan(find_analysis(shipped("analyses") / f"{name}.toml"))
    assert plan.name == name
    assert any(line.startswith("model m1:") for line in plan.outline())


def test_a_shipped_analysis_is_found_by_its_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    for name in ("border", "border.toml", "analyses/border.toml"):
        assert find_analysis(Path(name)) == shipped("analyses") / "border.toml"
    with pytest.raises(UsageError, match="Did you mean 'border'"):
        find_analysis(Path("boarder.toml"))


def test_only_keeps_a_part_and_what_it_needs():
    analysis = make_plan(shipped("analyses") / "border.toml").analysis
    figure = keep_only(analysis, "gaps")
    assert [t.key for t in figure.tables] == ["missing"]
    assert figure.models == ()
    model = keep_only(analysis, "m2")
    assert [m.key for m in model.models] == ["m2"]
    assert [t.key for t in model.tables] == ["tests"]
    with pytest.raises(UsageError, match="Did you mean 'table1'"):
        keep_only(analysis, "tabel1")


def test_formats_of_the_command_line_are_checked():
    path = shipped("analyses") / "border.toml"
    assert make_plan(path, formats=["md"]).formats == ("md",)
    with pytest.raises(UsageError, match="unknown format 'htm'"):
        make_plan(path, formats=["htm"])
