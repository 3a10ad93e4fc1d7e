"""What a user gets who brings wrong data: one clear message a mistake, an exit code, no value.

The files are small and true to life, and every cell of them is a canary: whatever is printed is
searched for each of them, so that a message that quotes a woman's answer fails here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest

from peerstats.run import main

SITES = ("canary_north", "canary_south", "canary_east", "canary_west")
HEADINGS = ("participant_id", "site_id", "age", "ever_deported", "education_yrs", "steady_partner")

ANALYSIS = """\
title = "Deportation and age"

[data]
participants = "participants.csv"
sites = "sites.csv"
{data}
[[models]]
key = "m1"
outcome = "ever_deported"
exposure = "age"
random = "{random}"
if_not_estimable = "{if_not}"
covariates = [{{ term = "steady_partner", reason = "partners help with papers" }}]

[[tables]]
key = "one"
kind = "model"
model = "m1"

[report]
formats = ["md"]
"""

Row = dict[str, str]
Rows = list[Row]


def women() -> Rows:
    """64 women at four sites; both outcomes at every age, site and partnership."""
    return [
        {
            "participant_id": f"canary_woman_{i:03d}",
            "site_id": SITES[i % 4],
            "age": f"{20.5 + (i * 7) % 23}",
            "ever_deported": str(int((i * i + i // 5) % 3 == 0)),
            "education_yrs": str(3 + i % 9),
            "steady_partner": str((i // 4) % 2),
        }
        for i in range(64)
    ]


def sites() -> Rows:
    return [{"site_id": name, "site_name": f"Canary {name[7:]}"} for name in SITES]


def as_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


class Folder:
    """A user's folder: two tables and an analysis file, run as the command line runs it."""

    def __init__(self, path, capsys) -> None:
        self.path, self.capsys = path, capsys
        self.women, self.sites = women(), sites()
        self.bytes: dict[str, bytes] = {}  # files written as they are, instead of the tables
        self.data, self.random, self.if_not = "", "(1 | site_id)", "stop"

    def run(self, *words: str) -> tuple[int, str, str]:
        files = {
            "participants.csv": as_csv(self.women).encode(),
            "sites.csv": as_csv(self.sites).encode(),
            "study.toml": ANALYSIS.format(
                data=self.data, random=self.random, if_not=self.if_not
            ).encode(),
            **self.bytes,
        }
        for name, content in files.items():
            (self.path / name).write_bytes(content)
        code = main([str(self.path / "study.toml"), "--out", str(self.path / "out"), *words])
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def canaries(self) -> set[str]:
        """Every value that identifies or was answered, long enough not to stand there by chance."""
        rows = [*self.women, *self.sites]
        return {value for row in rows for value in row.values() if len(value) > 2}


@pytest.fixture
def folder(tmp_path, capsys):
    return Folder(tmp_path, capsys)


def lines_of(err: str, folder: Folder) -> list[str]:
    """The messages without the folder's own name, which may hold any digits."""
    return [line.replace(str(folder.path), "") for line in err.splitlines()]


def assert_told(folder: Folder, told: tuple[int, str, str], code: int, *parts: str) -> str:
    """Check code and the one message; return the message."""
    found, out, err = told
    messages = lines_of(err, folder)
    assert (found, len(messages)) == (code, 1), err
    assert messages[0].startswith("peerstats: ")
    for part in parts:
        assert part in messages[0]
    assert "Traceback" not in out + err
    leaked = {c for c in folder.canaries() if c.casefold() in (out + messages[0]).casefold()}
    assert not leaked
    assert not (folder.path / "out" / "release").exists()
    return messages[0]


def test_the_sound_study_runs(folder):
    code, out, err = folder.run()
    assert (code, err) == (0, "")
    assert "release/report.md" in out.replace("\\", "/")


# ------------------------------------------------------------------- data that are not as declared

Spoil = Callable[[Folder], None]


def latin(folder: Folder) -> None:
    folder.sites[2]["site_name"] = "Tecún Umán"
    folder.bytes["sites.csv"] = as_csv(folder.sites).encode("latin-1")


def repeated(folder: Folder) -> None:
    folder.women[9]["participant_id"] = folder.women[4]["participant_id"].upper()


def without_heading(heading: str) -> Spoil:
    def spoil(folder: Folder) -> None:
        for row in folder.women:
            del row[heading]

    return spoil


def set_cell(row: int, heading: str, value: str) -> Spoil:
    def spoil(folder: Folder) -> None:
        folder.women[row][heading] = value

    return spoil


def lonely_site(folder: Folder) -> None:
    folder.sites.append({"site_id": "canary_empty", "site_name": "Canary empty"})


def twice(folder: Folder) -> None:
    folder.sites.append(dict(folder.sites[1]))


def replaced(name: str, content: bytes) -> Spoil:
    def spoil(folder: Folder) -> None:
        folder.bytes[name] = content

    return spoil


