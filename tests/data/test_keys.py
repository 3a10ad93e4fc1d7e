from __future__ import annotations

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.keys import check_keys
from peerstats.data.study import Table
from peerstats.data.typed import type_table
from peerstats.errors import DataError

CODEBOOK = read_codebook()


def tables(**frames: dict[str, list[str]]) -> dict[str, Table]:
    given = {"sites": {"site_id": ["tapachula"]}, **frames}
    return {
        name: type_table(
            name, pd.DataFrame(columns, dtype=object), [CODEBOOK.fields[c] for c in columns]
        ).table
        for name, columns in given.items()
    }


def refusals(**frames: dict[str, list[str]]) -> list[str]:
    with pytest.raises(DataError) as refusal:
        check_keys(tables(**frames), CODEBOOK)
    assert "Canaria" not in str(refusal.value)
    return [str(problem) for problem in refusal.value.problems]


WOMEN = {"participant_id": ["Canaria1", "Canaria2"], "site_id": ["tapachula"] * 2}


def test_good_keys_pass_unchanged() -> None:
    given = tables(participants=WOMEN)
    checked, notes = check_keys(given, CODEBOOK)
    assert checked["participants"] is given["participants"]
    assert notes == ()


def test_a_childs_key_takes_its_parents_spelling() -> None:
    women = {**WOMEN, "site_id": ["TAPACHULA", "tapachula"]}
    checked, notes = check_keys(tables(participants=women), CODEBOOK)
    assert checked["participants"].values["site_id"].tolist() == ["tapachula"] * 2
    assert notes == (
        "table 'participants', column 'site_id': 1 values take the spelling of table 'sites'",
    )


def test_an_unknown_site_is_counted() -> None:
    women = {**WOMEN, "site_id": ["tapachula", "Canaria"]}
    assert refusals(participants=women) == [
        "table 'participants', column 'site_id': "
        "1 of 2 rows name a key that is not in table 'sites'. Correct them, or add its row there."
    ]


def test_a_site_without_participants() -> None:
    sites = {"site_id": ["tapachula", "Canaria", "x"]}
    assert refusals(sites=sites, participants=WOMEN) == [
        "table 'sites', column 'site_id': 2 of 3 sites have no participants. "
        "Remove them, or add the women."
    ]


def test_repeated_ids() -> None:
    women = {**WOMEN, "participant_id": ["Canaria", "canaria"]}
    message = "1 of 2 rows repeat the participant_id of another row. Each row needs its own."
    assert refusals(participants=women) == [
        f"table 'participants', column 'participant_id': {message}"
    ]


def test_a_key_of_several_columns_repeats_as_a_whole() -> None:
    violence = {
        "visit_id": ["Canaria1"] * 3,
        "perpetrator": ["client", "client", "police"],
        "type": ["verbal", "verbal", "verbal"],
    }
    assert (
        "repeat the visit_id and perpetrator and type"
        in refusals(participants=WOMEN, violence=violence)[0]
    )


def test_a_missing_venue_needs_a_typed_code() -> None:
    women = {**WOMEN, "venue_id": ["v1", ""]}
    venues = {"venue_id": ["v1"], "site_id": ["tapachula"]}
    assert "Give a typed code such as .n" in refusals(participants=women, venues=venues)[0]
    typed = {**women, "venue_id": ["v1", ".n"]}
    checked, _ = check_keys(tables(participants=typed, venues=venues), CODEBOOK)
    assert checked["participants"].codes["venue_id"].tolist() == ["", ".n"]


def test_a_site_is_never_missing() -> None:
    women = {**WOMEN, "site_id": ["tapachula", ".r"]}
    assert refusals(participants=women) == [
        "table 'participants', column 'site_id': no key in 1 of 2 rows."
    ]


def test_a_row_of_another_womans_visit() -> None:
    visits = {"visit_id": ["a", "b"], "participant_id": ["Canaria1", "Canaria2"]}
    acts = {"visit_id": ["a", "b"], "participant_id": ["Canaria1", "Canaria1"], "act": ["E1", "E1"]}
    assert refusals(participants=WOMEN, visits=visits, support_acts=acts) == [
        "table 'support_acts', column 'visit_id': 1 of 2 rows name a visit of another participant."
    ]


def test_all_wrong_keys_are_told_at_once() -> None:
    visits = {"visit_id": ["a", "a"], "participant_id": ["Canaria1", "Canaria3"]}
    assert len(refusals(participants={**WOMEN, "site_id": ["x", "y"]}, visits=visits)) == 3
