"""Checks of a model: what may be shown of single sites, of residuals and of curves.

A site's observed percentage and its size are counts by site. An estimate without a site is worse:
an odds ratio with its interval gives back the table behind it, and the table of everybody less the
table without the site is the site's own. So a site is left out of such a figure when any of its
level-by-outcome cells is small, or any covariate's cell among those who are left.

Differencing. The sites that are shown, taken from everybody, are the sites that are not. A single
one of these would be found again, so the sites left out must be two or more and large in every cell
together; until they are, the site that is smallest of the others (by rounded size) joins them. Two
figures of the same estimate, by site and by venue, would single out the venue that is left out of a
site; so there is one such figure an outcome and exposure. What would be a figure of few sites is no
figure, as in plots of conditional modes.

A quantile of residuals lies between two women's residuals; it is shown where more women are beyond
it than a quartile of Table 1 needs. A curve goes no further than where more than a few women are.

What these figures say is said anew from what is left and as it is printed; see
`peerstats.disclosure.rules.readings`.
"""

from __future__ import annotations

from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, under, with_block, with_numbers, within
from peerstats.disclosure.rules.statistics import describes_few
from peerstats.results import Results, address
from peerstats.results.blocks import (
    CalibrationBlock,
    CheckBlock,
    InfluenceBlock,
    LinearityBlock,
    ModelBlock,
    ResidualBlock,
)

FEWEST_QUANTILES = 5
CELLS = "cell"


def protect_checks(draft: Draft) -> Draft:
    """Leave out what few women stand behind, and the checks of models that are withheld."""
    asked: set[tuple[str, str]] = set()
    for block in list(draft.results.blocks.values()):
        if not isinstance(block, CheckBlock):
            continue
        if _model_hidden(draft, block):
            draft = _without(draft, block.key)  # silently: a refused model leaves no trace either
        elif isinstance(block, CalibrationBlock | InfluenceBlock):
            question = _question(draft.results, block)
            if isinstance(block, InfluenceBlock) and question in asked:
                reason = "another figure shows the same estimate without other groups"
                draft = note(
                    _without(draft, block.key), f"{block.title}: left out, because {reason}"
                )
                continue
            asked.add(question)
            draft = _groups(draft, block)
        elif isinstance(block, ResidualBlock):
            draft = _quantiles(draft, block)
        elif isinstance(block, LinearityBlock):
            draft = _curves(draft, block)
    return draft


def _model_hidden(draft: Draft, block: CheckBlock) -> bool:
    """Whether nothing of the adjusted model is shown."""
    model = draft.results.blocks.get(block.model)
    if not isinstance(model, ModelBlock):
        return True
    places = under(draft.numbers, *(address(model.key, t.variable) for t in model.terms))
    found = [draft.numbers[at] for at in places]
    return not any(n.withheld is None and n.kind in ("estimate", "ci") for n in found)


def _question(results: Results, block: CalibrationBlock | InfluenceBlock) -> tuple[str, str]:
    model = results.blocks[block.model]
    outcome = model.outcome if isinstance(model, ModelBlock) else ""
    return (outcome, block.exposure.variable) if isinstance(block, InfluenceBlock) else ("", "")


def _without(draft: Draft, key: str) -> Draft:
    """Take out a block and its numbers."""
    draft = with_numbers(draft, (), under(draft.numbers, address(key)))
    blocks = {k: b for k, b in draft.results.blocks.items() if k != key}
    return replace(draft, results=replace(draft.results, blocks=blocks))


def _groups(draft: Draft, block: CalibrationBlock | InfluenceBlock) -> Draft:
    """Leave out groups with a small cell, and others until these cannot be found again."""
    kept = [g.key for g in block.groups]
    gone = [key for key in kept if _few(draft, block.key, key)]
    sizes = {key: draft.policy.rounded(sum(_cells(draft, block.key, key))) for key in kept}
    rest = sorted((key for key in kept if key not in gone), key=lambda key: sizes[key])
    while gone and rest and (len(gone) < 2 or _small_together(draft, block.key, gone)):
        gone.append(rest.pop(0))
    if len(rest) < draft.policy.least_modes:
        words = f"{block.title}: left out, because too few groups could be shown"
        return note(_without(draft, block.key), words)
    if not gone:
        return draft
    draft = with_numbers(draft, (), under(draft.numbers, *(address(block.key, g) for g in gone)))
    groups = tuple(g for g in block.groups if g.key not in gone)
    draft = with_block(draft, replace(block, groups=groups))
    return note(draft, f"{block.title}: groups left out, because of small numbers")


def _cells(draft: Draft, key: str, group: str) -> list[int]:
    places = under(draft.numbers, address(key, group, CELLS))
    return [draft.count(at) for at in places]


def _few(draft: Draft, key: str, group: str) -> bool:
    """Whether a group's cells, or what stands behind its numbers, are few; or it has no numbers."""
    cells = _cells(draft, key, group)
    values = [
        draft.numbers[at]
        for at in under(draft.numbers, address(key, group))
        if draft.numbers[at].kind in ("estimate", "ci", "mean")
    ]
    if not cells or not values or any(map(draft.policy.small, cells)):
        return True
    return any(describes_few(number, draft.policy) for number in values)


def _small_together(draft: Draft, key: str, groups: list[str]) -> bool:
    totals = map(sum, zip(*(_cells(draft, key, group) for group in groups), strict=True))
    return any(map(draft.policy.small, totals))


def _quantiles(draft: Draft, block: ResidualBlock) -> Draft:
    """Leave out the outer quantiles, beyond which few women are."""
    few = [
        item
        for item in block.quantiles
        if describes_few(draft.numbers[address(block.key, item.key, "value")], draft.policy)
    ]
    kept = tuple(item for item in block.quantiles if item not in few)
    if len(kept) < FEWEST_QUANTILES:
        return note(
            _without(draft, block.key), f"{block.title}: left out, because of small numbers"
        )
    gone = under(draft.numbers, *(address(block.key, item.key) for item in few)) if few else []
    return with_block(with_numbers(draft, (), gone), replace(block, quantiles=kept))


def _curves(draft: Draft, block: LinearityBlock) -> Draft:
    """Leave out curves that go where few women are."""
    few = [
        curve
        for curve in block.curves
        if draft.policy.small(draft.count(within(address(block.key, curve.variable), "outside")))
    ]
    kept = tuple(curve for curve in block.curves if curve not in few)
    if not kept:
        return note(
            _without(draft, block.key), f"{block.title}: left out, because of small numbers"
        )
    if not few:
        return draft
    gone = under(draft.numbers, *(address(block.key, curve.variable) for curve in few))
    draft = with_block(with_numbers(draft, (), gone), replace(block, curves=kept))
    return note(draft, f"{block.title}: curves left out, because of small numbers")
