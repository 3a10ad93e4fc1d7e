"""Table 1 by site beside estimates of few sites: the one gives the other away.

Firth's estimate within sites follows from each site's women, how many of them have the covariate
and how many the outcome, and from one number more, how many have both. Rounded counts by site leave
few values to each, so that an estimate with its interval and the sizes of 3 sites of 15 to 25 women
gave back every cell of Table 1 by site that was printed as 3: 12 of 12 with exact totals, 3 of 3
with rounded ones, and still 8 of 12 from ratios of two digits. Without counts by site every number
of women is possible in each, which was not attacked. So the outcome and the covariates of a model
that shows any estimate are shown for everybody only where a site has a small cell of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from peerstats.disclosure.draft import Draft, note, under, within
from peerstats.disclosure.rules.sites import SITE
from peerstats.disclosure.table_one import baseline, baselines, groups_of, without_groups
from peerstats.results import address
from peerstats.results.blocks import BaselineVariable, ModelBlock

# Attacks were run on 3 sites only. More sites have more tables with the same rounded counts; that 8
# have enough of them to hide in is a judgement.
FEW_SITES = 8


def protect_margins(draft: Draft) -> Draft:
    """Show what few sites are compared in for everybody only, where a site has few."""
    modelled = set(_modelled(draft))
    for key in baselines(draft):
        for variable in baseline(draft, key).variables:
            if _by_few_sites(draft, key, variable, modelled) and _small(draft, key, variable):
                title = f"{baseline(draft, key).title}: {variable.label}"
                draft = without_groups(draft, key, variable)
                draft = note(draft, f"{title} shown for all women only, because of small numbers")
    return draft


def _modelled(draft: Draft) -> Iterator[str]:
    """Yield outcome and covariates of every model with an estimate that is shown."""
    for block in draft.results.blocks.values():
        if not isinstance(block, ModelBlock):
            continue
        numbers = [draft.numbers[at] for at in under(draft.numbers, address(block.key))]
        if any(
            n.kind in ("estimate", "ci") and n.withheld is None and not math.isnan(n.value)
            for n in numbers
        ):
            yield block.outcome
            for term in block.terms:
                yield from re.findall(r"\w+", term.variable)


def _by_few_sites(draft: Draft, key: str, variable: BaselineVariable, modelled: set[str]) -> bool:
    """Whether a variable of a model stands by few sites, or the sites by some variable."""
    block = baseline(draft, key)
    groups = groups_of(block, variable)
    if not groups or variable.numeric or not modelled:
        return False
    if block.sites:
        return len(groups) < FEW_SITES and variable.name in modelled
    return variable.name == SITE and len(variable.levels) < FEW_SITES


def _small(draft: Draft, key: str, variable: BaselineVariable) -> bool:
    at = address(key, variable.name)
    return any(
        draft.policy.small(draft.count(within(at, level.key, group, "n")))
        for level in variable.levels
        for group in groups_of(baseline(draft, key), variable)
    )
