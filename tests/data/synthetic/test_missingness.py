"""What is lost: how much, with which code, and depending on what."""

from __future__ import annotations

import numpy as np
import pytest

from peerstats.data.synthetic import generate
from peerstats.data.synthetic.missingness import Loss, lose
from peerstats.data.synthetic.words import words


@pytest.fixture(scope="module")
def tables():
    return generate("border", 4, scale=4).tables


@pytest.fixture(scope="module")
def complete():
    return generate("border", 4, scale=4, missing=False).tables


@pytest.mark.parametrize(
    ("table", "column", "code", "share"),
    [
        ("participants", "migration_doc", ".r", 0.20),
        ("participants", "years_in_city", ".d", 0.06),
        ("participants", "childhood_abuse", ".r", 0.10),
        ("visits", "condom_freq_clients", ".r", 0.06),
        ("visits", "sti_self_12m", ".r", 0.08),
        ("visits", "hiv_test_ever", ".r", 0.04),
    ],
)
def test_shares_lost(tables, table, column, code, share):
    assert (tables[table][column] == code).mean() == pytest.approx(share, rel=0.3)


def test_sensitive_refusals_lie_between_4_and_12_percent(tables):
    refused = (tables["violence"]["w6m"] == ".r").groupby(tables["violence"]["perpetrator"]).mean()
    assert refused.between(0.03, 0.14).all()


def test_complete_data_have_structural_codes_only(complete):
    codes = {
        cell
        for table in complete.values()
        for column in table
        for cell in set(table[column]) & {".a", ".n", ".r", ".d", ".x", ".m"}
    }
    assert codes == {".a", ".n"}


def test_refusing_a_violence_block_depends_on_what_happened(tables, complete):
    cells = ["visit_id", "perpetrator", "type"]
    both = tables["violence"].merge(complete["violence"], on=cells, suffixes=("", "_true"))
    both = both[both["perpetrator"] == "client"]
    happened = (both["w6m_true"] == "1").groupby(both["visit_id"]).any()
    refused = (both["w6m"] == ".r").groupby(both["visit_id"]).any()
    odds = [refused[happened == x].mean() / (1 - refused[happened == x].mean()) for x in (0, 1)]
    # About 3,600 + 4,200 visits with 6 % refusals: SE of the log odds ratio about .09.
    assert np.log(odds[1] / odds[0]) == pytest.approx(0.5, abs=0.27)


def test_refusals_differ_between_sites(tables):
    women = tables["participants"]
    by_site = (women["migration_doc"] == ".r").groupby(women["site_id"]).agg(["mean", "size"])
    spread = (by_site["mean"] - 0.2) ** 2 / (0.16 / by_site["size"])
    assert spread.mean() > 1.5  # 1 if sites were alike


def test_one_site_in_twelve_did_not_collect_stigma(tables):
    rows = tables["visits"].merge(tables["participants"], on="participant_id")
    uncollected = (rows["stig_int_1"] == ".x").groupby(rows["site_id"]).mean()
    assert sorted(uncollected.unique()) == [0, 1]
    assert (uncollected == 1).sum() == 4


def test_a_lost_gate_takes_what_is_behind_it_along():
    columns = {"gate": words(["1", "0", "1"] * 200), "item": words(["5", ".a", "7"] * 200)}
    loss = Loss(share=0.5, columns=("gate", "item"))
    lost = lose(1, columns, [loss], np.zeros(600))
    refused = lost["gate"] == ".r"
    assert 0.4 < refused.mean() < 0.6
    assert set(lost["item"][refused]) == {".r", ".a"}
    assert (lost["item"][columns["item"] == ".a"] == ".a").all()


def test_answers_heap_on_whole_years(tables, complete):
    def whole(tables):
        return tables["participants"]["age_entry"].str.fullmatch(r"\d+").mean()

    assert whole(complete) < 0.2
    assert whole(tables) > 0.45
