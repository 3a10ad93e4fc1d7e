"""The one gate: exact results go in, results that may leave the building come out."""

from __future__ import annotations

from dataclasses import replace

from peerstats.disclosure.audits import AUDITS
from peerstats.disclosure.draft import Draft
from peerstats.disclosure.policy import Policy
from peerstats.disclosure.rules import RULES
from peerstats.disclosure.rules.modes import secret_of
from peerstats.errors import DisclosureError
from peerstats.results import Clearance, Results


def release(results: Results, policy: Policy) -> Results:
    """Return results with every rule of the policy applied, and the clearance that says so.

    Tables, figures and sentences made from the returned value can show nothing that is protected:
    it holds no exact count, no extreme and no digit that is not printed. Blocks may have fewer
    groups, levels, bins, variables, and a plot of groups may be missing altogether. With profile
    `public` all numbers are as they were. Raises DisclosureError for results that passed the gate
    before, for a kind of number without a rule, and when an audit recovers something.

    >>> from peerstats.disclosure import policy
    >>> empty = Results(analysis="a", title="A", synthetic=True, provenance="", numbers={},
    ...                 blocks={}, fits={})
    >>> release(empty, policy("standard")).clearance.rounding
    'midpoint-6 (1 to 6 as 3)'
    """
    if results.clearance is not None:
        raise DisclosureError(
            "These results have passed the gate already; give it the exact ones, so that nothing is"
            " rounded twice."
        )
    if policy.exact:
        return _cleared(results, policy, ())
    draft = Draft(results=results, policy=policy, secret=secret_of(results))
    for rule in RULES.values():
        draft = rule(draft)
    released = _cleared(draft.results, policy, draft.actions)
    found = [f for audit in AUDITS.values() for f in audit(results, released, policy)]
    if found:
        raise DisclosureError(*found)
    return released


def _cleared(results: Results, policy: Policy, actions: tuple[str, ...]) -> Results:
    """Sign the results."""
    clearance = Clearance(
        profile=policy.profile,
        reason=policy.reason,
        threshold=policy.threshold,
        rounding=policy.rounding,
        withheld=sum(n.withheld is not None for n in results.numbers.values()),
        actions=actions,
    )
    return replace(results, clearance=clearance)
