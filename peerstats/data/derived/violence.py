"""Violence of the last 6 months, from one row per perpetrator and type to one value per unit.

A cell is (perpetrator, type); a study's instrument is the cells that occur in its table. "Any" is 1
if one observed cell is 1, 0 only if every cell that applied is observed 0, and missing otherwise:
one unanswered cell never makes "none". A cell that was not asked because it never happened (`ever`
= 0) is 0. The cells of a partner do not apply (.n) to a woman without one, unless she answered.

Work-related perpetrators are clients, authorities, managers and peers; authorities are police,
immigration agents and health inspectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from peerstats.data.derived.absence import Column, any_of, ruling_code
from peerstats.data.derived.source import Derivation, Source, spread
from peerstats.data.study import Table

AUTHORITIES = ("police", "immigration", "health_inspector")
WORKPLACE = ("client", *AUTHORITIES, "manager", "peer")
BETWEEN = " / "


def violence(source: Source) -> Mapping[str, Column]:
    """Return every violence variable that the cells of the table allow."""
    values, codes = violence_cells(source)
    whole = {
        "client_any_6m": ("client",),
        "authority_any_6m": AUTHORITIES,
        "peer_any_6m": ("peer",),
        "any_workplace_6m": WORKPLACE,
    }
    made = {name: _any(values, codes, _by(values, who=who)) for name, who in whole.items()}
    made["any_violence_6m"] = _any(values, codes, list(values.columns))
    made["client_verbal_6m"] = _any(values, codes, _by(values, ("client",), ("verbal",)))
    severe = _by(values, ("client",), ("physical", "sexual"))
    made["client_phys_sex_6m"] = _any(values, codes, severe if len(severe) == 2 else [])
    made["partner_any_6m"] = _partner(source, _any(values, codes, _by(values, ("partner",))))
    made["n_perpetrators"] = _count_kinds(values, codes, 0)
    made["n_types"] = _count_kinds(values, codes, 1)
    return {name: column for name, column in made.items() if column is not None}


def violence_cells(source: Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return w6m per unit, one column "perpetrator / type" for each cell of the instrument."""
    long = _settled(source.tables["violence"])
    who = long.values["perpetrator"].astype(object)
    cell = (who + BETWEEN + long.values["type"].astype(object)).where(who.notna())
    values, codes = spread(source, long, cell, "w6m")
    if source.has("steady_partner"):
        alone = source.value("steady_partner") == 0
        for name in _by(values, ("partner",)):
            codes[name] = codes[name].mask(alone & values[name].isna(), ".n")
    return values, codes


def _settled(long: Table) -> Table:
    """Return the table with 0 where w6m was skipped because it never happened."""
    if "ever" not in long.values.columns:
        return long
    never = long.values["w6m"].isna() & long.codes["w6m"].eq(".a") & long.values["ever"].eq(0)
    return Table(
        name=long.name,
        values=long.values.assign(w6m=long.values["w6m"].mask(never, 0.0)),
        codes=long.codes.assign(w6m=long.codes["w6m"].mask(never, "")),
    )


def _by(values: pd.DataFrame, who: Sequence[str], kinds: Sequence[str] = ()) -> list[str]:
    pairs = [(name, *str(name).split(BETWEEN)) for name in values.columns]
    return [name for name, p, t in pairs if p in who and (not kinds or t in kinds)]


def _any(values: pd.DataFrame, codes: pd.DataFrame, cells: list[str]) -> Column | None:
    return any_of(values[cells], codes[cells]) if cells else None


def _partner(source: Source, column: Column | None) -> Column | None:
    """Keep the denominator: women with a steady partner; `.n` without, missing if not known."""
    if column is None or not source.has("steady_partner"):
        return None
    partner, code = source.value("steady_partner"), source.code("steady_partner")
    reason = code.mask(partner == 0, ".n").mask(partner.isna() & (code == ""), ".m")
    return column[0].where(partner == 1), column[1].where(partner == 1, reason)


def _count_kinds(values: pd.DataFrame, codes: pd.DataFrame, part: int) -> Column | None:
    """Count perpetrators (part 0) or types (part 1) with any; all that applied must be known."""
    kinds = sorted({str(name).split(BETWEEN)[part] for name in values.columns})
    if not kinds:
        return None
    each = {
        k: any_of(values[cells], codes[cells])
        for k in kinds
        if (cells := [n for n in values.columns if str(n).split(BETWEEN)[part] == k])
    }
    yes = pd.DataFrame({k: v for k, (v, _) in each.items()})
    why = pd.DataFrame({k: c for k, (_, c) in each.items()})
    structural = why.isin([".a", ".n"])
    known = (yes.notna() | structural).all(axis=1) & ~structural.all(axis=1)
    return yes.sum(axis=1).where(known), ruling_code(why, lost_first=True).where(~known, "")


VIOLENCE = (
    Derivation(
        names=(
            *("client_phys_sex_6m", "client_any_6m", "client_verbal_6m", "authority_any_6m"),
            *("peer_any_6m", "partner_any_6m", "any_workplace_6m", "any_violence_6m"),
            *("n_perpetrators", "n_types"),
        ),
        place="unit",
        make=violence,
        may=("steady_partner", "visit_no", "date"),
        long=("violence", "perpetrator", "type", "w6m"),
    ),
)
