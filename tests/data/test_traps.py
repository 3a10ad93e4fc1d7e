"""Every way a CSV file is known to be read as other data than it holds: read right, or refused.

The numbers are the rows of the project's catalogue of bad inputs. In every refused file a value
that stands for a participant's secret is planted; no message may hold it.
"""

from __future__ import annotations

import gzip
import io
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.load import Source, load_study
from peerstats.data.study import Study
from peerstats.errors import DataError, PeerstatsError, UsageError

CANARIES = ("QX7719", "Canaria", "4711")
SITES = "site_id\ntapachula\n"
GOOD = "participant_id,site_id,age\nQX7719a,tapachula,30\nQX7719b,tapachula,41\n"


def load(folder: Path, participants: str | bytes, own: str = "", **how: object) -> Study:
    """Load a study whose participants file holds this; `own` overrides lines of the codebook."""
    table, sites = folder / "women.csv", folder / "sites.csv"
    table.write_bytes(participants if isinstance(participants, bytes) else participants.encode())
    sites.write_text(str(how.pop("sites", SITES)), encoding="utf-8")
    codebook = None
    if own:
        (folder / "codebook.toml").write_text('extends = "standard"\n' + own, encoding="utf-8")
        codebook = read_codebook(folder / "codebook.toml")
    tables = {"participants": how.pop("path", table), "sites": sites}
    return load_study(Source(name="trap", tables=tables, codebook=codebook, **how))


def women(study: Study) -> pd.DataFrame:
    return study.tables["participants"].values


def table(*rows: str, header: str = "participant_id,site_id,age") -> str:
    return "\n".join((header, *rows)) + "\n"


def gz(text: str) -> bytes:
    return gzip.compress(text.encode())


def xlsx() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<sheet>Canaria</sheet>")
    return stream.getvalue()


ROW = "QX7719,tapachula,30"
DATES = "participant_id,site_id,consent_date"
YES = "participant_id,site_id,ever_deported"

