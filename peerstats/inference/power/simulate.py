"""Power over a grid of designs, with the type I error beside it.

Each design is simulated without an effect, at the effects asked for, and on a ladder of effects
from which the smallest detectable one is read: probit(power) is nearly a straight line in the log
of the effect, so it is interpolated on that scale between the two rungs around the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from peerstats.inference.audit.tally import share_error
from peerstats.inference.audit.workers import each
from peerstats.inference.power.planned import draw, planned
from peerstats.inference.power.scores import ALPHA, analyse
from peerstats.inference.rule import LEAST_DF
from peerstats.model.refit import pools
from peerstats.spec.power import HIGHEST, PowerPlan, risks

LADDER = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
NULL_TIMES = 3  # times as many replicates without an effect: a type I error needs more
PART = 500  # replicates drawn and fitted at a time
CANNOT = "cannot be tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Power at one effect: share of tests that reject, its error, and the typical interval.

    `fold` is the factor by which the median 95 % interval reaches beyond the odds ratio on either
    side: 2 for an interval from half to twice the estimate.
    """

    effect: float
    power: float
    error: float
    fold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRow:
    """One design of the grid. `smallest` is nan where no possible effect reaches the target.

    `reason` is why the design cannot test the exposure; only its intervals are known then.
    """

    sites: int
    venues: int
    women_per_venue: int
    women: int
    df: float
    type1: float
    type1_error: float
    unanswered: float
    smallest: float
    found: tuple[Found, ...]
    reason: str = ""


Advance = Callable[[int, int], None]
Task = tuple[PowerPlan, int, int]


def simulate_power(
    plan: PowerPlan,
    *,
    jobs: int = 2,
    backend: str = "loky",
    advance: Advance = lambda done, of: None,
) -> tuple[DesignRow, ...]:
    """Return a row a design, in the order of sites and women; the same for any `jobs`."""
    tasks: list[Task] = [
        (plan, sites, women)
        for sites in dict.fromkeys(plan.design.sites)
        for women in dict.fromkeys(plan.design.women_per_venue)
    ]
    rows: dict[int, DesignRow] = {}
    advance(0, len(tasks))
    for at, row in each(_design, tasks, backend, jobs):
        rows[at] = row
        advance(len(rows), len(tasks))
    return tuple(rows[at] for at in range(len(tasks)))


def _design(task: Task) -> DesignRow:
    plan, sites, women = task
    study = planned(plan, sites, women)
    venues = sites * plan.design.venues_per_site
    refused = study.df < LEAST_DF
    with pools().limit(limits=1):
        null, answered = _at(task, 1.0, plan.replicates * NULL_TIMES)
        asked = tuple(_at(task, effect, plan.replicates)[0] for effect in plan.effect.values)
        smallest = math.nan if refused else _smallest(task, asked)
    noun = f"{plan.exposure.level}-level"
    reason = f"{CANNOT}: {max(study.df, 0):g} df for a {noun} exposure" if refused else ""
    return DesignRow(
        sites=sites,
        venues=venues,
        women_per_venue=women,
        women=venues * women,
        df=study.df,
        type1=math.nan if refused else null.power,
        type1_error=math.nan if refused else null.error,
        unanswered=1.0 - answered,
        smallest=smallest,
        found=tuple(_untested(one) for one in asked) if refused else asked,
        reason=reason,
    )


def _untested(found: Found) -> Found:
    return Found(effect=found.effect, power=math.nan, error=math.nan, fold=found.fold)


def _at(task: Task, effect: float, replicates: int) -> tuple[Found, float]:
    """Simulate one effect on one design; also the share of replicates with an answer."""
    plan, sites, women = task
    study = planned(plan, sites, women)
    rejected = answered = 0
    widths: list[float] = []
    for part in range(-(-replicates // PART)):
        size = min(PART, replicates - part * PART)
        key = (sites, women, round(effect * 1_000_000), part)
        rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=key))
        _, p, width = analyse(study, draw(study, effect, rng, size))
        answered += int(np.isfinite(p).sum())
        rejected += int((p < ALPHA).sum())
        widths += width[np.isfinite(width)].tolist()
    fold = math.exp(float(np.median(widths)) / 2) if widths else math.nan
    power = rejected / answered if answered else math.nan
    error = share_error(rejected, answered)
    return Found(effect=effect, power=power, error=error, fold=fold), answered / replicates


def _smallest(task: Task, asked: Sequence[Found]) -> float:
    """The smallest effect with the target power, interpolated; nan where there is none."""
    plan = task[0]
    down = min(plan.effect.values) < 1.0
    known = {one.effect: one.power for one in asked if (one.effect < 1.0) == down}
    before = (1.0, ALPHA)
    for rung in LADDER:
        effect = 1.0 / rung if down else rung
        if max(risks(plan, effect)) > HIGHEST:
            break
        power = known.get(effect)
        power = _at(task, effect, plan.replicates)[0].power if power is None else power
        if power >= plan.target:
            return _between(before, (effect, power), plan.target)
        before = (effect, max(power, before[1]))
    return math.nan


def _between(low: tuple[float, float], high: tuple[float, float], target: float) -> float:
    """Interpolate the effect at the target, probit(power) against log effect.

    >>> round(_between((1.5, 0.5), (2.0, 0.9), 0.8), 3)
    1.812
    """
    ends = [float(special.ndtri(min(max(power, 0.001), 0.999))) for _, power in (low, high)]
    share = (float(special.ndtri(target)) - ends[0]) / (ends[1] - ends[0])
    logs = math.log(low[0]), math.log(high[0])
    return math.exp(logs[0] + min(max(share, 0.0), 1.0) * (logs[1] - logs[0]))
