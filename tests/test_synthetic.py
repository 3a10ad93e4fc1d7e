"""The command line that writes synthetic studies."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time

import pandas as pd
import pytest

from peerstats import synthetic
from peerstats.data.synthetic import generate
from peerstats.errors import PlaceError


def run(*words):
    return synthetic.main([str(word) for word in words])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_tables_are_written_as_generated(tmp_path, capsys):
    out = tmp_path / "deep" / "study"
    assert run("border", "--seed", 5, "--out", out) == 0
    paths = capsys.readouterr().out.split()
    study = generate("border", 5)
    names = [*(f"{name}.csv" for name in study.tables), "README.md", "truth.json"]
    assert paths == [str(out / name) for name in names]
    assert sorted(contents(out)) == sorted(names)
    for name, table in study.tables.items():
        back = pd.read_csv(out / f"{name}.csv", dtype=str, keep_default_na=False)
        pd.testing.assert_frame_equal(back, table)


def test_truth_and_note_say_what_this_is(tmp_path):
    assert run("border", "--seed", 5, "--out", tmp_path / "s", "--no-missing") == 0
    truth = json.loads((tmp_path / "s" / "truth.json").read_text(encoding="utf-8"))
    assert truth["outcomes"]["ccu_clients"]["coefficients"]["ps_z"] == 0.45
    assert (truth["seed"], truth["scale"], truth["missing"]) == (5, 1, False)
    note = (tmp_path / "s" / "README.md").read_text(encoding="utf-8")
    assert note.startswith("# SYNTHETIC data")
    assert "border --seed 5 --no-missing" in note


def test_two_runs_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        assert run("founding", "--out", tmp_path / name) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_files_are_for_their_owner_only(tmp_path):
    assert run("founding", "--out", tmp_path / "s") == 0
    others = 0o077 if os.name == "posix" else 0  # elsewhere modes do not say who may read
    for path in (tmp_path / "s", *(tmp_path / "s").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & others == 0


def test_an_earlier_study_is_replaced(tmp_path):
    assert run("border", "--out", tmp_path / "s") == 0
    assert run("founding", "--out", tmp_path / "s") == 0
    assert "violence.csv" not in contents(tmp_path / "s")
    assert sorted(os.listdir(tmp_path)) == ["s"]


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "s").mkdir()
    assert run("founding", "--out", tmp_path / "s") == 0


@pytest.mark.parametrize("already", [(), ("founding",)], ids=["foreign folder", "own, and more"])
def test_a_folder_with_other_files_is_refused_and_kept(tmp_path, capsys, already):
    out = tmp_path / "s"
    out.mkdir()
    for profile in already:
        assert run(profile, "--out", out) == 0
    (out / "thesis.txt").write_text("mine")
    before = contents(out)
    assert run("border", "--out", out) == 6
    assert "holds files that this command did not write" in capsys.readouterr().err
    assert contents(out) == before


def test_a_file_in_the_way_is_refused(tmp_path, capsys):
    (tmp_path / "s").write_text("mine")
    assert run("border", "--out", tmp_path / "s") == 6
    assert "not a folder of its own" in capsys.readouterr().err


def test_a_failed_write_leaves_the_earlier_study(tmp_path, monkeypatch):
    out = tmp_path / "s"
    assert run("founding", "--out", out) == 0
    before = contents(out)

    def no_space(*_, **__):
        raise OSError(28, "No space left on device")

    study = generate("founding", 2)
    monkeypatch.setattr(pd.DataFrame, "to_csv", no_space)
    with pytest.raises(PlaceError, match="No space left on device"):
        synthetic.write(study, out)
    assert contents(out) == before
    assert sorted(os.listdir(tmp_path)) == ["s"]


def test_a_failed_swap_puts_the_earlier_study_back(tmp_path, monkeypatch):
    out = tmp_path / "s"
    assert run("founding", "--out", out) == 0
    before = contents(out)
    replace = os.replace

    def fails_for_new(source, target):
        if os.path.basename(source) == "new":
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_for_new)
    with pytest.raises(PlaceError, match="Input/output error"):
        synthetic.write(generate("founding", 2), out)
    assert contents(out) == before
    assert sorted(os.listdir(tmp_path)) == ["s"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("boder", "--out", "x"), 2, "Did you mean 'border'?"),
        (("founding", "--scale", "2", "--out", "x"), 2, "leave the scale at 1"),
        (("border", "--seed", "-4", "--out", "x"), 2, "seed must be 0 or more"),
    ],
)
def test_mistakes_have_their_message_and_code(tmp_path, monkeypatch, capsys, words, code, says):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == code
    assert says in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_misspelt_option_has_a_hint(capsys):
    with pytest.raises(SystemExit) as left:
        run("border", "--out", "x", "--no-mising")
    assert left.value.code == 2
    assert "Did you mean '--no-missing'?" in capsys.readouterr().err


def test_help_starts_fast():
    code = "import sys, peerstats.synthetic; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    words = [sys.executable, "-m", "peerstats.synthetic", "--help"]
    took = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        took.append(time.perf_counter() - start)
    assert "border, founding" in done.stdout
    assert min(took) < 0.4
