"""One table with the columns of the tables it belongs to: visit → woman → venue → site."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from peerstats.data.study import Table

# Each key and the table it opens, in the order in which they are followed: a visit brings the
# woman's key, she brings her venue's and site's. The nearer column wins over the farther one.
KEYS: tuple[tuple[str, str], ...] = (
    ("visit_id", "visits"),
    ("participant_id", "participants"),
    ("venue_id", "venues"),
    ("site_id", "sites"),
)


def link(tables: Mapping[str, Table], name: str, columns: Collection[str] | None = None) -> Table:
    """Return table `name` with every column of its parents; rows, order and index stay.

    With `columns`, only those are brought (keys come along), which is faster on large tables. A row
    whose key is absent or unknown gets NaN with code `.m` in the parent's columns. Where a parent
    has a key twice the first row counts; the reader refuses such tables before this.
    """
    start = tables[name]
    keep = None if columns is None else {*columns, *(key for key, _ in KEYS)}
    own = [c for c in start.values.columns if keep is None or c in keep]
    values, codes = start.values[own], start.codes[own]
    for key, parent in KEYS:
        if parent == name or parent not in tables or key not in values.columns:
            continue
        table = tables[parent]
        new = [c for c in table.values.columns if c not in values.columns]
        new = [c for c in new if keep is None or c in keep]
        if not new or key not in table.values.columns:
            continue
        place = positions(table.values[key], values[key])
        values = pd.concat([values, _take(table.values[new], place, values.index)], axis=1)
        taken = _take(table.codes[new], place, values.index)
        taken.loc[place.eq(-1).to_numpy()] = ".m"
        codes = pd.concat([codes, taken], axis=1)
    return Table(name=name, values=values, codes=codes)


def positions(keys: pd.Series, wanted: pd.Series) -> pd.Series:
    """Return where each wanted key first stands among `keys`, -1 where it does not.

    >>> positions(pd.Series(["a", "b"]), pd.Series(["b", "z"])).tolist()
    [1, -1]
    """
    index = pd.Index(keys.astype(object))
    first = pd.Series(np.arange(len(index)), index=index)[~index.duplicated()]
    found = wanted.astype(object).map(first)
    return found.where(wanted.notna(), np.nan).fillna(-1).astype(int)


def unit(tables: Mapping[str, Table]) -> str:
    """Return the table with one row per interview: visits, or participants in a one-visit study."""
    return "visits" if "visits" in tables else "participants"


def first_visits(rows: Table) -> pd.Series:
    """Return True for the first row of each participant: by visit_no, else date, else order."""
    values = rows.values
    if "participant_id" not in values.columns:
        return pd.Series(True, index=values.index)
    by = next((c for c in ("visit_no", "date") if c in values.columns), None)
    ordered = values.sort_values(by, kind="stable") if by else values
    repeated = ordered["participant_id"].duplicated()
    return (~repeated).reindex(values.index)


def _take(frame: pd.DataFrame, place: pd.Series, index: pd.Index) -> pd.DataFrame:
    """Return rows of the frame by position, absent rows (-1) as NaN, dtypes kept where possible."""
    numbered = frame.set_axis(pd.RangeIndex(len(frame)), axis=0)
    return numbered.reindex(place.to_numpy()).set_axis(index, axis=0)
