"""Whatever bytes a file holds, it is read or refused; no other error reaches the user."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerstats.data.load import Source, load_study
from peerstats.errors import PeerstatsError

NUMBERS = ("30", "1,5", "1.234", "inf", "1e400", "٣", "9" * 400, "<1 month", "1e999 years")
WORDS = (
    "",
    ".r",
    "NA",
    "sí",
    "2013-02-30",
    "=1+1",
    '"',
    "\0",
    ";",
    ",",
    "\t",
    "\n",
    "\r",
    "\ufeff",
)
CELLS = st.sampled_from((*NUMBERS, *WORDS))
HEADER = "participant_id,site_id,age,years_in_city,consent_date,deported_from\n"


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cells=st.lists(CELLS, max_size=12), tail=st.binary(max_size=20), encoding=st.sampled_from("uUl")
)
def test_any_file_is_read_or_refused(
    tmp_path: Path, cells: list[str], tail: bytes, encoding: str
) -> None:
    codec = {"u": "utf-8", "U": "utf-16", "l": "latin-1"}[encoding]
    text = HEADER + "a,s,30,1,2013-01-02,MEX\nb,s," + ",".join(cells)
    table, sites = tmp_path / "women.csv", tmp_path / "sites.csv"
    table.write_bytes(text.encode(codec, "replace") + tail)
    sites.write_text("site_id\ns\n")
    message = ""
    try:
        load_study(Source(name="x", tables={"participants": table, "sites": sites}))
    except PeerstatsError as refusal:
        message = str(refusal)
    assert message.isprintable() or "\n" in message


def test_the_untouched_file_is_read(tmp_path: Path) -> None:
    table, sites = tmp_path / "women.csv", tmp_path / "sites.csv"
    table.write_text(HEADER + "a,s,30,1,2013-01-02,\n")
    sites.write_text("site_id\ns\n")
    study = load_study(Source(name="x", tables={"participants": table, "sites": sites}))
    assert study.tables["participants"].values["age"].tolist() == pytest.approx([30.0])
