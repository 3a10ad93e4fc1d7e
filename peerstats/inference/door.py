"""The door to inference: a formula and data in, estimates that keep their level out.

fit (penalised where the outcome is separated) → kinds of coefficients → rule → Estimates
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from peerstats.errors import ModelError, UsageError
from peerstats.inference.estimates import Estimates, Remark
from peerstats.inference.penalised import PENALTY
from peerstats.inference.rule import infer as infer_fit
from peerstats.model.engines.problem import make_problem
from peerstats.model.estimable import separating_columns
from peerstats.model.families import Family
from peerstats.model.fit import Fit, fit
from peerstats.model.formula import Formula

if TYPE_CHECKING:
    import pandas as pd


FINITE = "The estimates shown are penalised, which keeps them finite."


class InferOptions(TypedDict, total=False):
    """The options of `infer` that are not those of `fit`, with their defaults there."""

    rule: str
    sites: str | pd.Series | None
    alpha: float
    replicates: int
    seed: int


def infer(
    model: str | Formula | Fit,
    data: Any = None,
    family: str | Family = "binomial",
    **options: Any,
) -> Estimates:
    """Return estimates whose tests and intervals keep their level, or say why there are none.

    `model` is a formula in lme4 notation, to be fitted to `data`, or a fit. With `rule` "default"
    the data decide the method of each coefficient (`peerstats.inference.rule`); the name of a
    method asks for that one. `.frame` is on the link's scale; a missing p-value has its `reason`.

    Options: `sites` names the sites' grouping factor or is a Series with the site of each row (by
    default the outermost grouping factor); `alpha` (0.05); `replicates` (999) and `seed` of methods
    that resample; and the options of `fit`, to which a formula is handed on.

    Raises what `fit` raises, and UsageError for an unknown rule or option. A yes/no outcome that is
    separated is no error: its estimates are penalised, and a remark says so.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(["a", "b", "c"], 40)
    >>> x = rng.binomial(1, 0.5, 120)
    >>> data = {"y": rng.binomial(1, 0.3 + 0.2 * x), "x": x, "country": site == "a", "site": site}
    >>> found = infer("y ~ x + country + (1 | site)", data)
    >>> found.row("x").method
    "comparison within sites (an intercept for each), Firth's profile penalised likelihood ratio"
    >>> found.row("country[T.True]").reason
    'with 3 sites and 1 df this design cannot test a site-level exposure'
    """
    asked = {name: options.pop(name) for name in InferOptions.__annotations__ if name in options}
    first: tuple[Remark, ...] = ()
    if isinstance(model, Fit):
        if options or data is not None:
            raise UsageError("A fit has its data and options already; give infer() the fit only.")
        fitted = model
    else:
        fitted, first = describe(model, data, family, **options)
    found = infer_fit(fitted, **asked)
    return replace(found, remarks=(*first, *found.remarks))


def describe(
    formula: str | Formula, data: Any, family: str | Family = "binomial", **options: Any
) -> tuple[Fit, tuple[Remark, ...]]:
    """Fit a model, by its penalised likelihood and with remarks where the plain one has no end.

    The remarks name each coefficient that would be infinite. Raises the ModelError of the plain fit
    when the penalised one has no answer either.
    """
    try:
        return fit(formula, data, family, **options), ()
    except ModelError as problem:
        if options.get("penalty") is not None:
            raise
        try:
            fitted = fit(formula, data, family, **{**options, "penalty": PENALTY})
        except (ModelError, UsageError):
            raise problem from None
        if not fitted.converged:
            raise
        return fitted, tuple(_endless(fitted)) or (_remark(None, str(problem)),)


def _endless(fitted: Fit) -> Iterator[Remark]:
    problem = make_problem(fitted.design, fitted.family)
    for column in separating_columns(problem, fitted.design.columns, fitted.design.levels):
        sentence = "The outcome is separated: it predicts the outcome perfectly in some rows."
        yield _remark(column.name, sentence)


def _remark(about: str | None, sentence: str) -> Remark:
    return Remark(about=about, sort="penalised", sentence=f"{sentence} {FINITE}")
