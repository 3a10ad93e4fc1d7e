from __future__ import annotations

import pytest

from peerstats.errors import UsageError
from peerstats.spec.analysis import json_schema
from peerstats.spec.document import LIMIT_BYTES
from peerstats.spec.read import UNREAD, read_spec

MINIMAL = 'title = "A study"\n[data]\nsynthetic = "border"\n'


def read(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path)


def told(draft):
    return {(p.line, p.message) for p in draft.problems}


def test_a_minimal_file_is_sound(tmp_path):
    draft = read(tmp_path, MINIMAL)
    assert draft.problems == ()
    assert draft.analysis.report.profile == "standard"


@pytest.mark.parametrize(
    ("added", "line", "words"),
    [
        ("[raport]\n", 4, "unknown key 'raport'. Did you mean 'report'?"),
        ("unit = 'woman'\n", 4, "must be 'participants' or 'visits'"),
        ("participants = 'a.csv'\n", 2, "found synthetic and participants"),
        ("[[models]]\nkey = 'm'\noutcome = 'x'\n", 4, "'exposure' is missing"),
        ("[[models]]\nkey = 'M 1'\noutcome = 'x'\nexposure = 'z'\n", 5, "without accents"),
        (
            "[[models]]\nkey = 'm'\noutcome = 'x'\nexposure = 'z'\n"
            "covariates = [\n  {term = 'age'},\n]\n",
            9,
            "every covariate needs the reason why it is adjusted for",
        ),
        (
            "[[models]]\nkey = 'm'\noutcome = 'x'\nexposure = 'z'\ncovariates = ['age']\n",
            8,
            "this must be a table {term = …, reason = …}",
        ),
        (
            "[[models]]\nkey = 'm'\noutcome = 'x'\nexposure = 'z'\nnodes = 500\n",
            8,
            "less than or equal to 100",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_way_out(tmp_path, added, line, words):
    draft = read(tmp_path, MINIMAL + added)
    assert len(draft.problems) == 1
    assert draft.problems[0].line == line
    assert words in draft.problems[0].message


def test_all_mistakes_are_told_at_once_and_the_sound_parts_are_kept(tmp_path):
    draft = read(
        tmp_path,
        "titel = 'x'\ntitle = 'A study'\n[data]\nsynthetic = 'border'\nunit = 'w'\n"
        "[[models]]\nkey = 'm'\noutcome = 'x'\nfamily = 'binomal'\n"
        "covariates = [{term = 'age'}, {term = 'city', reason = 'it differs'}]\n",
    )
    assert {line for line, _ in told(draft)} == {1, 5, 6, 10}
    model = draft.analysis.models[0]
    assert model.family == "binomal"  # for the registry of families to judge
    assert model.exposure == UNREAD
    assert [c.term for c in model.covariates] == ["age", "city"]


def test_what_is_no_toml_is_refused_with_its_line(tmp_path):
    with pytest.raises(UsageError, match=r"study\.toml:2: this is not valid TOML"):
        read(tmp_path, "a = 1\nb = \n")
    with pytest.raises(UsageError, match="not valid TOML"):
        read(tmp_path, "a = 1\na = 2\n")


def test_files_that_cannot_be_an_analysis_are_refused(tmp_path):
    (tmp_path / "border.toml").write_text(MINIMAL)
    with pytest.raises(UsageError, match=r"Did you mean 'border\.toml'"):
        read_spec(tmp_path / "boarder.toml")
    with pytest.raises(UsageError, match="is a folder"):
        read_spec(tmp_path)
    (tmp_path / "big.toml").write_bytes(b"#" * (LIMIT_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        read_spec(tmp_path / "big.toml")
    (tmp_path / "latin.toml").write_bytes('title = "Tecún"'.encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_spec(tmp_path / "latin.toml")


def test_the_schema_for_editors_names_every_section():
    assert {"data", "outcomes", "models", "tables", "figures", "report"} <= set(
        json_schema()["properties"]
    )
