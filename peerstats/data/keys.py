"""Keys: every row has its own, and what it points to exists.

A join is where data go wrong without a sound: a key that is absent joins other absent keys, a key
that is there twice multiplies rows, "Tapachula " is another town than "Tapachula". So all keys are
checked before the first join, and a child's key takes the spelling of its parent.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from peerstats.data.codebook import Codebook, TableKeys
from peerstats.data.linked import link
from peerstats.data.study import Table
from peerstats.errors import DataError, Problem

# A woman may have been met outside any venue, and says so with a typed code.
_MAY_BE_ABSENT = "venues"


def check_keys(
    tables: Mapping[str, Table], codebook: Codebook
) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Return the tables with every key in its parent's spelling, and notes on what was respelled.

    Raises DataError, one problem each, for keys that are absent, repeated or point nowhere, and for
    sites without participants.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    checked = dict(tables)
    for name, table in tables.items():
        keys = codebook.tables[name]
        problems += _own_key(table, keys)
        for column, target in keys.points_to.items():
            if column in table.values.columns and target in tables:
                parent = tables[target].values[codebook.tables[target].key[0]]
                checked[name], changed = _respelled(checked[name], column, parent)
                if changed:
                    notes.append(
                        f"table '{name}', column '{column}': {changed} values take the spelling "
                        f"of table '{target}'"
                    )
                problems += _pointer(checked[name], column, target, parent)
    if not problems:
        problems += _empty_sites(checked) + _two_women(checked)
    if problems:
        raise DataError(*problems)
    return checked, tuple(notes)


def _own_key(table: Table, keys: TableKeys) -> list[Problem]:
    columns = [c for c in keys.key if c in table.values.columns]
    total = len(table.values)
    found = []
    for column in columns:
        absent = int((table.codes[column] != "").sum())
        if absent:
            found.append(_problem(table, column, f"no key in {absent} of {total} rows."))
    folded = pd.DataFrame({c: _folded_column(table.values[c]) for c in columns})
    complete = folded.notna().all(axis=1)
    repeated = int(folded[complete].duplicated().sum())
    if repeated:
        what = " and ".join(columns)
        message = (
            f"{repeated} of {total} rows repeat the {what} of another row. Each row needs its own."
        )
        found.append(_problem(table, columns[-1], message))
    return found


def _folded_column(keys: pd.Series) -> pd.Series:
    return keys.astype(object).map({key: _folded(key) for key in keys.dropna().unique()})


def _folded(key: object) -> object:
    return key.casefold() if isinstance(key, str) else key


def _respelled(table: Table, column: str, parent: pd.Series) -> tuple[Table, int]:
    spelling = {_folded(key): key for key in parent.dropna()}
    old = table.values[column]
    respelt = {key: spelling.get(_folded(key), key) for key in old.dropna().unique()}
    new = old.map(respelt).astype(object)
    changed = int((old.notna() & (old != new)).sum())
    if not changed:
        return table, 0
    return Table(
        name=table.name, values=table.values.assign(**{column: new}), codes=table.codes
    ), changed


def _pointer(table: Table, column: str, target: str, parent: pd.Series) -> list[Problem]:
    codes, keys = table.codes[column], table.values[column]
    absent = codes == ".m" if target == _MAY_BE_ABSENT else codes != ""
    unknown = (codes == "") & ~keys.isin(set(parent.dropna()))
    total, found = len(keys), []
    if absent.any():
        way_out = " Give a typed code such as .n where there was none." * (target == _MAY_BE_ABSENT)
        message = f"no key in {int(absent.sum())} of {total} rows.{way_out}"
        found.append(_problem(table, column, message))
    if unknown.any():
        message = (
            f"{int(unknown.sum())} of {total} rows name a key that is not in table '{target}'. "
            "Correct them, or add its row there."
        )
        found.append(_problem(table, column, message))
    return found


def _empty_sites(tables: Mapping[str, Table]) -> list[Problem]:
    sites, women = tables["sites"], tables["participants"]
    used = set(women.values["site_id"])
    empty = int((~sites.values["site_id"].isin(used)).sum())
    if not empty:
        return []
    message = (
        f"{empty} of {len(sites.values)} sites have no participants. Remove them, or add the women."
    )
    return [_problem(sites, "site_id", message)]


def _two_women(tables: Mapping[str, Table]) -> list[Problem]:
    """Rows whose visit belongs to another woman than the row says."""
    found = []
    visits = tables.get("visits")
    for name, table in tables.items():
        columns = table.values.columns
        if visits is None or name == "visits" or not {"visit_id", "participant_id"} <= set(columns):
            continue
        alone = Table(name=name, values=table.values[["visit_id"]], codes=table.codes[["visit_id"]])
        owner = link({name: alone, "visits": visits}, name).values["participant_id"]
        other = int((owner != table.values["participant_id"]).sum())
        if other:
            message = f"{other} of {len(owner)} rows name a visit of another participant."
            found.append(_problem(table, "visit_id", message))
    return found


def _problem(table: Table, column: str, message: str) -> Problem:
    return Problem(message=message, table=table.name, column=column)
