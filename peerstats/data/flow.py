"""The flow diagram: women approached, eligible, interviewed, left out and analysed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peerstats.data.study import FlowStep, Table

_FIELD_WORK = (
    ("approached", "Approached", False),
    ("eligible", "Eligible", False),
    ("refused", "Refused to take part", True),
)


def build_flow(
    tables: Mapping[str, Table], left_out: Sequence[tuple[str, str, int]]
) -> tuple[FlowStep, ...]:
    """Return the steps from the sites' counts to the women analysed.

    `left_out` holds key, label and number of every exclusion, in order. A count of the field work
    is shown only when every site has it: a sum over some sites would be read as the whole.
    """
    sites = tables["sites"].values
    steps = [
        FlowStep(key=key, label=label, count=int(sites[key].sum()), excluded=excluded)
        for key, label, excluded in _FIELD_WORK
        if key in sites.columns and sites[key].notna().all()
    ]
    interviewed = len(tables["participants"].values)
    steps.append(FlowStep(key="interviewed", label="Interviewed", count=interviewed))
    for key, label, count in left_out:
        steps.append(FlowStep(key=key, label=label, count=count, excluded=True))
    analysed = interviewed - sum(count for _, _, count in left_out)
    steps.append(FlowStep(key="analysed", label="Analysed", count=analysed))
    return tuple(steps)
