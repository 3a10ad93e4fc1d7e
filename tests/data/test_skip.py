from __future__ import annotations

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.load import Source, load_study
from peerstats.data.skip import apply_skip, denominators
from peerstats.data.study import Table
from peerstats.data.typed import type_table
from peerstats.errors import UsageError

CODEBOOK = read_codebook()


def table(name: str, **columns: list[str]) -> Table:
    frame = pd.DataFrame(columns, dtype=object)
    return type_table(name, frame, [CODEBOOK.fields[c] for c in columns]).table


def codes(tables: dict[str, Table], name: str, column: str) -> list[str]:
    return apply_skip(tables, CODEBOOK)[0][name].codes[column].tolist()


def test_empty_means_not_asked_or_lost() -> None:
    women = table(
        "participants",
        participant_id=["a", "b", "c", "d", "e"],
        ever_deported=["0", "1", "1", ".r", ""],
        n_deport=["", "", "2", "", ""],
    )
    # closed gate, open gate without an answer, answered, gate refused, gate unknown
    assert codes({"participants": women}, "participants", "n_deport") == [
        ".a",
        ".m",
        "",
        ".m",
        ".m",
    ]


def test_typed_codes_where_not_asked() -> None:
    women = table(
        "participants",
        participant_id=["a", "b", "c"],
        n_children=["0", "0", "2"],
        child_separated=[".r", ".n", ".r"],
    )
    assert codes({"participants": women}, "participants", "child_separated") == [".a", ".n", ".r"]


def test_a_closed_gate_closes_the_gates_behind_it() -> None:
    visits = table(
        "visits",
        visit_id=["a", "b"],
        more_money_accepted_6m=["", ""],
        more_money_offered_6m=[".n", "0"],
    )
    assert codes({"visits": visits}, "visits", "more_money_accepted_6m") == [".a", ".a"]


def test_a_gate_may_stand_in_the_parent_table() -> None:
    women = table("participants", participant_id=["a", "b"], steady_partner=["0", "1"])
    visits = table(
        "visits",
        visit_id=["1", "2"],
        participant_id=["b", "a"],
        condom_partner_freq=["", ""],
    )
    both = {"participants": women, "visits": visits}
    assert codes(both, "visits", "condom_partner_freq") == [".m", ".a"]


def test_a_duration_and_its_interval_share_their_code() -> None:
    visits = table("visits", visit_id=["1"], hiv_test_ever=["0"], months_since_test=[""])
    skipped = apply_skip({"visits": visits}, CODEBOOK)[0]["visits"].codes
    assert skipped.iloc[0]["months_since_test_low"] == ".a"


def test_answers_against_the_rule_stay_and_are_counted() -> None:
    women = table(
        "participants",
        participant_id=["a", "b", "c"],
        ever_deported=["0", "0", "1"],
        n_deport=["3", "", "1"],
    )
    tables, findings = apply_skip({"participants": women}, CODEBOOK)
    assert tables["participants"].values["n_deport"].tolist()[0] == 3.0
    (finding,) = findings
    assert (finding.rule, finding.count, finding.checked) == ("skip", 1, 2)
    assert "ever_deported = 1" in finding.message
    assert "answered in 1 of 2 rows" in finding.message


def test_applying_it_twice_changes_nothing() -> None:
    women = table(
        "participants", participant_id=["a", "b"], ever_deported=["0", "1"], n_deport=["", ""]
    )
    once, _ = apply_skip({"participants": women}, CODEBOOK)
    twice, _ = apply_skip(once, CODEBOOK)
    pd.testing.assert_frame_equal(once["participants"].codes, twice["participants"].codes)


def test_without_its_gate_an_item_was_asked() -> None:
    women = table("participants", participant_id=["a"], n_deport=[""])
    assert codes({"participants": women}, "participants", "n_deport") == [".m"]


def test_denominators_count_every_row_once() -> None:
    women = pd.DataFrame(
        {
            "participant_id": list("abcdefg"),
            "site_id": "s",
            "ever_deported": ["0", "0", "1", "1", "1", "1", "1"],
            "n_deport": ["", ".n", "2", ".r", ".d", ".x", ""],
            "deported_from": ["", "", *["MEX"] * 5],
        }
    )
    tables = {"participants": women, "sites": pd.DataFrame({"site_id": ["s"]})}
    counts = denominators(load_study(Source(name="x", tables=tables)), "participants")
    assert counts.loc["n_deport"].to_dict() == {
        "rows": 7,
        "asked": 5,
        "structural": 2,
        "refused": 1,
        "dont_know": 1,
        "not_collected": 1,
        "unknown": 1,
        "answered": 1,
    }
    parts = counts[["structural", "refused", "dont_know", "not_collected", "unknown", "answered"]]
    assert (parts.sum(axis=1) == counts["rows"]).all()


def test_denominators_of_a_table_that_is_not_there() -> None:
    tables = {
        "participants": pd.DataFrame({"participant_id": ["a"], "site_id": ["s"]}),
        "sites": pd.DataFrame({"site_id": ["s"]}),
    }
    study = load_study(Source(name="x", tables=tables))
    with pytest.raises(UsageError, match="Did you mean 'participants'"):
        denominators(study, "participant")
