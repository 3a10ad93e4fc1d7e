"""The same question asked of two samples: the difference of two tables is a table of few women.

Two models of one outcome, one of them also adjusted for a question that three women refused, leave
out these three in one crude odds ratio and not in the other. Both ratios with their intervals give
back their 2×2 tables (in 9 of 10 pairs of 60 women, from what is printed), and the difference says
how many of the three had the outcome. So a covariate's estimate alone is shown in the first such
model only, unless the tables are the same or differ by many women in every cell.
"""

from __future__ import annotations

import itertools

from peerstats.disclosure.draft import FEW, Draft, note, under, withhold, within
from peerstats.results import address
from peerstats.results.blocks import ModelBlock, Term


def protect_samples(draft: Draft) -> Draft:
    """Withhold estimates whose table differs from that of an earlier model by few women."""
    blocks = [b for b in draft.results.blocks.values() if isinstance(b, ModelBlock)]
    for first, second in itertools.combinations(blocks, 2):
        if first.outcome != second.outcome:
            continue
        names = {term.variable for term in first.terms}
        for term in (t for t in second.terms if t.variable in names):
            cells = [_cells(draft, block, term) for block in (first, second)]
            if all(_shown(draft, block, term) for block in (first, second)) and _near(draft, cells):
                places = _estimates(draft, second, term)
                draft = note(
                    withhold(draft, places, FEW),
                    f"{second.title}: univariable estimate of {term.label} withheld, because the"
                    f" same estimate in \u201c{first.title}\u201d differs by few women",
                )
    return draft


def _place(block: ModelBlock, term: Term) -> str:
    """Return where the estimates of this covariate alone stand."""
    side = (block.key,) if len(block.terms) == 1 else (block.key, "crude")
    return address(*side, term.variable)


def _estimates(draft: Draft, block: ModelBlock, term: Term) -> list[str]:
    found = under(draft.numbers, _place(block, term))
    return [at for at in found if draft.numbers[at].kind not in ("count", "constant")]


def _shown(draft: Draft, block: ModelBlock, term: Term) -> bool:
    return any(draft.numbers[at].withheld is None for at in _estimates(draft, block, term))


def _cells(draft: Draft, block: ModelBlock, term: Term) -> dict[str, int]:
    """Return women of each level with and without the outcome, by level and outcome."""
    cells = {}
    for level in (v for v in term.levels if v.key):
        base = within(address(block.key, term.variable), level.key)
        events = draft.count(f"{base}.events")
        cells[f"{level.key} with"] = events
        cells[f"{level.key} without"] = draft.count(f"{base}.n") - events
    return cells


def _near(draft: Draft, cells: list[dict[str, int]]) -> bool:
    """Whether two tables differ, and by few women in some cell; a measurement has no table."""
    first, second = cells
    differences = [
        abs(first.get(cell, 0) - second.get(cell, 0)) for cell in first.keys() | second.keys()
    ]
    return any(differences) and any(map(draft.policy.small, differences))
