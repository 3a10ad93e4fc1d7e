"""Linking brings the columns of visit, woman, venue and site to one row."""

import numpy as np
import pandas as pd

from peerstats.data.linked import first_visits, link
from peerstats.data.study import Table


def table(name, **columns):
    values = pd.DataFrame(columns)
    codes = pd.DataFrame("", index=values.index, columns=values.columns, dtype=object)
    return Table(name=name, values=values, codes=codes.mask(values.isna(), ".m"))


TABLES = {
    "sites": table("sites", site_id=["s1", "s2"], country_work=["MEX", "GTM"]),
    "venues": table("venues", venue_id=["v"], site_id=["s2"], indoor=[1.0]),
    "participants": table(
        "participants", participant_id=["a", "b"], site_id=["s1", "s2"], venue_id=["v", None]
    ),
    "visits": table(
        "visits", visit_id=["1", "2", "3"], participant_id=["b", "a", "b"], visit_no=[2.0, 1.0, 1.0]
    ),
}


def test_a_visit_knows_its_site_and_venue():
    rows = link(TABLES, "visits")
    assert rows.values["country_work"].tolist() == ["GTM", "MEX", "GTM"]
    assert rows.values["indoor"].fillna(-1).tolist() == [-1, 1, -1]
    assert rows.codes["indoor"].tolist() == [".m", "", ".m"]


def test_the_nearer_column_wins():
    assert link(TABLES, "participants").values["site_id"].tolist() == ["s1", "s2"]


def test_only_the_columns_asked_for_and_the_keys():
    rows = link(TABLES, "visits", {"country_work"})
    assert set(rows.values.columns) == {
        *("visit_id", "participant_id", "site_id", "venue_id", "country_work")
    }


def test_first_visits_by_number_then_date_then_order():
    assert first_visits(TABLES["visits"]).tolist() == [False, True, True]
    dates = pd.to_datetime(["2013-05-01", "2013-01-01"])
    assert first_visits(table("visits", participant_id=["a", "a"], date=dates)).tolist() == [
        *(False, True)
    ]
    assert first_visits(table("visits", participant_id=["a", "a"])).tolist() == [True, False]
    assert np.all(first_visits(table("sites", site_id=["s", "t"])))
