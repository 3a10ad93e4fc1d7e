"""Fits that are withheld look the same whether or not they could be had.

A model of one covariate that cannot be estimated has an empty cell: all women with an infection
are in one setting. Beside a withheld covariate "not estimable" would say just that. So all that a
withheld fit leaves behind is made the same in both cases: its numbers are replaced by withheld
ones, its record, its marks and what was made from it (random part, methods, audit, plots) go.

This is done for the fit of a withheld covariate alone, for the adjusted model that it is in and,
where the outcome is rare, for every fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from peerstats.disclosure.draft import FEW, Draft, under, with_block, with_numbers
from peerstats.results import Kind, Number, address
from peerstats.results.blocks import AuditBlock, GroupBlock, ModelBlock, Term
from peerstats.results.model_marks import BY_DESIGN


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A fit to hide: its key, the place of its numbers and the covariates in it."""

    key: str
    place: str
    terms: tuple[Term, ...]


def alone(block: ModelBlock, term: Term) -> Hidden:
    """Return the fit that has this covariate only."""
    if len(block.terms) == 1:
        return Hidden(key=block.key, place=address(block.key), terms=(term,))
    crude = address(block.key, "crude")
    return Hidden(key=f"{crude}.{address(term.variable)}", place=crude, terms=(term,))


def every(block: ModelBlock) -> Iterator[Hidden]:
    """Return all fits of a model."""
    yield Hidden(key=address(block.key, "null"), place=address(block.key, "null"), terms=())
    if len(block.terms) > 1:
        yield from (alone(block, term) for term in block.terms)
    yield Hidden(key=block.key, place=address(block.key), terms=block.terms)


def refused(block: ModelBlock) -> set[str]:
    """Return the keys of fits that could not be had, or only by penalising what separates them."""
    sorts = ("not_estimable", "not_converged", "penalised")
    return {m.where for m in block.marks if m.sort in sorts}


def separated(block: ModelBlock) -> set[str]:
    """Return the keys of penalised fits: somewhere they have an empty cell, also of covariates
    together, and an estimate that is finite by its penalty alone would give it back."""
    return {m.where for m in block.marks if m.sort == "penalised"}


def hide(draft: Draft, key: str, fits: Iterable[Hidden], ours: tuple[str, ...]) -> Draft:
    """Hide fits of a model block; marks with one of `ours` as their sentence stay."""
    for fit in fits:
        block = draft.results.blocks[key]
        if isinstance(block, ModelBlock) and fit.key in {*block.fits, *refused(block)}:
            draft = _hide(draft, block, fit, ours)
    return draft


def _hide(draft: Draft, block: ModelBlock, fit: Hidden, ours: tuple[str, ...]) -> Draft:
    draft = with_numbers(draft, _withheld(block, fit), _of_fit(draft, block, fit))
    adjusted = fit.key == block.key
    owned = {fit.key, *(f"{fit.key}.{term.variable}" for term in fit.terms)}
    # What the number of sites refuses is refused whether or not there is a fit.
    designed = {m for m in block.marks if adjusted and m.sentence.endswith(BY_DESIGN)}
    marks = tuple(
        m for m in block.marks if m.where not in owned or m.sentence in ours or m in designed
    )
    known = {*block.fits, fit.key}
    fits = tuple(one.key for one in every(block) if one.key in known)
    block = replace(block, marks=marks, fits=fits)
    draft = with_block(draft, replace(block, inference=(), also=None) if adjusted else block)
    records = {k: record for k, record in draft.results.fits.items() if k != fit.key}
    draft = replace(draft, results=replace(draft.results, fits=records))
    return _without_groups(draft, block.key) if adjusted else draft


def _of_fit(draft: Draft, block: ModelBlock, fit: Hidden) -> list[str]:
    """Return the addresses of what a fit gave; how many women there are does not come from it."""
    if fit.key == block.key:
        others = under(draft.numbers, address(block.key, "null"), address(block.key, "crude"))
        found = [at for at in under(draft.numbers, fit.place) if at not in others]
    elif fit.terms:
        found = under(draft.numbers, *(f"{fit.place}.{address(t.variable)}" for t in fit.terms))
    else:
        found = under(draft.numbers, fit.place)
    return [at for at in found if draft.numbers[at].kind != "count"]


def _withheld(block: ModelBlock, fit: Hidden) -> Iterator[Number]:
    """Yield the numbers that a covariate is published with, withheld."""
    kinds: tuple[tuple[str, Kind], ...] = (
        (block.measure, "estimate"), ("low", "ci"), ("high", "ci"), ("p", "p_value"),
    )  # fmt: skip
    for term in fit.terms:
        for level in (v for v in term.levels if v.term is not None):
            own = address(term.variable, *((level.key,) if level.key else ()))
            for name, kind in kinds:
                yield Number(
                    address=f"{fit.place}.{own}.{name}",
                    kind=kind,
                    scale="none",
                    value=math.nan,
                    format="p" if name == "p" else "ratio",
                    fit=fit.key,
                    basis=0,
                    withheld=FEW,
                )


def _without_groups(draft: Draft, model: str) -> Draft:
    """Take out the audit and the plots of groups of a hidden model."""
    blocks = draft.results.blocks
    made = (AuditBlock, GroupBlock)
    plots = [k for k, b in blocks.items() if isinstance(b, made) and b.model == model]
    draft = with_numbers(draft, (), under(draft.numbers, *plots) if plots else ())
    kept = {k: b for k, b in blocks.items() if k not in plots}
    return replace(draft, results=replace(draft.results, blocks=kept))
