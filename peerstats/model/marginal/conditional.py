"""Conditional (fixed-effects) logit: each site's level cancels, only rows within a site compare.

parse → build design → columns that vary within groups → groups that hold both outcomes →
Newton on the exact conditional likelihood (recursion.py)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from peerstats.errors import ModelError, UsageError
from peerstats.model.columns import check_columns
from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.estimable import check_outcome
from peerstats.model.families import find_family
from peerstats.model.formula import Formula, parse_formula
from peerstats.model.marginal.fitted import Fitted
from peerstats.model.marginal.gee import clustered_design
from peerstats.model.marginal.recursion import Matched, evaluate, match_rows
from peerstats.model.marginal.within import VARIES, Within, centre, spread, within_columns

Array = NDArray[np.float64]

STEPS = 60
TIGHT = 1e-18  # decrement (squared length of the next step in standard errors)
GONE = 1e-4  # share of the information at 0 below which an estimate runs to infinity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConditionalFit(Fitted):
    """A conditional logit: log odds ratios within groups, with the exact likelihood's Wald z.

    `llf` and `llnull` are conditional log-likelihoods at the estimates and at zero; `uninformative`
    counts groups whose outcomes are all the same, which the likelihood does not see.
    """

    within: Within
    llf: float
    llnull: float
    uninformative: int
    informative_rows: int

    def _kept(self) -> tuple[int, ...]:
        return self.within.kept

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the estimates, the inverse of the exact information."""
        names = list(self.params.index)
        return pd.DataFrame(self.solution.covariance, index=names, columns=names)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided Wald p-values from z; for many informative rows only."""
        far = -np.abs(self.tvalues.to_numpy(dtype=np.float64))
        return pd.Series(2 * ndtr(far), index=self.params.index, name="p_value")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Wald intervals; columns 0 and 1 as in statsmodels."""
        half = ndtri(1 - alpha / 2) * self.bse
        return pd.DataFrame({0: self.params - half, 1: self.params + half})

    def predict(self, newdata: Any = None, kind: str = "link") -> pd.Series:
        """Predict log odds without the groups' levels, which a conditional model has not."""
        if kind != "link":
            raise UsageError(
                "A conditional logit has no level for a group, so it predicts no risks; ask for "
                "kind='link' (log odds up to the group's level), or use firth_logit()."
            )
        return Fitted.predict(self, newdata, kind)

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        told = list(self.within.message(self.cluster))
        if self.uninformative:
            told.append(
                f"{self.uninformative} of {self.groups[self.cluster]} level(s) of "
                f"'{self.cluster}' hold one outcome only and say nothing here; "
                f"{self.informative_rows} of {self.nobs} rows are compared."
            )
        return (*Fitted.messages.fget(self), *told)  # type: ignore[attr-defined]

    def _method(self) -> list[tuple[str, str]]:
        return [
            ("Method", f"exact conditional likelihood given the totals of {self.cluster}"),
            ("Log-lik.", f"{self.llf:.2f} (without covariates {self.llnull:.2f})"),
        ]

    def _columns(self) -> dict[str, pd.Series]:
        return {"z": self.tvalues, "p": self.pvalues}


def conditional_logit(formula: str | Formula, data: Any, groups: str) -> ConditionalFit:
    """Fit a logit model conditional on each group's number of yes.

    `formula` has no random part and its intercept cancels; columns constant within every group are
    left out and named in `messages`, groups with one outcome only are counted. The estimates are
    those of R's `clogit(method="exact")`.

    Raises UsageError, DataError and ModelError as `fit` does; ModelError also for a covariate that
    orders the outcomes within all groups (its estimate would be infinite).

    >>> pair = [1, 1, 2, 2, 3, 3, 4, 4]
    >>> data = {"case": [1, 0] * 4, "x": [1, 0, 1, 0, 0, 1, 1, 0], "pair": pair}
    >>> conditional_logit("case ~ x", data, "pair").params["x"].round(4)  # log(3 / 1)
    np.float64(1.0986)
    """
    formula = parse_formula(formula) if isinstance(formula, str) else formula
    family = find_family("binomial")
    design = clustered_design(formula, data, groups)
    check_outcome(design, family)
    within = within_columns(design, design.groups[groups])
    matched, informative = _match(design, groups, within)
    solution = _maximise(matched, design, within)
    return ConditionalFit(
        formula=formula,
        family=family,
        design=design,
        solution=solution,
        cluster=groups,
        within=within,
        llf=solution.loglik,
        llnull=evaluate(matched, np.zeros(len(within.kept)))[0],
        uninformative=len(design.groups[groups].levels) - len(matched.sizes),
        informative_rows=informative,
    )