HEADER_ONLY = (",".join(HEADINGS) + "\n").encode()
MISTAKES: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "wrong encoding": (latin, ("sites.csv:4", "utf-8", 'encoding = "latin-1"')),
    "duplicate ids": (repeated, ("'participants'", "'participant_id'", "1 of 64 rows repeat")),
    "duplicate site": (twice, ("'sites'", "'site_id'", "1 of 5 rows repeat", "its own")),
    "missing key column": (without_heading("participant_id"), ("participants", "participant_id")),
    "missing site column": (without_heading("site_id"), ("participants", "site_id")),
    "missing model variable": (without_heading("age"), ("'age'", "participants")),
    "age of 17": (set_cell(5, "age", "17"), ("'age'", "18", "1 of 64", 'exclude = ["C')),
    "impossible age": (set_cell(5, "age", "211.5"), ("'age'", "10 to 110", "1 of 64")),
    "age in words": (set_cell(5, "age", "canary years"), ("'age'", "not a number", "missing = ")),
    "decimal comma": (set_cell(5, "age", "31,75"), ("'age'", "decimal = ")),
    "unknown level": (
        set_cell(5, "ever_deported", "canary maybe"),
        ("'ever_deported'", "0, 1", "1 of 64", "aliases"),
    ),
    "unknown site": (
        set_cell(5, "site_id", "canary_moon"),
        ("'participants'", "'site_id'", "1 of 64 rows", "table 'sites'", "add"),
    ),
    "no site given": (set_cell(5, "site_id", ""), ("'site_id'", "no key in 1 of 64 rows")),
    "site with no participants": (lonely_site, ("'sites'", "1 of 5 sites", "Remove", "add")),
    "empty file": (replaced("participants.csv", b""), ("participants.csv", "empty")),
    "only blanks": (replaced("participants.csv", b" \n\n \n"), ("participants.csv", "blank lines")),
    "header only": (replaced("participants.csv", HEADER_ONLY), ("participants.csv", "no rows")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("words", [(), ("--check",)], ids=["run", "check"])
def test_data_that_are_not_as_declared_end_with_code_3(folder, mistake, words):
    spoil, parts = MISTAKES[mistake]
    spoil(folder)
    message = assert_told(folder, folder.run(*words), 3, *parts)
    assert not re.search(r"\b17\b", message)


def test_each_of_many_mistakes_in_the_data_has_its_message(folder):
    set_cell(1, "age", "canary old")(folder)
    set_cell(2, "ever_deported", "canary no se")(folder)
    set_cell(3, "education_yrs", "99999.5")(folder)
    code, out, err = folder.run()
    assert code == 3
    messages = lines_of(err, folder)
    assert [re.findall(r"column '(\w+)'", m)[0] for m in messages] == [
        "age",
        "ever_deported",
        "education_yrs",
    ]
    assert not [c for c in folder.canaries() if c in out + "".join(messages)]


def test_what_the_messages_propose_works(folder):
    latin(folder)
    folder.data = 'encoding = "latin-1"'
    assert folder.run("--check")[0] == 0


def test_a_woman_below_the_age_is_left_out_and_counted_where_the_file_says_so(folder):
    set_cell(5, "age", "17")(folder)
    _, _, err = folder.run()
    folder.data = re.findall(r'exclude = \["C\d\d"\]', err)[0]
    assert folder.run()[0] == 0


def test_machines_get_the_same_as_json(folder):
    lonely_site(folder)
    code, out, err = folder.run("--json")
    assert code == 3
    assert '"status": 3' in out
    assert '"table": "sites"' in out
    assert "canary_empty" not in out + err


# ----------------------------------------------------------------- models that cannot be estimated


def constant_outcome(folder: Folder) -> None:
    for row in folder.women:
        row["ever_deported"] = "1"


def separated(folder: Folder) -> None:
    for row in folder.women:
        row["steady_partner"] = row["ever_deported"]


def single_site(folder: Folder) -> None:
    folder.sites = folder.sites[:1]
    for row in folder.women:
        row["site_id"] = SITES[0]


REFUSED: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "constant outcome": (constant_outcome, ("'ever_deported' is the same", "Check the coding")),
    "separated covariate": (separated, ("separated", "steady_partner", "leave the covariate out")),
    "single site": (single_site, ("'site_id' has a single level", "leave out the random effect")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_model_without_an_answer_ends_with_code_4(folder, case):
    spoil, parts = REFUSED[case]
    spoil(folder)
    assert_told(folder, folder.run(), 4, "m1", 'if_not_estimable = "report"', *parts)


@pytest.mark.parametrize("case", REFUSED)
def test_or_is_explained_in_the_report_where_the_file_allows_it(folder, case):
    spoil, _ = REFUSED[case]
    spoil(folder)
    folder.if_not = "report"
    code, _, err = folder.run()
    assert (code, err) == (0, "")
    report = (folder.path / "out/private/report.md").read_text(encoding="utf-8")
    limits = report.split("## What these data cannot answer")[1].split("\n## ")[0]
    assert "Not estimable" in limits
    assert not [c for c in folder.canaries() if c.startswith("canary_woman") and c in report]


# ------------------------------------------------------------------------ mistakes of the analysis

TEN = """\
titel = "A slip in the first word"
title = "Ten mistakes"

[data]
participants = "participants.csv"
sites = "sites.csv"
unit = "visitas"
population = "migrant_typ = international"

[[models]]
key = "m1"
outcome = "ever_deportd"
exposure = "age +"
family = "binomal"
covariates = [{ term = "education_yrs" }]
random = "(1 | sitio_id)"

[[tables]]
key = "t1"
kind = "basline"

[[tables]]
key = "t2"
kind = "model"
model = "m7"
"""
TEN_LINES = {
    1: "'titel'. Did you mean 'title'?",
    7: "'visits'",
    8: "'migrant_typ'. Did you mean 'migrant_type'?",
    12: "'ever_deportd'. Did you mean 'ever_deported'?",
    13: "Formula",
    14: "'binomal'. Did you mean 'binomial'?",
    15: "'reason' is missing",
    16: "'sitio_id'. Did you mean 'site_id'?",
    20: "'basline'. Did you mean 'baseline'?",
    25: "'m7'",
}


@pytest.mark.parametrize("words", [(), ("--check",), ("--dry-run",)], ids=str)
def test_ten_mistakes_in_one_file_give_ten_messages_with_their_lines(folder, words):
    folder.bytes["study.toml"] = TEN.encode()
    code, out, err = folder.run(*words)
    assert (code, out) == (2, "")
    told = [re.match(r"peerstats: /?\\?study\.toml:(\d+): (.*)", m) for m in lines_of(err, folder)]
    assert [int(m.group(1)) for m in told] == list(TEN_LINES)
    for match in told:
        assert TEN_LINES[int(match.group(1))] in match.group(2)


def test_a_missing_data_file_is_named_with_its_neighbour(folder):
    folder.data = ""
    folder.bytes["study.toml"] = (
        ANALYSIS.format(data="", random="", if_not="stop")
        .replace('"participants.csv"', '"participante.csv"')
        .encode()
    )
    assert_told(folder, folder.run(), 2, "participante.csv", "Did you mean 'participants.csv'?")


def test_formats_may_be_listed_with_blanks(folder):
    assert folder.run("--formats", "html, md", "--dry-run")[0] == 0


def test_an_analysis_named_without_its_ending_is_proposed(folder):
    folder.run("--dry-run")
    assert main([str(folder.path / "study")]) == 2
    assert "Did you mean 'study.toml'?" in folder.capsys.readouterr().err


def test_what_the_file_leaves_out_leaves_no_gap_in_the_report(folder):
    assert folder.run("--quiet")[0] == 0
    report = (folder.path / "out/private/report.md").read_text(encoding="utf-8")
    assert "### Ever deported by age" in report
    assert "**Data:**" not in report


def test_every_absent_variable_is_told_before_the_first_fit(folder):
    for heading in ("age", "steady_partner"):
        without_heading(heading)(folder)
    folder.bytes["study.toml"] = (
        ANALYSIS.format(data="", random="(1 | site_id)", if_not="stop")
        + '[[tables]]\nkey = "t1"\nkind = "baseline"\nby = "hiv_test_12m"\n'
        + 'variables = ["n_children", "education_yrs", "age"]\n'
    ).encode()
    for words in ((), ("--check",)):
        code, _, err = folder.run(*words)
        assert code == 3
        assert re.findall(r"no values of '(\w+)'", err) == [
            "age",
            "steady_partner",
            "n_children",
            "hiv_test_12m",
        ]


LATE = """\
title = "Mistakes that only a fit would meet"

[data]
participants = "participants.csv"
sites = "sites.csv"
unit = "visits"
population = "ever_deported = canary_perhaps"
exclude = ["C99"]

[[models]]
key = "m1"
outcome = "ever_deported"
exposure = "steady_partner"
link = "logitt"
random = "(age | site_id)"

[[models]]
key = "m2"
outcome = "ever_deported"
exposure = "age"

[[tables]]
key = "t1"
kind = "baseline"
by = "age"
variables = ["ever_deported"]

[[figures]]
key = "f1"
kind = "caterpillar"
model = "m2"
factor = "site_id"
"""


def test_what_only_a_fit_would_meet_is_told_with_its_line_as_well(folder):
    folder.bytes["study.toml"] = LATE.encode()
    code, _, err = folder.run("--dry-run")
    assert code == 2
    told = dict(re.findall(r"study\.toml:(\d+): (.*)", err))
    assert list(told) == ["6", "7", "8", "14", "15", "25", "31"]
    assert "give 'visits'" in told["6"]
    assert "no level" in told["7"]
    assert "unknown rule 'C99'" in told["8"]
    assert "Did you mean 'logit'?" in told["14"]
    assert "write '(1 | site_id)'" in told["15"]
    assert "is a measurement" in told["25"]
    assert "has no groups to draw" in told["31"]
