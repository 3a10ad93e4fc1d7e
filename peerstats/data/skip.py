"""Skip rules: which women were asked, and therefore which denominator an item has.

An empty cell has two meanings. Where the skip rule says that the question was not put it is `.a`,
part of the population that the question does not concern; where it was put it is `.m`, an answer
that was lost. Where the gate itself was not answered nobody knows, and the cell stays `.m`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from peerstats.data.codebook import STRUCTURAL_CODES, Codebook, Condition, Field
from peerstats.data.conditions import holds
from peerstats.data.linked import link
from peerstats.data.study import Finding, Study, Table
from peerstats.errors import UsageError, did_you_mean

# Columns of `denominators`, with the codes each counts.
COUNTED: Mapping[str, tuple[str, ...]] = {
    "structural": STRUCTURAL_CODES,
    "refused": (".r",),
    "dont_know": (".d",),
    "not_collected": (".x",),
    "unknown": (".m",),
    "answered": ("",),
}


def apply_skip(
    tables: Mapping[str, Table], codebook: Codebook
) -> tuple[dict[str, Table], tuple[Finding, ...]]:
    """Return the tables with `.a` where a skip rule says "not asked".

    Answers given all the same stay, so that the consistency rules see them; an item that has any is
    a finding. Applying it twice changes nothing, so it runs again once derived gates exist.
    """
    result: dict[str, Table] = {}
    findings: list[Finding] = []
    for name, table in tables.items():
        gated = [
            f for f in codebook.of_table(name) if f.asked_if and f.name in table.values.columns
        ]
        linked = (
            link(tables, name, {f.asked_if.variable for f in gated if f.asked_if})
            if gated
            else table
        )
        codes = table.codes.copy()
        for field in _gates_first(gated):
            if field.asked_if is None:
                continue
            gate = field.asked_if.variable
            of_gate = codes if gate in codes.columns else linked.codes
            if gate not in of_gate.columns:
                continue
            skipped = not_asked(field.asked_if, codebook, linked.values[gate], of_gate[gate])
            answered = (table.codes[field.name] == "").to_numpy()
            against = int((skipped & answered).sum())
            if against:
                findings.append(_against(name, field, against, int(skipped.sum())))
            for column in _companions(field, codes):
                to_mark = skipped & ~answered & (codes[column] != ".n").to_numpy()
                codes[column] = codes[column].mask(to_mark, ".a")
        result[name] = replace(table, codes=codes)
    return result, tuple(findings)


def not_asked(
    condition: Condition, codebook: Codebook, gate: pd.Series, gate_codes: pd.Series
) -> np.ndarray:
    """Return True in the rows where an item's skip rule says "not asked".

    A gate that was itself not asked (`.a`) or does not apply (`.n`) closes the item too.
    """
    met = holds(condition, gate, codebook.fields[condition.variable])
    known = (gate_codes == "").to_numpy()
    structural = gate_codes.isin(STRUCTURAL_CODES).to_numpy()
    return np.asarray((known & ~met) | structural)


def denominators(study: Study, unit: str) -> pd.DataFrame:
    """Return, for each variable of one table, who was asked and what became of the question.

    Rows are variables; columns are rows, asked, structural, refused, dont_know, not_collected,
    unknown and answered, with asked = rows - structural, the denominator of every percentage.
    """
    if unit not in study.tables:
        raise UsageError(f"The study has no table '{unit}'.{did_you_mean(unit, study.tables)}")
    codes = study.tables[unit].codes
    known = [name for name in codes.columns if name in study.codebook.fields]
    counts = {column: codes[known].isin(list(of)).sum() for column, of in COUNTED.items()}
    table = pd.DataFrame(counts, index=known).astype(int)
    table.insert(0, "rows", len(codes))
    table.insert(1, "asked", table["rows"] - table["structural"])
    return table


def _gates_first(gated: list[Field]) -> list[Field]:
    """Items in an order in which every gate stands before the items it opens."""
    names = {f.name: f for f in gated}
    ordered: dict[str, Field] = {}

    def place(field: Field, above: tuple[str, ...]) -> None:
        gate = names.get(field.asked_if.variable) if field.asked_if else None
        if gate is not None and gate.name not in ordered and gate.name not in above:
            place(gate, (*above, field.name))
        ordered.setdefault(field.name, field)

    for field in gated:
        place(field, ())
    return list(ordered.values())


def _companions(field: Field, codes: pd.DataFrame) -> list[str]:
    names = (field.name, f"{field.name}_low", f"{field.name}_high")
    return [n for n in names[: 3 if field.type == "duration" else 1] if n in codes.columns]


def _against(table: str, field: Field, count: int, skipped: int) -> Finding:
    return Finding(
        rule="skip",
        severity="warn",
        table=table,
        columns=(field.name,),
        count=count,
        checked=skipped,
        message=(
            f"'{field.name}' is answered in {count} of {skipped} rows where the skip rule "
            f"({field.asked_if}) says it was not asked."
        ),
    )
