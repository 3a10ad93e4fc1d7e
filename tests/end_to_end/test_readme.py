"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import peerstats as ps
from peerstats.data.codebook_file import read_codebook
from peerstats.data.sample import analysis_table
from peerstats.run import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, at: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[at]


def test_the_analysis_file_in_the_readme_runs(tmp_path):
    rows = analysis_table(ps.load_study("border"))
    columns = ["participant_id", "site_id", "age", "ever_deported", "ccu_clients", "ps_total"]
    women = (
        rows.values[columns].astype(object).where(rows.codes[columns] == "", rows.codes[columns])
    )
    women.to_csv(tmp_path / "participants.csv", index=False)
    women[["site_id"]].drop_duplicates().to_csv(tmp_path / "sites.csv", index=False)
    (tmp_path / "mine.toml").write_text(block("toml"), encoding="utf-8")
    assert main([str(tmp_path / "mine.toml"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "Multivariable" in (tmp_path / "out/release/report.md").read_text(encoding="utf-8")


def test_the_codebook_in_the_readme_is_read(tmp_path):
    (tmp_path / "codebook.toml").write_text(block("toml", 1), encoding="utf-8")
    codebook = read_codebook(tmp_path / "codebook.toml")
    assert codebook.fields["workshop"].recall == "6m"
    assert codebook.fields["date"].format == "%d/%m/%Y"
    assert codebook.fields["calls"].column == "llamadas"


def test_the_library_lines_in_the_readme_run(capsys):
    pd = pytest.importorskip("pandas")
    data = pd.read_csv(ROOT / "tests" / "reference" / "contraception.csv")
    lines = block("python").splitlines()
    assert lines[0] == "import peerstats as ps"
    fit = ps.fit(
        "usen ~ age + urban + livch + (1 | district)",
        data,
        family="binomial",
        method="agq",
        nodes=25,
    )
    print(fit.summary())
    assert "urban[T.Y]" in capsys.readouterr().out
    assert fit.conf_int().loc["urban[T.Y]"].tolist() == pytest.approx([0.498, 0.967], abs=1e-3)
    assert "district" in set(fit.varcorr["group"])
    assert len(fit.predict(data)) == len(data)
    report = ps.run("bangladesh")
    assert report["m1.urban.Y.or"].printed == "1.90"  # within districts, the rule's
    assert report["m1.urban.Y.also.or"].printed == "2.08"  # the mixed model's, as lme4's
    assert str(ps.load_study("founding")).startswith("<Study founding (SYNTHETIC)")


@pytest.mark.parametrize("name", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_every_link_in_the_readme_leads_somewhere(name):
    assert (ROOT / name).exists()


def test_the_two_commands_stand_on_the_first_screen():
    first = "\n".join(README.splitlines()[:30])
    assert "    python start.py\n" in first
    assert "    python start.py test\n" in first
