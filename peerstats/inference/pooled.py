"""The model without its random part: what marginal and score methods are made of.

They leave the dependence of women of one site to a sandwich, or to resampling of whole sites, so
their coefficients are population averages: with the logit nearer to 0 than those of a model with a
random intercept (Zeger, Liang & Albert 1988).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model
from peerstats.inference.layout import Level
from peerstats.inference.method import Question
from peerstats.model.design import Design, Grouping
from peerstats.model.families import Family
from peerstats.model.marginal.gee import answerable
from peerstats.model.refit import hold_column

Array = NDArray[np.float64]

FAMILIES = ("binomial", "poisson", "gaussian")


def without_random(question: Question) -> Design:
    """Return the fit's design without random part and groups; ModelError for other families."""
    design, family = question.fit.design, question.fit.family
    if family.name not in FAMILIES:
        raise ModelError(
            f"it is defined for {', '.join(FAMILIES)} models, not for {a_model(family)}"
        )
    formula = replace(design.formula, random=())
    nothing: Mapping[str, Grouping] = {}
    return replace(design, formula=formula, groups=nothing, random=())


def top_level(question: Question) -> Level:
    """Return the sites; ModelError where there are none."""
    top = question.where.top
    if top is None:
        raise ModelError("the rows have no sites, so there are no clusters to compare")
    return top


def clustered(question: Question, level: Level | None = None) -> Design:
    """Return the design without random part, the sites (or another level) as its only grouping."""
    level = top_level(question) if level is None else level
    levels = tuple(str(code) for code in range(level.count))
    grouping = Grouping(name=level.name, codes=level.codes, levels=levels)
    return replace(without_random(question), groups={level.name: grouping})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """The model with one coefficient held: the other columns W, residuals and their curvature.

    `residual` is dl/dη of each row, m (y - μ) for canonical links, and `weight` -d²l/dη², both at
    a residual variance of 1.
    """

    W: Array
    residual: Array
    weight: Array


def held(design: Design, family: Family, position: int, value: float) -> Held:
    """Fit the other coefficients with one held at a value; ModelError where they run away."""
    other = hold_column(design, position, value)
    ready = answerable(other, family)
    ones = np.ones(design.n)
    trials = ones if design.trials is None else design.trials
    weights = ones if design.weights is None else design.weights
    offset = 0.0 if other.offset is None else other.offset
    eta = other.X @ ready.fixed.beta + offset
    _, residual, weight = family.slopes(design.y, eta, trials * weights)
    return Held(W=other.X, residual=residual, weight=weight)
