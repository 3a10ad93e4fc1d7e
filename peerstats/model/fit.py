"""The door to the models: `fit(formula, data, family=..., method=...)`.

    parse formula → find family → choose engine → build design → check outcome → prepare arrays
    → check that the data can answer → fit

Everything that can be refused without data is refused before data are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from typing import Any, Literal, TypedDict, Unpack

from threadpoolctl import ThreadpoolController

from peerstats.errors import UsageError, did_you_mean
from peerstats.model.convergence import Convergence
from peerstats.model.design import Design, Weights, build_design
from peerstats.model.engines import Choices, Engine, choose_engine, run_engine
from peerstats.model.engines.fixed import prepare
from peerstats.model.estimable import check_estimable, check_outcome
from peerstats.model.families import Family, find_family
from peerstats.model.formula import Formula, parse_formula
from peerstats.model.limits import explain_limits
from peerstats.model.offset import Offset, add_offset
from peerstats.model.penalty import read_penalty, reported, with_penalty
from peerstats.model.prediction import check_choice
from peerstats.model.result import Fit
from peerstats.model.sampling import scale_weights, with_sandwich
from peerstats.model.zero_part import read_zero_formula

METHODS = ("laplace", "agq")
MOST_NODES = 101  # beyond it the weights of the outer nodes underflow


class FitOptions(TypedDict, total=False):
    """The options of `fit`.

    `link`: the family's own by default. `method`: "laplace" (default) or "agq" with `nodes`
    (default 25; one grouping factor; nodes=1 is Laplace). `reml`: for gaussian models, False by
    default. `weights`: frequency weights, an array or a column's name. `offset`: added to the
    linear predictor, in the same forms; new rows to predict need the column too, called `(offset)`
    where values were given. `zero_formula`: such as "~ urban" for the zero part of a zero-inflated
    or hurdle family (a constant by default). `penalty`, for models with random intercepts: "log_f"
    or "firth" on the slopes, "log_tau" on the random effects' SDs, or two of them
    (`peerstats.model.penalty`). `sampling_weights`: inverse probabilities of selection within a
    group, an array or a column's name (`peerstats.model.sampling`).
    """

    link: str | None
    method: Literal["laplace", "agq"]
    nodes: int
    reml: bool
    weights: Weights | None
    offset: Offset | None
    zero_formula: str | None
    penalty: str | Sequence[str] | None
    sampling_weights: Weights | None


def fit(
    formula: str | Formula,
    data: Any,
    family: str | Family = "binomial",
    **options: Unpack[FitOptions],
) -> Fit:
    """Fit a regression, with or without random intercepts.

    `formula` is in lme4 notation: `y ~ x + (1 | site)`, `cbind(cases, healthy) ~ x`,
    `offset(log(months))`. `data` is a DataFrame, a mapping of columns or a Sample. `family` is a
    name of `peerstats.model.families.FAMILIES` or a Family.

    Options, each described at `FitOptions`: `link`, `method`, `nodes`, `reml`, `weights`, `offset`,
    `zero_formula`, `penalty`, `sampling_weights`.

    Raises UsageError for a formula, variable or option that does not exist, DataError for values
    of the wrong kind, ModelError for a model the data cannot answer (separation, collinear
    columns, a single site). A fit that did not reach a maximum has `converged` False and says
    what to do in `messages`.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(20), 30)
    >>> risk = 1 / (1 + np.exp(-rng.normal(size=20)[site]))
    >>> model = fit("y ~ 1 + (1 | site)", {"y": rng.binomial(1, risk), "site": site})
    >>> model.converged, model.groups
    (True, {'site': 20})
    """
    link, weights, choices = _read_options(options)
    formula = parse_formula(formula) if isinstance(formula, str) else formula
    known = find_family(family, link)
    engine = choose_engine(formula, known, choices)
    penalty = read_penalty(options.get("penalty"), formula, known)
    zero = read_zero_formula(options.get("zero_formula"), formula, known)
    formula, data = add_offset(formula, data, options.get("offset"))
    sampled = options.get("sampling_weights") is not None
    design = build_design(formula, data, weights, known.outcome, zero)
    design, top = scale_weights(design, choices.reml or bool(penalty)) if sampled else (design, "")
    found = _fit_design(design, known, engine, choices, penalty)
    return with_sandwich(replace(found, sampled=top)) if sampled else found


def _fit_design(
    design: Design, family: Family, engine: Engine, choices: Choices, penalty: tuple[str, ...]
) -> Fit:
    """Check that the data can answer, then fit."""
    check_outcome(design, family)
    if family.for_outcome is not None:
        family = family.for_outcome(design.levels)
    # One thread: the matrices are narrow, and results do not depend on the machine's cores.
    with _one_thread():
        ready = with_penalty(prepare(design, family), penalty)
        check_estimable(ready)
        solution = reported(ready, run_engine(engine, ready, choices))
    solution = explain_limits(solution, design, family)
    quadrature = engine.name == "glmm" and choices.method == "agq" and choices.nodes > 1
    names = {"ols": "ols", "glm": "irls", "ml": "ml", "lmm": "reml" if choices.reml else "ml"}
    return Fit(
        formula=design.formula,
        family=family,
        method=names.get(engine.name, "agq" if quadrature else "laplace"),
        nodes=choices.nodes if quadrature else 1,
        design=design,
        solution=solution,
        penalty=penalty,
    )


def _one_thread() -> AbstractContextManager[Any]:
    # Setting what is set already takes longer than looking.
    pools = _pools()
    several = any(pool.num_threads > 1 for pool in pools.lib_controllers)
    return pools.limit(limits=1) if several else nullcontext()


@cache
def _pools() -> ThreadpoolController:
    # Looking the libraries up takes a third of a second; they do not change in a process.
    return ThreadpoolController()


def _read_options(options: FitOptions) -> tuple[str | None, Weights | None, Choices]:
    known = tuple(FitOptions.__annotations__)
    for name in options:
        if name not in known:
            raise UsageError(
                f"fit() has no option '{name}' (known: {', '.join(known)})."
                f"{did_you_mean(name, known)}"
            )
    method = options.get("method", "laplace")
    check_choice("method", method, METHODS)
    nodes = options.get("nodes", 25)
    if isinstance(nodes, bool) or not isinstance(nodes, int) or not 1 <= nodes <= MOST_NODES:
        raise UsageError(f"nodes must be a whole number from 1 to {MOST_NODES}.")
    weights, sampling = options.get("weights"), options.get("sampling_weights")
    if weights is not None and sampling is not None:
        raise UsageError("Give weights (frequencies) or sampling_weights, not both.")
    choices = Choices(method=method, nodes=nodes, reml=bool(options.get("reml", False)))
    return options.get("link"), weights if sampling is None else sampling, choices


__all__ = ["Convergence", "Fit", "FitOptions", "fit"]
