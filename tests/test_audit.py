"""The command line of the inference audit."""

import csv
import json
from pathlib import Path

import pytest

from peerstats import audit


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


WORDS = ("analyses/founding.toml", "--replicates", "20", "--backend", "sequential")


@pytest.fixture(scope="module")
def told(out: Path) -> str:
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert audit.main([*WORDS, "--out", str(out)]) == 0
    return text.getvalue()


def test_each_method_stands_beside_the_reports_own(told: str):
    for name in ("this report", "ML, Wald z (lme4)", "GEE, robust z", "Poisson, cluster-robust z"):
        assert name in told
    assert "Truth: as fitted (site SD 0.00)" in told
    assert "an intraclass correlation of 0.2" in told


def test_a_refused_test_stays_refused_and_the_usual_ones_are_told_on(told: str):
    assert "this report gives no test (with 3 sites and 1 df this design cannot test" in told
    assert "Poisson regression with cluster-robust z, as statsmodels prints, would have" in told


def test_a_model_without_a_fit_says_why(told: str):
    assert "No audit. Not estimable without a penalty: the outcome is separated" in told


def test_files_hold_the_same_rows(told: str, out: Path):
    with (out / "audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = json.loads((out / "audit.json").read_text())
    assert [row["term"] for row in rows] == [row["term"] for row in known]
    assert {row["model"] for row in known} == {"m2"}
    assert str(out / "audit.csv") in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "locy"], "Did you mean 'loky'?"),
        (["--replicates", "0"], "--replicates is 0"),
        (["--seconds", "-1"], "--seconds is -1"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--repliactes", "3"], "Did you mean '--replicates'?"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    try:
        code = audit.main(["analyses/nowhere.toml", *words])
    except SystemExit as leave:
        code = leave.code
    assert code == 2
    assert said in capsys.readouterr().err
