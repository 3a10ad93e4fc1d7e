"""Canaries: marked words and numbers in every table, which nothing that leaves may repeat.

All ids, free texts, undeclared columns with their headings, distinctive numbers of one woman, names
of files and folders are marked. No mark may be found in any byte of the release, of embedded
pictures and of their chunks, nor in what a run prints, whether it succeeds or refuses.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.synthetic import generate
from peerstats.run import main

WOMEN, SITES = 70, 5
TABLES = ("participants", "sites", "venues", "visits", "support_acts", "violence", "work_history")
IDS = ("participant_id", "visit_id", "venue_id", "interviewer_id")
ANALYSIS = """
title = "A study with canaries"
[data]
{files}
[[models]]
key = "m1"
outcome = "hiv_test_12m"
exposure = "ever_deported"
random = "(1 | site_id)"
covariates = [{{ term = "age", reason = "a reason" }}, {{ term = "formality", reason = "another" }}]
if_not_estimable = "report"
[[models]]
key = "m2"
outcome = "sti_self_12m"
exposure = "formality_now"
if_not_estimable = "report"
{displays}
[report]
profile = "{profile}"
"""
DISPLAYS = {
    "tables": (
        'kind = "flow"',
        'kind = "baseline"\nby = "site_id"\nvariables = ["age", "country_birth", "income_week", '
        '"n_children", "sti_self_12m", "years_in_city"]',
        'kind = "baseline"\nby = "formality_now"\nvariables = ["site_id", "client_refusal_6m"]',
        'kind = "missingness"\nvariables = ["age", "sti_type", "migration_doc"]',
        'kind = "quality"',
        'kind = "reliability"\nscales = ["cohesion"]',
        'kind = "model"\nmodel = "m1"',
        'kind = "adjustment"\nmodel = "m1"',
        'kind = "fits"\nmodel = "m2"',
    ),
    "figures": (
        'kind = "forest"\nmodel = "m1"',
        'kind = "caterpillar"\nmodel = "m1"\nfactor = "site_id"',
        'kind = "missingness"\ntable = "tables3"',
        'kind = "distributions"\ntable = "tables1"',
    ),
}


class Aviary:
    """A study on the disk and the marks in it."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self.tables: dict[str, pd.DataFrame] = {}

    def word(self) -> str:
        """A new word that occurs nowhere else."""
        self.marks.append(f"zqcanary{len(self.marks):04d}")
        return self.marks[-1]

    def write(self, folder: Path, profile: str) -> Path:
        folder.mkdir(parents=True)
        files = []
        for name, table in self.tables.items():
            file = f"{self.word()}.csv"
            table.to_csv(folder / file, index=False)
            files.append(f'{name} = "{file}"')
        displays = "\n".join(
            f'[[{sort}]]\nkey = "{sort}{i}"\n{text}'
            for sort, texts in DISPLAYS.items()
            for i, text in enumerate(texts)
        )
        path = folder / "study.toml"
        path.write_text(ANALYSIS.format(files="\n".join(files), displays=displays, profile=profile))
        return path