# (row of the catalogue, what the file holds, words that the message must have)
REFUSED = [
    pytest.param(
        GOOD.replace("QX7719a", "Canaria ú").encode("latin-1"),
        ("byte 35", 'encoding = "latin-1"'),
        id="02-latin-1",
    ),
    pytest.param(GOOD.replace("a,", "\0a,"), ("NUL", "women.csv:2"), id="04-nul"),
    pytest.param("", ("empty (0 bytes)",), id="05-empty"),
    pytest.param("participant_id,site_id,age\n", ("no rows",), id="06-header-only"),
    pytest.param(
        table("QX7719;tapachula;30,5", header="participant_id;site_id;age"),
        ("column 'age'", "decimal", "1 of 1 values"),
        id="08-decimal-comma",
    ),
    pytest.param(
        table(
            "QX7719,tapachula,950", "b,tapachula,4.711", header="participant_id,site_id,tls_weight"
        ),
        ("column 'tls_weight'", "grouping or decimals"),
        id="09-thousands-dot",
    ),
    pytest.param(table(ROW, ROW + ",4711", ROW), ("lines 3", "1 too long"), id="10-long-row"),
    pytest.param(
        table(ROW, "QX7719,tapachula", ROW), ("lines 3", "1 too short"), id="11-short-row"
    ),
    pytest.param(table(ROW + ",4711"), ("move by one column",), id="12-shifted-header"),
    pytest.param(
        table(ROW, header="participant_id,site_id,site_id"),
        ("columns 2 and 3 have the same heading",),
        id="13-duplicate-heading",
    ),
    pytest.param(
        table(ROW, header="participant_id,,age"),
        ("no heading for column 2",),
        id="14-blank-heading",
    ),
    pytest.param(table('QX7719,"tapachula,30'), ("quotation mark", "women.csv:2"), id="15-quote"),
    pytest.param(
        table(ROW, "b,tapachula,Canaria"), ("not a number: 1 of 2 values",), id="16-mixed-types"
    ),
    pytest.param(table("QX7719,tapachula,NA"), ("not a number",), id="17-NA"),
    pytest.param(table("QX7719,tapachula,null"), ("not a number",), id="17-null"),
    pytest.param(
        table("QX7719,tapachula,03/04/2013", header=DATES),
        ("YYYY-MM-DD", "format"),
        id="21-slashes",
    ),
    pytest.param(
        table("QX7719,tapachula,2013-02-30", header=DATES),
        ("not a day of the calendar",),
        id="22-feb",
    ),
    pytest.param(
        table("QX7719,tapachula,41277", header=DATES), ("spreadsheet's day number",), id="23-serial"
    ),
    pytest.param(
        table("QX7719,tapachula,Canaria", header=YES),
        ("none of the levels 0, 1",),
        id="24-unmapped",
    ),
    pytest.param(table("QX7719,tapachula,inf"), ("infinite",), id="28-inf"),
    pytest.param(table("QX7719,tapachula,1e400"), ("too large",), id="28-1e400"),
    pytest.param(table("QX7719,tapachula,999"), ("outside the range 10 to 110",), id="29-sentinel"),
    pytest.param(gz(GOOD), ("gzip",), id="35-gz"),
    pytest.param(xlsx(), ("Excel workbook (xlsx)",), id="36-xlsx"),
    pytest.param(
        "<!DOCTYPE html><html><body>Canaria</body></html>", ("web page",), id="37-login-page"
    ),
    pytest.param(GOOD + "QX7719,tapa", ("cut short",), id="38-truncated"),
    pytest.param("# exported for Canaria\n" + GOOD, ("comment",), id="40-comment"),
    pytest.param("exported for Canaria\n" + GOOD, ("3 too long", "may be a title"), id="40-title"),
    pytest.param(table('QX7719,tapachula,"1,234"'), ("was not declared",), id="42-grouped"),
    pytest.param(
        table("QX7719,tapachula,30", "QX7719,tapachula,30"),
        ("repeat the participant_id",),
        id="43-repeat",
    ),
    pytest.param(table("QX7719,tapachula,٣٠"), ("digits other than 0 to 9",), id="44-arabic"),
    pytest.param(table("QX7719,,30"), ("no key in 1 of 1 rows",), id="45-missing-key"),
    pytest.param(table(",tapachula,30", ROW), ("no key in 1 of 2 rows",), id="45-missing-own-key"),
    pytest.param(
        table(ROW, "qx7719,tapachula,31"), ("1 of 2 rows repeat",), id="46-duplicate-ids-by-case"
    ),
    pytest.param(table("QX7719,tapachula,-3"), ("outside the range",), id="47-negative-age"),
    pytest.param(table("QX7719,tapachula,130"), ("outside the range",), id="47-age-130"),
    pytest.param(
        table("QX7719,tapachula,30,47.11", header="participant_id,site_id,age,age_entry"),
        ("C02",),
        id="48-entry-after-age",
    ),
    pytest.param("QX7719,tapachula,30\nb,Canaria,31\n", ("look like a header",), id="no-header"),
    pytest.param(
        "QX7719,tapachula\nCanaria,tapachula\n",
        ("Is the first line the header?",),
        id="no-header-text",
    ),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_refused_without_a_value(
    tmp_path: Path, content: str | bytes, words: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as refusal:
        load(tmp_path, content)
    message = str(refusal.value)
    assert refusal.value.exit_code == 3
    for word in words:
        assert word in message
    for canary in CANARIES:
        assert canary not in message


def test_01_byte_order_mark(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD.encode("utf-8-sig"))
    assert list(women(study).columns[:2]) == ["participant_id", "site_id"]
    assert study.notes == ("women.csv: byte order mark: read as UTF-8",)


def test_02_latin_1_when_declared(tmp_path: Path) -> None:
    content = table("a,Tecún Umán,30").encode("latin-1")
    (tmp_path / "sites.csv").write_bytes("site_id\nTecún Umán\n".encode("latin-1"))
    (tmp_path / "women.csv").write_bytes(content)
    tables = {"participants": tmp_path / "women.csv", "sites": tmp_path / "sites.csv"}
    study = load_study(Source(name="x", tables=tables, encoding="latin-1"))
    assert women(study)["site_id"].tolist() == ["Tecún Umán"]


def test_03_utf_16(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD.encode("utf-16"))
    assert women(study)["age"].tolist() == [30.0, 41.0]
    assert "UTF-16" in study.notes[0]


def test_07_semicolons(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD.replace(",", ";"))
    assert women(study)["age"].tolist() == [30.0, 41.0]
    assert study.notes == ("women.csv: columns are separated by semicolons",)


def test_08_decimal_comma_when_declared(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD.replace(",", ";").replace("41", "41,5"), decimal=",")
    assert women(study)["age"].tolist() == [30.0, 41.5]


def test_09_thousands_when_declared(tmp_path: Path) -> None:
    own = '[fields.participants]\ntls_weight = { thousands = "." }\n'
    rows = table("a,tapachula,950", "b,tapachula,4.711", header="participant_id,site_id,tls_weight")
    assert women(load(tmp_path, rows, own))["tls_weight"].tolist() == [950.0, 4711.0]


def test_17_words_are_values_where_words_are_asked(tmp_path: Path) -> None:
    rows = table("NA,tapachula,None", "null,tapachula,", header="participant_id,site_id,language")
    own = '[fields.participants]\nlanguage = { levels = { None = "None", other = "Other" } }\n'
    study = load(tmp_path, rows, own)
    assert women(study)["participant_id"].tolist() == ["NA", "null"]
    assert women(study)["language"].tolist()[0] == "None"
    assert study.tables["participants"].codes["language"].tolist() == ["", ".m"]


def test_17_a_declared_code_is_missing(tmp_path: Path) -> None:
    own = 'missing = { "NA" = ".m", "-99" = ".r", "-98" = ".d" }\n'
    rows = table("a,tapachula,NA", "b,tapachula,-99", "c,tapachula,-98.0", "d,tapachula,.x")
    study = load(tmp_path, rows, own)
    assert women(study)["age"].isna().all()
    assert study.tables["participants"].codes["age"].tolist() == [".m", ".r", ".d", ".x"]


def test_18_19_20_ids_are_text(tmp_path: Path) -> None:
    ids = ["0012", "12345678901234567890123", "9007199254740993", "9007199254740992"]
    rows = table(*(f"{name},tapachula,30" for name in ids))
    assert women(load(tmp_path, rows))["participant_id"].tolist() == ids


def test_20_ids_that_became_floats_are_refused() -> None:
    frame = pd.DataFrame({"participant_id": [1.0, 2.0], "site_id": ["s", "s"], "age": [30, 31]})
    with pytest.raises(DataError, match="floating-point"):
        load_study(Source(name="x", tables={"participants": frame, "sites": _site("s")}))


def _site(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"site_id": list(names)})


def test_21_dates_in_a_declared_format(tmp_path: Path) -> None:
    own = '[fields.participants]\nconsent_date = { format = "%d/%m/%Y" }\n'
    rows = table("a,tapachula,03/04/2013", "b,tapachula,13/04/2013", header=DATES)
    days = women(load(tmp_path, rows, own))["consent_date"]
    assert days.dt.strftime("%Y-%m-%d").tolist() == ["2013-04-03", "2013-04-13"]


def test_24_yes_and_no_in_two_languages(tmp_path: Path) -> None:
    words = ["Si", "No", "sí", "NO", "Yes", "1", "0.0"]
    rows = table(*(f"{i},tapachula,{word}" for i, word in enumerate(words)), header=YES)
    assert women(load(tmp_path, rows))["ever_deported"].tolist() == [1, 0, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("Tapachula ", id="25-trailing-blank-and-case"),
        pytest.param("tapachula\u200b", id="27-zero-width"),
        pytest.param("\u00a0tapachula", id="25-no-break-space"),
    ],
)
def test_one_site_stays_one_site(tmp_path: Path, spelling: str) -> None:
    study = load(tmp_path, table("a,tapachula,30", f"b,{spelling},31"))
    assert women(study)["site_id"].tolist() == ["tapachula"] * 2
    assert any("site_id" in note for note in study.notes)


