"""The plan of a study as a value: sites, venues and women, outcome, exposure and effects.

A plan is a TOML file for `python -m peerstats.power`; docs/inference.md explains its keys.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from peerstats.errors import Problem, UsageError
from peerstats.spec.analysis import Section, Words
from peerstats.spec.document import Document, read_document
from peerstats.spec.read import describe

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Icc = Annotated[float, Field(ge=0.0, le=0.9)]
HIGHEST = 0.98  # a risk above it leaves nothing to compare


class DesignSection(Section):
    """How many sites, venues a site and women a venue; lists make a grid."""

    sites: tuple[Annotated[int, Field(ge=2, le=500)], ...] = Field(min_length=1)
    venues_per_site: Annotated[int, Field(ge=1, le=200)] = 1
    women_per_venue: tuple[Count, ...] = Field(min_length=1)


class OutcomePlan(Section):
    """How common the outcome is, and how alike women of a site and of a venue are (latent ICC)."""

    prevalence: Share
    icc_site: Icc = 0.05
    icc_venue: Icc = 0.0


class ExposurePlan(Section):
    """How common the exposure is, and whether women, venues or whole sites are exposed."""

    prevalence: Share = 0.5
    level: Literal["within", "venue", "site"] = "within"
    label: str = "the exposure"


class EffectPlan(Section):
    """The associations to look for, as prevalence ratios or odds ratios of all women."""

    measure: Literal["pr", "or"] = "pr"
    values: tuple[Annotated[float, Field(gt=0.0, le=50.0)], ...] = Field(min_length=1)


class PowerPlan(Section):
    """A whole plan file."""

    title: Words
    seed: int = Field(1, ge=0)
    replicates: int = Field(400, ge=50, le=100_000)
    target: Share = 0.8
    design: DesignSection
    outcome: OutcomePlan
    exposure: ExposurePlan = ExposurePlan()
    effect: EffectPlan


def read_plan(path: FilePath) -> PowerPlan:
    """Read and check a plan. Raises UsageError with every mistake and its line."""
    document = read_document(path, "plan")
    try:
        plan = PowerPlan.model_validate(document.content)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise UsageError(*(describe(fault, document, PowerPlan) for fault in faults)) from None
    problems = [*_effects(plan, document), *_layout(plan, document)]
    if problems:
        raise UsageError(*sorted(problems, key=lambda p: p.line or 0))
    return plan


def _effects(plan: PowerPlan, document: Document) -> list[Problem]:
    found = []
    for at, value in enumerate(plan.effect.values):
        if value == 1.0:
            message = "an effect of 1 is no effect; the type I error is always printed"
            found.append(document.problem(("effect", "values", at), message))
        elif max(risks(plan, value)) > HIGHEST:
            message = (
                f"a prevalence ratio of {value:g} with an outcome prevalence of "
                f"{plan.outcome.prevalence:g} gives a risk above {HIGHEST:g}; give a smaller one, "
                'or an odds ratio (measure = "or")'
            )
            found.append(document.problem(("effect", "values", at), message))
    return found


def _layout(plan: PowerPlan, document: Document) -> list[Problem]:
    found = []
    if plan.outcome.icc_site + plan.outcome.icc_venue >= 0.95:
        message = "icc_site and icc_venue add up to more than 0.95"
        found.append(document.problem(("outcome", "icc_venue"), message))
    if plan.exposure.level == "venue" and plan.design.venues_per_site < 2:
        message = "an exposure of venues needs two venues a site or more"
        found.append(document.problem(("design", "venues_per_site"), message))
    if plan.exposure.level == "within" and min(plan.design.women_per_venue) < 2:
        message = "an exposure of women needs two women a venue or more"
        found.append(document.problem(("design", "women_per_venue"), message))
    return found


def risks(plan: PowerPlan, effect: float) -> tuple[float, float]:
    """Return the risks of unexposed and exposed women that give the prevalence and the effect.

    With share q exposed and prevalence m, (1-q) p0 + q p1 = m, and p1 = PR p0 or the odds of p1
    are OR times those of p0.

    >>> from peerstats.spec.power import PowerPlan
    >>> plan = PowerPlan.model_validate({"title": "Two sites", "design": {"sites": [2],
    ...     "women_per_venue": [50]}, "outcome": {"prevalence": 0.3}, "effect": {"values": [2.0]}})
    >>> [round(p, 9) for p in risks(plan, 2.0)]
    [0.2, 0.4]
    """
    q, mean = plan.exposure.prevalence, plan.outcome.prevalence
    if plan.effect.measure == "pr":
        unexposed = mean / (1 - q + q * effect)
        return unexposed, unexposed * effect
    low, high = 0.0, 1.0
    for _ in range(60):
        unexposed = 0.5 * (low + high)
        exposed = unexposed * effect / (1 - unexposed + unexposed * effect)
        low, high = (
            (unexposed, high) if (1 - q) * unexposed + q * exposed < mean else (low, unexposed)
        )
    return unexposed, exposed