def cut(women: int, sites: int, tables: tuple[str, ...] = TABLES) -> dict[str, pd.DataFrame]:
    """A small study out of the large synthetic one, as many women at every site."""
    drawn = generate("border", 3).tables
    people = drawn["participants"]
    people = people[people["migrant_type"] == "international"]
    kept = sorted(people["site_id"].unique())[:sites]
    people = pd.concat([people[people["site_id"] == s].head(women // sites) for s in kept])
    found = {"participants": people}
    for name in tables:
        table = drawn[name]
        column = "site_id" if name in ("sites", "venues") else "participant_id"
        if name != "participants":
            found[name] = table[table[column].isin(set(people[column]))].head(400)
    return {name: found[name].reset_index(drop=True).astype(str) for name in tables}


@pytest.fixture(scope="module")
def aviary():
    made = Aviary()
    made.tables = cut(WOMEN, SITES)
    codebook = read_codebook()
    words: dict[str, str] = {}
    for name, table in made.tables.items():
        for column in IDS:
            if column in table:
                for old in table[column].unique():
                    words.setdefault(old, made.word())
                table[column] = table[column].map(words)
        for field in codebook.of_table(name):
            if field.type == "text" and field.name != "site_name":
                table[field.column] = [made.word() for _ in range(min(len(table), 100))] + [
                    ""
                ] * max(len(table) - 100, 0)
        table[f"heading {made.word()}"] = made.word()
    people, visits = made.tables["participants"], made.tables["visits"]
    for table, column, value in (
        (people, "age", "47.1935"),
        (people, "years_in_city", "17.6493"),
        (visits, "income_week", "48713"),
    ):
        table.loc[3, column] = value
        made.marks.append(value[:5])
    made.tables["sites"]["site_name"] = [f"Town {made.word()}" for _ in range(SITES)]
    return made


def texts(path: Path) -> list[bytes]:
    """The bytes of a file in lower case, and those of pictures within it without their pixels."""
    content = path.read_bytes()
    if content.startswith(b"\x89PNG"):
        return [b"".join(chunks(content)).lower()]
    pictures = re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", content)
    inside = [b"".join(chunks(base64.b64decode(picture))).lower() for picture in pictures]
    plain = re.sub(rb"base64,[A-Za-z0-9+/=]+", b"", content)
    return [plain.lower(), *inside]


def chunks(content: bytes) -> list[bytes]:
    """All chunks of a PNG that are not pixels."""
    found, at = [], 8
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        found += [kind + content[at + 8 : at + 8 + length]] if kind != b"IDAT" else []
        at += length + 12
    return found


def hits(folder: Path, marks: list[str]) -> list[tuple[str, str]]:
    """Every mark in every file below a folder, in names too."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = [str(path.relative_to(folder)).lower().encode()]
        parts += texts(path) if path.is_file() else []
        found += [
            (path.name, mark)
            for mark in marks
            if any(mark.encode() in part or _grouped(mark) in part for part in parts)
        ]
    return found


def _grouped(mark: str) -> bytes:
    return (f"{int(mark):,}" if mark.isdigit() else mark).encode()


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_no_mark_leaves(aviary, tmp_path, capfd, profile):
    path = aviary.write(tmp_path / aviary.word(), profile)
    assert main([str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    towns = set(re.findall(r"zq\w+", " ".join(aviary.tables["sites"]["site_name"])))
    marks = [m for m in aviary.marks if profile == "strict" or m not in towns]
    assert len(marks) > 200
    release = tmp_path / "out" / "release"
    assert len(list(release.rglob("*.png"))) >= 3
    assert hits(release, marks) == []
    said = capfd.readouterr()
    assert said.err == ""
    assert "zqcanary" not in said.out


def test_the_search_finds_what_is_there(aviary, tmp_path):
    """The private tree names towns; a picture with a mark in a text chunk is found."""
    mark = aviary.marks[0]
    body = b"Title\0" + mark.encode()
    picture = b"\x89PNG\r\n\x1a\n" + len(body).to_bytes(4) + b"tEXt" + body + b"\0\0\0\0"
    (tmp_path / "a.png").write_bytes(picture)
    source = b'<img src="data:image/png;base64,' + base64.b64encode(picture) + b'">'
    (tmp_path / "b.html").write_bytes(source)
    (tmp_path / "c.md").write_text("48,713 pesos")
    assert hits(tmp_path, [mark, "48713"]) == [
        ("a.png", mark), ("b.html", mark), ("c.md", "48713"),
    ]  # fmt: skip


# ------------------------------------------------------------------------- what a refusal may print

SECRET, NUMBER = "Zqcanary Lopez", "5552 1234"
BROKEN = {
    SECRET: (
        "participants.participant_id participants.site_id participants.venue_id participants.age"
        " participants.country_birth participants.consent_date participants.years_in_city"
        " participants.ever_deported participants.marital participants.sex sites.site_id"
        " sites.approached venues.formality visits.participant_id visits.date visits.sti_type"
        " visits.coh_1 work_history.period_start work_history.work_share"
    ),
    NUMBER: (
        "participants.age participants.n_deport participants.participant_id visits.visit_no"
        " visits.income_week visits.hiv_status_self"
    ),
}


@pytest.fixture(scope="module")
def small():
    return cut(24, 3, ("participants", "sites", "venues", "visits", "work_history"))


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for value, places in BROKEN.items() for place in places.split()],
)
def test_a_refusal_repeats_no_value(small, tmp_path, capfd, place, value):
    table, column = place.split(".")
    broken = {name: frame.copy() for name, frame in small.items()}
    broken[table].loc[1, column] = value
    told = refuse(broken, tmp_path, capfd)
    assert "Zqcanary" not in told
    assert "1234" not in told


def without_heading(text: str) -> str:
    return text.split("\n", 1)[1]


def with_a_loose_row(text: str) -> str:
    return text + f"{SECRET},1\n"


def with_an_open_quote(text: str) -> str:
    return text + f'"{SECRET},1\n'


def with_a_row_as_heading(text: str) -> str:
    lines = text.split("\n")
    return "\n".join([re.sub(r"[^,]+", SECRET, lines[0], count=3), *lines[1:]])


@pytest.mark.parametrize(
    "damage", [without_heading, with_a_loose_row, with_an_open_quote, with_a_row_as_heading]
)
@pytest.mark.parametrize("table", ["participants", "sites", "visits"])
def test_a_damaged_file_is_refused_without_its_text(small, tmp_path, capfd, table, damage):
    marked = {name: frame.copy() for name, frame in small.items()}
    marked[table].iloc[0, -1] = SECRET
    told = refuse(marked, tmp_path, capfd, {table: damage})
    assert "Zqcanary" not in told


def refuse(tables, folder, capfd, damage=None) -> str:
    """Check a study that cannot be read; return all that is printed, but for its own path."""
    for name, frame in tables.items():
        text = frame.to_csv(index=False, lineterminator="\n")
        text = damage[name](text) if damage and name in damage else text
        (folder / f"{name}.csv").write_text(text)
    files = "\n".join(f'{name} = "{name}.csv"' for name in tables)
    (folder / "s.toml").write_text(f'title = "Broken"\n[data]\n{files}\n')
    code = main([str(folder / "s.toml"), "--check", "--json", "--debug"])
    said = capfd.readouterr()
    assert code == 3, said
    return (said.out + said.err).replace(str(folder), "")


def test_every_key_is_looked_for_before_a_release_is_written(small, tmp_path, capfd):
    """An interviewer's id is no key of a table; a heading of ours that repeats it is refused."""
    marked = {name: frame.copy() for name, frame in small.items()}
    marked["participants"]["interviewer_id"] = "Zqcanary7"
    for name, frame in marked.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = "\n".join(f'{name} = "{name}.csv"' for name in marked)
    table = '[[tables]]\nkey = "t"\nkind = "flow"\ntitle = "Women of zqcanary7"'
    (tmp_path / "s.toml").write_text(f'title = "Flow"\n[data]\n{files}\n{table}\n')
    assert main([str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), "-q"]) == 5
    assert "anary7" not in capfd.readouterr().err.replace(str(tmp_path), "")
    assert not (tmp_path / "out" / "release").exists()
