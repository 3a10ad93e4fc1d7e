"""Engines: how a model is fitted. The first engine that does not refuse fits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.errors import ModelError
from peerstats.model.convergence import Solution
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.general import fit_general, fit_ml
from peerstats.model.engines.glm import fit_glm, fit_ols
from peerstats.model.engines.glmm import fit_glmm
from peerstats.model.engines.lmm import fit_lmm
from peerstats.model.families import Family
from peerstats.model.formula import Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the caller decided about the estimation."""

    method: str = "laplace"
    nodes: int = 25
    reml: bool = False


Refusal = Callable[[Formula, Family, Choices], str | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """A way to fit; `refuses` gives None or the reason it cannot, before any data are looked at."""

    name: str
    refuses: Refusal
    fit: Callable[[Prepared, Choices], Solution]


def _refuses_ols(formula: Formula, family: Family, choices: Choices) -> str | None:
    if formula.random:
        return "The model has a random part."
    return None if family.name == "gaussian" else "The outcome is not gaussian."


def _refuses_glm(formula: Formula, family: Family, choices: Choices) -> str | None:
    if formula.random:
        return "The model has a random part."
    if family.auxiliary:
        return f"{family!r} has parameters of its own."
    return None if family.glm_family is not None else f"{family!r} has no plain GLM."


def _refuses_ml(formula: Formula, family: Family, choices: Choices) -> str | None:
    if formula.random:
        return "The model has a random part."
    return None if family.auxiliary else f"{family!r} has a plain GLM."


def _refuses_lmm(formula: Formula, family: Family, choices: Choices) -> str | None:
    if family.name != "gaussian":
        return "The outcome is not gaussian."
    return None


def _refuses_glmm(formula: Formula, family: Family, choices: Choices) -> str | None:
    if family.has_dispersion:
        return f"{family!r} has a residual variance."
    if choices.reml:
        return "reml=True needs a gaussian outcome."
    if choices.method == "agq" and len({r.group for r in formula.random}) > 1:
        return (
            "Adaptive quadrature (method='agq') works with one grouping factor; "
            "use method='laplace' for several."
        )
    return None


def _fit_mixed(ready: Prepared, nodes: int) -> Solution:
    """Intercepts have likelihoods of their own, which are faster."""
    return fit_general(ready, nodes) if ready.problem.blocks else fit_glmm(ready, nodes)


# The order is the order of the questions: no random part, gaussian, anything else.
ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(name="ols", refuses=_refuses_ols, fit=lambda ready, c: fit_ols(ready.design)),
        Engine(
            name="glm",
            refuses=_refuses_glm,
            fit=lambda ready, c: fit_glm(
                ready.design, ready.family, ready.fixed.beta if ready.fixed.found else None
            ),
        ),
        Engine(name="ml", refuses=_refuses_ml, fit=lambda ready, c: fit_ml(ready)),
        Engine(name="lmm", refuses=_refuses_lmm, fit=lambda ready, c: fit_lmm(ready, c.reml)),
        Engine(
            name="glmm",
            refuses=_refuses_glmm,
            fit=lambda ready, c: _fit_mixed(ready, c.nodes if c.method == "agq" else 1),
        ),
    )
}


def run_engine(engine: Engine, ready: Prepared, choices: Choices) -> Solution:
    """Return what an engine finds; ModelError where its matrices cannot be inverted."""
    try:
        return engine.fit(ready, choices)
    except np.linalg.LinAlgError:
        raise ModelError(
            "The likelihood's curvature is singular, so no maximum was found: the data say too "
            "little for so many coefficients and variances. Simplify the model."
        ) from None


def choose_engine(formula: Formula, family: Family, choices: Choices) -> Engine:
    """Return the engine that fits this model, or raise ModelError with the reason none can."""
    reasons = {}
    for name, engine in ENGINES.items():
        reason = engine.refuses(formula, family, choices)
        if reason is None:
            return engine
        reasons[name] = reason
    raise ModelError(reasons["lmm" if family.name == "gaussian" else "glmm"])


__all__ = ["ENGINES", "Choices", "Engine", "Prepared", "choose_engine", "run_engine"]
