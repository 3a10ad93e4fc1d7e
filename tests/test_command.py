from __future__ import annotations

import json
import subprocess
import sys

import pytest

from peerstats.command import Parser, perform, progress
from peerstats.errors import DataError, Problem


def run(action, *words, capsys):
    code = perform(Parser("test", "A test."), action, words)
    return code, capsys.readouterr()


def test_paths_go_to_stdout(capsys):
    code, printed = run(lambda _: ["a", "b"], capsys=capsys)
    assert (code, printed.out, printed.err) == (0, "a\nb\n", "")


def test_a_refusal_prints_each_problem_and_returns_its_code(capsys):
    def refuse(_):
        raise DataError("one", Problem(message="two", file="f.csv"))

    code, printed = run(refuse, capsys=capsys)
    assert (code, printed.err) == (3, "peerstats: one\npeerstats: f.csv: two\n")
    code, printed = run(refuse, "--json", capsys=capsys)
    told = json.loads(printed.out)
    assert told["status"] == 3
    assert told["problems"][1]["file"] == "f.csv"


def test_a_bug_of_ours_never_quotes_a_value(capsys):
    def stumble(_):
        raise ValueError("could not convert string to float: 'Maria Lopez'")

    for words in ((), ("--debug",)):
        code, printed = run(stumble, *words, capsys=capsys)
        assert code == 1
        assert "Maria" not in printed.out + printed.err
        assert "ValueError" in printed.err
    assert "test_command.py" in printed.err


def test_an_interruption_is_told_calmly(capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    assert run(interrupted, capsys=capsys)[0] == 130


def test_a_misspelt_option_gets_a_hint(capsys):
    with pytest.raises(SystemExit) as left:
        perform(Parser("test", "A test."), lambda _: [], ["--qiet"])
    assert left.value.code == 2
    assert "Did you mean '--quiet'?" in capsys.readouterr().err


def test_progress_is_silent_off_a_terminal(capsys):
    progress(False)("a step")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("program", ["run", "synthetic"])
def test_help_loads_no_heavy_module(program):
    code = (
        f"import sys, runpy\nsys.argv = ['x', '--help']\n"
        f"try:\n    runpy.run_module('peerstats.{program}', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'statsmodels', 'matplotlib', 'pydantic', 'rich'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_reader_who_leaves_early_causes_no_traceback():
    code = (
        "import sys\nfrom peerstats.command import Parser, perform\n"
        "sys.exit(perform(Parser('t', 'T.'), lambda _: ['line'] * 100_000, []))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run_it:
        run_it.stdout.readline()
        run_it.stdout.close()
        said = run_it.stderr.read()
    assert (run_it.returncode, said) == (0, b"")