def test_26_composed_and_decomposed_accents(tmp_path: Path) -> None:
    rows = table("a,Tecu\u0301n,30", "b,Tec\u00fan,31")
    study = load(tmp_path, rows, sites="site_id\nTecún\n")
    assert women(study)["site_id"].nunique() == 1


def test_29_suspicious_codes_are_a_finding(tmp_path: Path) -> None:
    rows = table(
        *(f"{i},tapachula,{v}" for i, v in enumerate((0, 2, 3, 999))),
        header="participant_id,site_id,income_week",
    )
    finding = next(f for f in load(tmp_path, rows).findings if f.rule == "sentinel")
    assert (finding.severity, finding.count, finding.checked) == ("warn", 1, 4)
    assert finding.columns == ("income_week",)


@pytest.mark.parametrize(
    "columns", [pytest.param(20_001, id="30"), pytest.param(1_000_000, id="31")]
)
def test_too_many_columns_are_refused_from_the_header(tmp_path: Path, columns: int) -> None:
    header = ",".join(f"c{i}" for i in range(columns))
    started = time.perf_counter()
    with pytest.raises(DataError, match=f"{columns:,} columns"):
        load(tmp_path, header + "\n" + "," * (columns - 1) + "\n")
    assert time.perf_counter() - started < 3  # 1 s of reading; the rest is making the file


def test_32_one_cell_above_the_limit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than 1,000,000 characters"):
        load(tmp_path, table(f"a,tapachula,{'4711' * 300_000}"))


def test_33_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        load(tmp_path, GOOD, path=tmp_path)


def test_34_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'women\.csv'\?"):
        load(tmp_path, GOOD, path=tmp_path / "womem.csv")


def test_39_carriage_returns_only(tmp_path: Path) -> None:
    study = load(tmp_path, GOOD.replace("\n", "\r"))
    assert len(women(study)) == 2
    assert "carriage returns" in study.notes[0]


@pytest.mark.parametrize("address", ["https://example.org/x.csv", "s3://bucket/x.csv"])
def test_41_a_web_address(tmp_path: Path, address: str) -> None:
    for path in (address, Path(address)):
        with pytest.raises(UsageError, match="web address"):
            load(tmp_path, GOOD, path=path)


def test_42_grouped_digits_when_declared(tmp_path: Path) -> None:
    own = '[fields.visits]\nincome_week = { thousands = "," }\n'
    rows = table('a,tapachula,"1,234"', header="participant_id,site_id,income_week")
    assert load(tmp_path, rows, own).tables["visits"].values["income_week"].tolist() == [1234.0]


def test_49_one_woman_twice(tmp_path: Path) -> None:
    header = "participant_id,site_id,birth_year,country_birth,pseudonym_code"
    rows = table("a,tapachula,1980,HND,Canaria", "b,tapachula,1980,HND,Canaria", header=header)
    with pytest.raises(DataError, match="C29") as refusal:
        load(tmp_path, rows)
    assert "Canaria" not in str(refusal.value)


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PeerstatsError) as refusal:
        load(tmp_path, b"", sites="")
    assert len(refusal.value.problems) == 2
