"""Measurements by group: a mean that is withheld in one group must not follow from the others.

The mean for everybody and the means of the other groups give back that of the last one, and with
few women in it nearly each woman's value: 19 fees with mean 460.9, of which 9 and 9 with means
427.8 and 458.9, leave one woman with 777. So a measurement of which some group's mean describes few
women is shown for everybody only, as a variable with levels is.
"""

from __future__ import annotations

from peerstats.disclosure.draft import Draft, note, within
from peerstats.disclosure.rules.statistics import describes_few
from peerstats.disclosure.table_one import baseline, baselines, groups_of, without_groups
from peerstats.results import address


def protect_measurements(draft: Draft) -> Draft:
    """Show a measurement for everybody only where a group's mean would be withheld."""
    for key in baselines(draft):
        for variable in baseline(draft, key).variables:
            block = baseline(draft, key)
            at = address(key, variable.name)
            means = [within(at, group, "mean") for group in groups_of(block, variable)]
            known = [draft.numbers[place] for place in means if place in draft.numbers]
            if variable.numeric and any(describes_few(mean, draft.policy) for mean in known):
                draft = note(
                    without_groups(draft, key, variable),
                    f"{block.title}: {variable.label} shown for all women only, because of small"
                    " numbers",
                )
    return draft
