"""Why each variable is in the model: without a reason there is no adjustment."""

from __future__ import annotations

from peerstats.results import Results
from peerstats.results.blocks import ModelBlock, Term
from peerstats.results.find import block_of
from peerstats.tables.table import Column, Row, Table


def build(results: Results, key: str) -> Table:
    """One row a term: its role and the reason the analysis file gives, exposures first."""
    block = block_of(results, key, ModelBlock)
    ordered = sorted(block.terms, key=lambda term: not term.exposure)
    return Table(
        key=f"adjustment-{key}",
        title=f"{block.title}: why each variable is in the model",
        stub="Variable",
        columns=(
            Column(key="role", label=("Role",), align="left"),
            Column(key="reason", label=("Reason",), align="left"),
        ),
        rows=tuple(
            Row(
                label=(term.label,),
                cells=(
                    ("exposure" if term.exposure else "adjustment",),
                    (_reason(term),),
                ),
            )
            for term in ordered
        ),
    )


def _reason(term: Term) -> str:
    if term.exposure:
        return "its association with the outcome is the question"
    return term.reason or "no reason given"