def _match(design: Design, groups: str, within: Within) -> tuple[Matched, int]:
    """Rows of groups with both outcomes, a row a trial, and how many rows of the data they are."""
    codes = design.groups[groups].codes
    trials = np.ones(design.n) if design.trials is None else design.trials
    yes = np.round(design.y * trials).astype(np.intp)
    cases = np.bincount(codes, weights=yes)
    total = np.bincount(codes, weights=trials)
    both = (cases > 0) & (cases < total)
    if not both.any():
        raise ModelError(
            f"Within every level of '{groups}' the outcome is the same, so nothing can be compared "
            "within levels."
        )
    rows = np.flatnonzero(both[codes])
    times = trials[rows].astype(np.intp)
    written = np.repeat(rows, times)
    first = np.concatenate([[0], np.cumsum(times)[:-1]])
    nth = np.arange(len(written)) - np.repeat(first, times)
    X = design.X[:, list(within.kept)]
    offset = np.zeros(design.n) if design.offset is None else design.offset
    renamed = (np.cumsum(both) - 1)[codes[written]]
    y = (nth < yes[written]).astype(np.float64)
    # Centred covariates keep η near 0 and change nothing: totals are fixed within groups.
    centred = centre(X[written], renamed)
    columns = [design.columns[k] for k in within.kept]
    for column, size, whole in zip(columns, spread(centred), spread(X), strict=True):
        if size <= VARIES * whole:
            raise ModelError(_nothing(column.name))
    check_columns(centred, tuple(columns))
    return match_rows(centred, y, offset[written], renamed), len(rows)


def _maximise(matched: Matched, design: Design, within: Within) -> Solution:
    """Newton's method with step halving on the concave log-likelihood, from 0."""
    beta = np.zeros(len(within.kept))
    value, score, information = evaluate(matched, beta)
    first = np.diag(information)
    names = [design.names[k] for k in within.kept]
    for _ in range(STEPS):
        step = np.linalg.solve(information, score)
        decrement = float(step @ score)
        if decrement < TIGHT:
            break
        trial = evaluate(matched, beta + step)
        while not trial[0] >= value - 1e-12 * (1 + abs(value)):
            step = 0.5 * step
            trial = evaluate(matched, beta + step)
        beta, (value, score, information) = beta + step, trial
        left = np.diag(information) / first
        if left.min() < GONE:
            raise ModelError(_endless(names[int((np.abs(beta) * np.sqrt(first)).argmax())]))
    convergence = Convergence(
        converged=bool(decrement < 1e-8),
        gradient=float(np.sqrt(max(decrement, 0.0))),
        min_eigenvalue=float(np.linalg.eigvalsh(information / np.sqrt(np.outer(first, first)))[0]),
        messages=() if decrement < 1e-8 else ("The likelihood has no maximum: do not use this.",),
    )
    return Solution(
        beta=within.spread_out(beta, design),
        sds=np.zeros(0),
        covariance=np.asarray(np.linalg.inv(information), dtype=np.float64),
        loglik=value,
        dispersion=1.0,
        modes={},
        convergence=convergence,
    )


def _nothing(name: str) -> str:
    return (
        f"'{name}' does not vary within any group that holds both outcomes, so nothing is known "
        "about it here; leave it out."
    )


def _endless(name: str) -> str:
    return (
        f"The outcome is separated within the groups: '{name}' orders it perfectly, so its "
        "estimate would be infinite. Merge levels, leave the covariate out, or use firth_logit()."
    )
