"""Models: which estimates would describe single women.

An odds ratio, its interval and the number of women give back the 2×2 table behind it: 96 % of
tables of 31 women, from two decimals. Rounding the ratio does not help, so the design is judged. A
categorical term is withheld as a whole, crude and adjusted, when any of its level-by-outcome cells
is small: withholding one level would leave the others and the model to give it back. With it goes
the whole adjusted model: were its other covariates shown, a model without numbers would be one that
could not be estimated, and its small cell would be known to be empty. A fit is
withheld when its residual degrees of freedom are below 10 or it has more than 0.33 parameters per
woman (the limits of ACRO and DataSHIELD); everything is, when the outcome itself is rare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from peerstats.disclosure.draft import FEW, Draft, note, under, with_block, with_numbers, withhold
from peerstats.disclosure.rules.refusals import alone, every, hide, refused, separated
from peerstats.results import Number, address
from peerstats.results.blocks import Mark, ModelBlock, Term, TermLevel

TOO_RARE = "The estimates are withheld, because of small numbers."
TOO_RICH = (
    "This model is withheld: it has more parameters than its number of women can carry without"
    " describing single women."
)
TOO_SMALL = (
    "The model of all covariates is withheld: a covariate in it has small numbers. Merge its levels"
    " or leave it out."
)
OURS = (TOO_RARE, TOO_RICH, TOO_SMALL)


def protect_models(draft: Draft) -> Draft:
    """Withhold models, then terms, by the sizes of what stands behind them."""
    for block in list(draft.results.blocks.values()):
        if isinstance(block, ModelBlock):
            draft = _with_basis(_with_groups_of_women(draft, block), block)
            draft = _terms(_fits(draft, block), block)
    return draft


def _women(draft: Draft, block: ModelBlock) -> int:
    return draft.count(address(block.key, "n"))


def _outcome_cell(draft: Draft, block: ModelBlock) -> int:
    """Return the smaller of women with and without the outcome; all women where it is numeric."""
    women, events = _women(draft, block), address(block.key, "events")
    if events not in draft.numbers:
        return women
    return min(draft.count(events), women - draft.count(events))


def of_women(factor: str) -> bool:
    """Whether the groups of a factor are women, so that their number counts women.

    >>> of_women("site_id:participant_id"), of_women("site_id:venue_id")
    (True, False)
    """
    return factor.rsplit(":", 1)[-1] == "participant_id"


def _with_groups_of_women(draft: Draft, block: ModelBlock) -> Draft:
    """Let the number of groups be a count where the groups are women with several visits."""
    factors = [factor.key for factor in block.factors if of_women(factor.key)]
    places = [
        address(*model, factor, "groups")
        for factor in factors
        for model in ((block.key,), (block.key, "null"))
    ]
    found = [draft.numbers[at] for at in places if at in draft.numbers]
    return with_numbers(
        draft, [replace(n, kind="count", basis=round(n.value), parts=()) for n in found]
    )


def _with_basis(draft: Draft, block: ModelBlock) -> Draft:
    """Let a number without a basis stand on the model's outcome cell, which bounds it above."""
    cell = _outcome_cell(draft, block)
    changed = []
    for at in under(draft.numbers, block.key):
        number = draft.numbers[at]
        if number.basis is None or number.basis > cell:
            changed.append(replace(number, basis=cell) if number.kind != "constant" else number)
    return with_numbers(draft, changed)


def _fits(draft: Draft, block: ModelBlock) -> Draft:
    """Withhold fits that are too rich, and all of them when the outcome is rare."""
    if draft.policy.small(_outcome_cell(draft, block)):
        places = [at for at in under(draft.numbers, block.key) if not _structural(draft, at)]
        draft = hide(withhold(draft, places), block.key, every(block), OURS)
        return _marked(draft, block, block.key, TOO_RARE)
    women = draft.policy.lower(_women(draft, block))
    crude = address(block.key, "crude")
    rich = []
    for where, terms in _fitted(block):
        parameters = 1 + len(block.factors) + sum(map(_coefficients, terms))
        if (
            women - parameters < draft.policy.residual_df
            or parameters > draft.policy.parameter_share * women
        ):
            rich.append(where)
    if block.key in rich:
        inside = under(draft.numbers, crude, address(block.key, "null"))
        own = [at for at in under(draft.numbers, block.key) if at not in inside]
        places = [
            at for at in own if not _structural(draft, at) and draft.numbers[at].kind != "count"
        ]
        draft = _marked(withhold(draft, places), block, block.key, TOO_RICH)
    for where in (w for w in rich if w != block.key):
        draft = withhold(draft, under(draft.numbers, where))
    return hide(draft, block.key, [fit for fit in every(block) if fit.key in rich], OURS)


def _fitted(block: ModelBlock) -> Iterator[tuple[str, tuple[Term, ...]]]:
    """Return each fit's place and its terms: all of them, none, and each alone."""
    yield block.key, block.terms
    yield address(block.key, "null"), ()
    for term in block.terms:
        yield address(block.key, "crude", term.variable), (term,)


def _coefficients(term: Term) -> int:
    return sum(level.term is not None for level in term.levels)


def _structural(draft: Draft, at: str) -> bool:
    """Whether no woman stands behind it (a number of sites)."""
    return draft.numbers[at].kind == "constant"


def _marked(draft: Draft, block: ModelBlock, where: str, sentence: str) -> Draft:
    """Say it in the table itself and among the actions."""
    now = draft.results.blocks[block.key]
    if isinstance(now, ModelBlock):
        mark = Mark(where=where, sort="warning", sentence=sentence)
        draft = with_block(draft, replace(now, marks=(*now.marks, mark)))
    return note(draft, f"{block.title}: {sentence[0].lower()}{sentence[1:].rstrip('.')}")


def _terms(draft: Draft, block: ModelBlock) -> Draft:
    """Withhold terms with a small cell, and the adjusted model that has one among others."""
    few = block.key in separated(block)
    for term in block.terms:
        sides = (address(block.key, term.variable), address(block.key, "crude", term.variable))
        places = under(draft.numbers, *sides)
        rare = any(_rare(draft, side, level) for side in sides for level in term.levels)
        rare = rare or any(_unsafe(draft.numbers[at], draft) for at in places)
        fit = alone(block, term)
        if rare or fit.key in refused(block):
            draft = hide(withhold(draft, places, FEW), block.key, [fit], OURS)
            draft = note(draft, f"{block.title}: {term.label} withheld, because of small numbers")
            few = True
    now = draft.results.blocks[block.key]
    whole = isinstance(now, ModelBlock) and any(mark.sentence in OURS for mark in now.marks)
    if few and not whole and len(block.terms) > 1:
        adjusted = [fit for fit in every(block) if fit.key == block.key]
        draft = _marked(hide(draft, block.key, adjusted, OURS), block, block.key, TOO_SMALL)
    return draft


def _unsafe(number: Number, draft: Draft) -> bool:
    """Whether an estimate's own basis is small."""
    if number.kind in ("count", "constant"):
        return False
    return number.basis is None or draft.policy.small(number.basis)


def _rare(draft: Draft, side: str, level: TermLevel) -> bool:
    """Whether a level, or its women with or without the outcome, are few."""
    place = f"{side}.{address(level.key)}" if level.key else side
    n, events = f"{place}.n", f"{place}.events"
    if n not in draft.numbers:
        return False
    women = draft.count(n)
    cells = [women]
    if events in draft.numbers:
        cells += [draft.count(events), women - draft.count(events)]
    return any(map(draft.policy.small, cells))
