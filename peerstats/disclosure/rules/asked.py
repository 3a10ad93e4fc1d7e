"""Skip rules: how many were asked is a cell of the variable that decides who is asked.

If nobody in a town was asked an item that only women in informal work are asked, nobody there is in
informal work; if everybody was, all are. Such an item is shown for everybody only. Where the answer
that decides is sensitive (whether she was deported), the two counts must be large in every group,
as that answer's own cells must. An answer that makes a woman eligible (that she has clients) is
known of every participant, and needs no protection.
"""

from __future__ import annotations

from peerstats.disclosure.draft import Draft, note, within
from peerstats.disclosure.partition import determined
from peerstats.disclosure.table_one import (
    baseline,
    baselines,
    groups_of,
    without_groups,
    without_variable,
)
from peerstats.results import address
from peerstats.results.blocks import ALL, BaselineVariable


def protect_skip_rules(draft: Draft) -> Draft:
    """Show an item for everybody only where its skip rule gives a group away."""
    for key in baselines(draft):
        for variable in baseline(draft, key).variables:
            if variable.skip_rule is None or variable.skip_open:
                continue
            title = f"{baseline(draft, key).title}: {variable.label}"
            if _gives_away(draft, key, variable, ALL):
                draft = without_variable(draft, key, variable.name)
                draft = note(draft, f"{title} left out, because of small numbers")
                continue
            groups = groups_of(baseline(draft, key), variable)
            if any(_gives_away(draft, key, variable, group) for group in groups):
                draft = without_groups(draft, key, variable)
                draft = note(draft, f"{title} shown for all women only, because of small numbers")
    return draft


def _gives_away(draft: Draft, key: str, variable: BaselineVariable, group: str) -> bool:
    """Whether nobody or everybody was asked, or the two counts fix each other."""
    place = within(address(key, variable.name), group, "asked")
    if place not in draft.numbers:
        return False
    asked, women = draft.count(place), draft.count(address(key, group, "n"))
    sensitive = draft.numbers[place].sensitive >= 2 and group != ALL
    if draft.policy.cells_large or sensitive:
        return draft.policy.small(asked) or draft.policy.small(women - asked)
    if asked in (0, women):
        return True
    few = draft.policy.small(min(asked, women - asked))
    return few and bool(determined([(asked,), (women - asked,)], draft.policy))
