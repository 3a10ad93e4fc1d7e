from __future__ import annotations

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.columns import match_columns
from peerstats.errors import DataError

CODEBOOK = read_codebook()
SITES = pd.DataFrame({"site_id": ["s"]}, dtype=object)


def women(**columns: str) -> pd.DataFrame:
    given = {"participant_id": "a", "site_id": "s", **columns}
    return pd.DataFrame({name: [cell] for name, cell in given.items()}, dtype=object)


def test_undeclared_columns_are_not_read_and_near_names_are_told() -> None:
    frames = {"sites": SITES, "participants": women(phone_number="555", agee="30", gps="x")}
    matched = match_columns(frames, CODEBOOK)
    assert list(matched.frames["participants"].columns) == ["participant_id", "site_id"]
    (finding,) = matched.findings
    assert (finding.rule, finding.severity, finding.count) == ("undeclared", "note", 3)
    assert "3 columns are not in the codebook and were not read." in finding.message
    assert "'agee' was not read. Did you mean 'age'?" in finding.message


def test_ignored_columns_are_left_out_without_a_remark() -> None:
    frames = {"sites": SITES, "participants": women(gps="x")}
    assert match_columns(frames, CODEBOOK, ignore=("gps",)).findings == ()


def test_a_missing_key_names_the_nearest_heading() -> None:
    frames = {"sites": SITES, "participants": women().rename(columns={"site_id": "site_ids"})}
    with pytest.raises(
        DataError, match=r"no column 'site_id' \(Site\)\. Did you mean 'site_ids'\?"
    ):
        match_columns(frames, CODEBOOK)


def test_no_declared_column_at_all_says_nothing_of_the_first_line() -> None:
    with pytest.raises(DataError, match="Is the first line the header") as refusal:
        match_columns({"participants": pd.DataFrame({"Canaria": ["x"]}), "sites": SITES}, CODEBOOK)
    assert "Canaria" not in str(refusal.value)


def test_visit_columns_in_the_participants_file_become_visits() -> None:
    frames = {"sites": SITES, "participants": women(age="30", phone="1", lon_1="2")}
    matched = match_columns(frames, CODEBOOK)
    assert list(matched.frames["participants"].columns) == ["participant_id", "site_id", "age"]
    assert matched.frames["visits"].iloc[0].to_dict() == {
        "visit_id": "a",
        "participant_id": "a",
        "phone": "1",
        "lon_1": "2",
    }
    assert [f.table for f in matched.fields["visits"]] == [
        "visits",
        "participants",
        *["visits"] * 2,
    ]


def test_with_a_visits_file_such_columns_are_undeclared() -> None:
    visits = pd.DataFrame({"visit_id": ["1"], "participant_id": ["a"]}, dtype=object)
    frames = {"sites": SITES, "participants": women(phone="1"), "visits": visits}
    matched = match_columns(frames, CODEBOOK)
    assert matched.findings[0].columns == ("phone",)


def test_long_tables_get_the_keys_they_can_have() -> None:
    acts = pd.DataFrame({"participant_id": ["a"], "act": ["E1"]}, dtype=object)
    frames = {"sites": SITES, "participants": women(phone="1"), "support_acts": acts}
    assert match_columns(frames, CODEBOOK).frames["support_acts"]["visit_id"].tolist() == ["a"]
    visits = pd.DataFrame({"visit_id": ["1"], "participant_id": ["a"]}, dtype=object)
    acts = pd.DataFrame({"visit_id": ["1"], "act": ["E1"]}, dtype=object)
    frames = {"sites": SITES, "participants": women(), "visits": visits, "support_acts": acts}
    matched = match_columns(frames, CODEBOOK)
    assert matched.frames["support_acts"]["participant_id"].tolist() == ["a"]


def test_a_required_column_of_a_long_table() -> None:
    acts = pd.DataFrame({"participant_id": ["a"], "received": ["1"]}, dtype=object)
    with pytest.raises(DataError, match=r"'support_acts': there is no column 'act'"):
        match_columns({"sites": SITES, "participants": women(), "support_acts": acts}, CODEBOOK)


def test_with_venues_each_participant_needs_hers() -> None:
    venues = pd.DataFrame({"venue_id": ["v"], "site_id": ["s"]}, dtype=object)
    with pytest.raises(DataError, match="'participants': there is no column 'venue_id'"):
        match_columns({"sites": SITES, "participants": women(), "venues": venues}, CODEBOOK)
