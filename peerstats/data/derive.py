"""The derived variables of the data dictionary, computed where the tables allow it.

Each group of rules is a file in `derived/`; each rule says which columns it needs. A rule whose
columns are absent is passed over. A derived column that the source already has is kept as given;
`recomputed` gives what it would have been, so that the checks can compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from peerstats.data.codebook import Codebook
from peerstats.data.derived.absence import Column
from peerstats.data.derived.migration import MIGRATION
from peerstats.data.derived.outcomes import OUTCOMES, scale_scores
from peerstats.data.derived.source import Derivation, Source
from peerstats.data.derived.support import SUPPORT
from peerstats.data.derived.violence import VIOLENCE
from peerstats.data.linked import link, unit
from peerstats.data.study import Table


def derivations(codebook: Codebook) -> tuple[Derivation, ...]:
    """Return every rule in the order in which they build on each other."""
    return (*MIGRATION, *scale_scores(codebook), *OUTCOMES, *SUPPORT, *VIOLENCE)


def derive(tables: Mapping[str, Table], codebook: Codebook) -> Mapping[str, Table]:
    """Return the tables with every derived column that can be made and is not there yet.

    Migration variables are put on `participants`, practices of the management on `venues`, all
    others on `visits`, or on `participants` in a study without visits. Booleans, counts and scores
    are float64, categories have the codebook's levels with the reference first. An absent value
    has the code of the input that stopped it (`derived/absence.py`).
    """
    given = {name for table in tables.values() for name in table.values.columns}
    built = dict(tables)
    for rule in derivations(codebook):
        wanted = [name for name in rule.names if name not in given]
        place = _place(built, rule)
        if not wanted or place is None:
            continue
        made = _made(built, codebook, rule)
        new = {name: made[name] for name in wanted if name in made}
        built[place] = _with(built[place], new, codebook)
        given |= set(new)
    return built


def recomputed(
    tables: Mapping[str, Table], codebook: Codebook
) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield (table, name, values) for every derived column that was given and can be made again.

    Variables that compare a woman with the others (ps_z and its kin) are left out: they rightly
    change with the women who are in the tables.
    """
    seen: set[str] = {name for table in tables.values() for name in table.made}
    for rule in derivations(codebook):
        place = _place(tables, rule)
        if place is None or rule.relative:
            continue
        there = [n for n in rule.names if n in tables[place].values.columns and n not in seen]
        if not there:
            continue
        made = _made(tables, codebook, rule)
        for name in there:
            if name in made:
                seen.add(name)
                yield place, name, made[name][0]


def _place(tables: Mapping[str, Table], rule: Derivation) -> str | None:
    name = unit(tables) if rule.place == "unit" else rule.place
    return name if name in tables else None


def _made(
    tables: Mapping[str, Table], codebook: Codebook, rule: Derivation
) -> Mapping[str, Column]:
    """Return what the rule makes, or nothing where a table or column it needs is absent."""
    place = unit(tables) if rule.place == "unit" else rule.place
    rows = link(tables, place, {*rule.needs, *rule.may, "visit_no", "date"})
    if any(name not in rows.values.columns for name in rule.needs):
        return {}
    if rule.long:
        table, *columns = rule.long
        if table not in tables or any(c not in tables[table].values.columns for c in columns):
            return {}
    return rule.make(Source(tables=tables, codebook=codebook, rows=rows))


def _with(table: Table, new: Mapping[str, Column], codebook: Codebook) -> Table:
    """Return the table with the new columns last, categories with the codebook's levels."""
    if not new:
        return table
    values = {name: _typed(name, column[0], codebook) for name, column in new.items()}
    codes = {name: column[1].astype(object) for name, column in new.items()}
    return replace(
        table,
        values=pd.concat([table.values, pd.DataFrame(values)], axis=1),
        codes=pd.concat([table.codes, pd.DataFrame(codes)], axis=1),
        made=table.made | set(new),
    )


def _typed(name: str, values: pd.Series, codebook: Codebook) -> pd.Series:
    field = codebook.fields.get(name)
    if field is not None and field.type == "category":
        levels = [level.value for level in field.levels]
        return pd.Series(pd.Categorical(values, categories=levels), index=values.index)
    return values if values.dtype == object else values.astype(float)
