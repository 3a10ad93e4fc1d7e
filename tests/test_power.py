"""The command line of planned studies."""

import json
from pathlib import Path

import pytest

from peerstats import power

PLAN = """\
title = "Two layouts"
replicates = 50
[design]
sites = [3, 10]
women_per_venue = [30]
[outcome]
prevalence = 0.4
[exposure]
label = "a support group at the site"
level = "site"
[effect]
values = [2.0]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def run(plan: Path, *more: str) -> int:
    out = str(plan.parent / "out")
    return power.main([str(plan), "--out", out, "--backend", "sequential", *more])


def test_designs_that_cannot_answer_are_told_so(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert run(plan) == 0
    told = capsys.readouterr().out
    assert "cannot be tested: 1 df for a site-level exposure" in told
    assert "With 3 sites this exposure cannot be tested at all" in told
    assert "A support group at the site: 50% of sites exposed." in told
    assert "power PR 2" in told


def test_table_picture_and_numbers_are_written(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert run(plan, "--json") == 0
    paths = [Path(path) for path in json.loads(capsys.readouterr().out)["paths"]]
    assert [path.name for path in paths] == ["power.csv", "power.json", "power.png"]
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    rows = json.loads(paths[1].read_text())
    assert [row["sites"] for row in rows] == [3, 10]
    assert rows[0]["found"][0]["power"] is None
    assert paths[0].read_text().splitlines()[1].endswith("a site-level exposure")


def test_the_same_seed_gives_the_same_files(plan: Path):
    files = ("power.csv", "power.json", "power.png")
    assert run(plan, "-q") == 0
    first = [(plan.parent / "out" / name).read_bytes() for name in files]
    assert run(plan, "-q") == 0
    assert first == [(plan.parent / "out" / name).read_bytes() for name in files]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--replicates", "3"], "--replicates is 3 but must be 50 or more"),
        (["--backend", "threds"], "unknown backend 'threds'"),
    ],
)
def test_mistakes_are_told(
    plan: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert run(plan, *words) == 2
    assert said in capsys.readouterr().err
