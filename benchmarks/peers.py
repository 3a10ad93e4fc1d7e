"""One model, fitted by one package: each function returns (run, loglik of what run returns).

    pip install glmm gpboost optuna scikit-learn      # the peers; peerstats does not need them

A package that is not installed, or that has not the model, gives None.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.genmod.families import Binomial, Gaussian, Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from peerstats.model.design import build_design
from peerstats.model.fit import fit
from peerstats.model.formula import parse_formula

Run = tuple[Callable[[], Any], Callable[[Any], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model to time: `r` is its call in R, `slopes` that a group has more than an intercept."""

    name: str
    data: str
    formula: str
    family: str = "binomial"
    nodes: int = 1
    r: str = ""
    slopes: bool = False


def peerstats(model: Model, data: pd.DataFrame) -> Run:
    options: dict[str, Any] = {}
    if model.nodes > 1:
        options = {"method": "agq", "nodes": model.nodes}
    return lambda: fit(model.formula, data, model.family, **options), lambda found: found.llf


def glmm(model: Model, data: pd.DataFrame) -> Run | None:
    try:
        import glmm as package
    except ImportError:
        return None
    family = model.family.replace("_", "")
    if family not in ("binomial", "poisson", "gaussian", "negativebinomial"):
        return None
    options: dict[str, Any] = {"nagq": model.nodes, "anova_test": "Wald"}
    if family == "gaussian":
        # Degrees of freedom are not part of our fit call either.
        options |= {"reml": False, "satterthwaite": False}
    return (
        lambda: package.fit(data, model.formula, family, **options),
        lambda found: found.loglik,
    )


LIKELIHOODS = {
    "binomial": "bernoulli_logit",
    "poisson": "poisson",
    "negative_binomial": "negative_binomial",
    "gaussian": "gaussian",
}


def gpboost(model: Model, data: pd.DataFrame) -> Run | None:
    """Timed from matrices, as it takes them; only intercepts, since its slopes are uncorrelated."""
    try:
        import gpboost as package
    except ImportError:
        return None
    if model.nodes > 1 or model.slopes or model.family not in LIKELIHOODS:
        return None
    plain, groups = without_random(model, data)
    likelihood, weights = LIKELIHOODS[model.family], None
    if plain.trials is not None:
        likelihood, weights = "binomial_logit", plain.trials

    def run() -> Any:
        found = package.GPModel(
            group_data=groups, likelihood=likelihood, weights=weights, num_parallel_threads=1
        )
        found.fit(y=plain.y, X=plain.X)
        found.get_coef(std_err=True)  # which it computes only when asked
        return found

    return run, lambda found: -found.get_current_neg_log_likelihood()


def without_random(model: Model, data: pd.DataFrame) -> tuple[Any, np.ndarray]:
    """The fixed part's design, and the columns of the groups."""
    formula = parse_formula(model.formula)
    groups = [part.group for part in formula.random]
    fixed = model.formula.split(" + (")[0]
    return build_design(fixed, data), data[groups].to_numpy().astype(str)


def plain_glm(model: Model, data: pd.DataFrame) -> Run | None:
    """statsmodels' GLM of the same columns without random effects, from arrays."""
    families = {"binomial": Binomial, "poisson": Poisson, "gaussian": Gaussian}
    if model.family not in families:
        return None
    design, _ = without_random(model, data)
    outcome: Any = design.y
    if design.trials is not None:
        yes = np.round(design.y * design.trials)
        outcome = np.column_stack([yes, design.trials - yes])
    glm = GLM(outcome, design.X, family=families[model.family]())
    return glm.fit, lambda found: found.llf


def formula_glm(model: Model, data: pd.DataFrame) -> Run | None:
    """The same from formula and data frame, as the other packages are called."""
    import statsmodels.formula.api as smf

    families = {"binomial": Binomial, "poisson": Poisson, "gaussian": Gaussian}
    fixed = model.formula.split(" + (")[0]
    if model.family not in families or "cbind" in fixed:
        return None
    family = families[model.family]()
    return lambda: smf.glm(fixed, data, family=family).fit(), lambda found: found.llf


PACKAGES = {
    "peerstats": peerstats,
    "glmm": glmm,
    "gpboost": gpboost,
    "GLM of arrays": plain_glm,
    "GLM of formula": formula_glm,
}


def quietly(run: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run()
