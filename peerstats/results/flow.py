"""The flow diagram: how many women were approached, left out and analysed."""

from __future__ import annotations

from peerstats.data.study import FlowStep, Study
from peerstats.errors import DataError
from peerstats.results.blocks import FlowBlock
from peerstats.results.counting import count
from peerstats.results.number import Number, address


def flow(key: str, title: str, study: Study) -> tuple[FlowBlock, tuple[Number, ...]]:
    """Return the flow diagram of a study and its counts, B.S.n for step S.

    A step that stays in the flow is the sum of the women excluded right after it and of the next
    step; where that holds, the addresses of these are its parts. Raises DataError when two steps
    have the same key or a count is negative.
    """
    steps = study.flow
    _check(steps)
    numbers = []
    for i, step in enumerate(steps):
        parts = tuple(address(key, addend, "n") for addend in _addends(steps, i))
        numbers.append(count(address(key, step.key, "n"), step.count, parts=parts))
    rows = tuple((step.key, step.label, step.excluded) for step in steps)
    return FlowBlock(key=key, title=title, steps=rows), tuple(numbers)


def _check(steps: tuple[FlowStep, ...]) -> None:
    """Refuse a flow that names a step twice or counts fewer than nobody."""
    keys = [address(step.key) for step in steps]
    twice = sorted({k for k in keys if keys.count(k) > 1})
    if twice:
        raise DataError(f"The flow names the step '{twice[0]}' twice; give each step its own key.")
    negative = [step.key for step in steps if step.count < 0]
    if negative:
        raise DataError(
            f"The flow has a negative count at step '{negative[0]}'; check the study's eligibility"
            " and refusal counts."
        )


def _addends(steps: tuple[FlowStep, ...], i: int) -> tuple[str, ...]:
    """Return the keys of the steps that step i splits into, when their counts add up to it.

    >>> steps = (FlowStep(key="interviewed", label="Interviewed", count=52),
    ...          FlowStep(key="internal", label="Internal migrant", count=21, excluded=True),
    ...          FlowStep(key="analysed", label="Analysed", count=31))
    >>> _addends(steps, 0)
    ('internal', 'analysed')
    """
    if steps[i].excluded:
        return ()
    split: list[FlowStep] = []
    for step in steps[i + 1 :]:
        split.append(step)
        if not step.excluded:
            break
    else:
        return ()
    adds_up = sum(step.count for step in split) == steps[i].count
    return tuple(step.key for step in split) if adds_up else ()
