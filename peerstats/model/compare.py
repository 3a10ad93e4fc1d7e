"""Likelihood-ratio tests of nested models.

Twice the difference of the log-likelihoods is compared with χ²_d, d the number of parameters added
(Wilks 1938). A variance that is zero under the smaller model lies on the edge of its range, where
that is wrong: with one variance added among the d, the statistic is a half-and-half mixture of
χ²_{d-1} and χ²_d (Self & Liang 1987, J Am Stat Assoc 82:605; Stram & Lee 1994, Biometrics 50:1171),

    p = ½ P(χ²_{d-1} > x) + ½ P(χ²_d > x),   χ²_0 being 0 always.

With several variances added the weights depend on the data; χ²_d then gives a p-value that is too
large, never too small, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from peerstats.errors import ModelError
from peerstats.model.formula import RandomTerm
from peerstats.model.limits import check_likelihood

if TYPE_CHECKING:
    from peerstats.model.result import Fit

SLACK = 1e-5  # log-likelihood units by which a larger model may fall short of a smaller one
OUTSIDE = 1e-8  # relative length of a column outside another model's columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A likelihood-ratio test: `statistic`, `df`, `p_value`, and what to know about them.

    `models` has one row a model: formula, parameters, loglik, aic, bic. `p_chi2` is the p-value of
    χ²_df without regard to the boundary, as lme4's anova prints it.
    """

    models: pd.DataFrame
    statistic: float
    df: int
    p_value: float
    p_chi2: float
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        shown = self.models.to_string(float_format=lambda v: f"{v:.2f}")
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        test = f"Likelihood ratio: chi2 = {self.statistic:.2f}, df = {self.df}, {p}"
        return "\n".join([shown, test, *self.remarks])

    def __repr__(self) -> str:
        return f"<Comparison: chi2 = {self.statistic:.2f}, df = {self.df}, p = {self.p_value:.3g}>"

    def _repr_html_(self) -> str:
        lines = str(self).splitlines()[len(self.models) + 1 :]
        table = self.models.to_html(float_format=lambda v: f"{v:.2f}", border=0)
        return table + "".join(f"<p>{escape(line)}</p>" for line in lines)


def anova(first: Fit, second: Fit) -> Comparison:
    """Compare two nested fits of the same rows by their likelihoods; the order does not matter.

    Raises ModelError when the fits are not comparable: other rows, outcome, family or method,
    REML with different fixed parts, or models of which neither contains the other.

    >>> from peerstats.model.fit import fit
    >>> data = {"y": [0, 1, 0, 1, 1, 1, 0, 0, 1, 0] * 6, "x": [0.0, 1.0, 2.0] * 20}
    >>> print(repr(anova(fit("y ~ 1", data), fit("y ~ x", data))))
    <Comparison: chi2 = 0.00, df = 1, p = 1>
    """
    small, large = sorted((first, second), key=lambda fit: fit.df_model)
    reason = _same_data(small, large) or _same_kind(small, large) or _not_nested(small, large)
    if reason:
        raise ModelError(reason)
    df = large.df_model - small.df_model
    gain = 2 * (large.llf - small.llf)
    added = _variances(large) - _variances(small)
    statistic = max(gain, 0.0)
    p_chi2 = float(chdtrc(df, statistic))
    p_value, remarks = p_chi2, []
    if added == 1:
        inner = float(chdtrc(df - 1, statistic)) if df > 1 else float(statistic == 0)
        p_value = 0.5 * (inner + p_chi2)
        remarks.append(
            f"A variance is tested at the edge of its range: p is of an equal mixture of "
            f"chi2({df - 1}) and chi2({df}); chi2({df}) alone would give {p_chi2:.3g}."
        )
    elif added > 1:
        remarks.append(f"{added} variances are tested at the edge of their range: p is too large.")
    if gain < -2 * SLACK:
        remarks.append("The larger model's fit is worse: its search ended short of the maximum.")
    return Comparison(
        models=_table(small, large),
        statistic=statistic,
        df=df,
        p_value=p_value,
        p_chi2=p_chi2,
        remarks=tuple(remarks),
    )


def _table(small: Fit, large: Fit) -> pd.DataFrame:
    rows = [(str(f.formula), f.df_model, f.llf, f.aic, f.bic) for f in (small, large)]
    return pd.DataFrame(rows, columns=["formula", "parameters", "loglik", "aic", "bic"])


def _variances(fit: Fit) -> int:
    return int((fit.varcorr["group"] != "Residual").sum())


def _equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def _same_data(small: Fit, large: Fit) -> str | None:
    check_likelihood(small, "likelihood-ratio test")
    check_likelihood(large, "likelihood-ratio test")
    a, b = small.design, large.design
    if a.n != b.n or not np.array_equal(a.rows, b.rows):
        return (
            f"The models use different rows ({a.n} and {b.n}): fit both to the rows complete in "
            "every variable."
        )
    if not (_equal(a.y, b.y) and _equal(a.trials, b.trials) and _equal(a.weights, b.weights)):
        return "The models have different outcomes or weights; their likelihoods do not compare."
    return None


def _same_kind(small: Fit, large: Fit) -> str | None:
    for fit in (small, large):
        if not fit.converged:
            return f"'{fit.formula}' did not reach a maximum: {' '.join(fit.convergence.messages)}"
    if small.penalty or large.penalty:
        return "Penalised fits have no likelihood-ratio test here; use profile() of the larger one."
    if (small.family.name, small.family.link) != (large.family.name, large.family.link):
        return f"The families differ ({small.family!r}, {large.family!r}); compare them by AIC."
    if "reml" in (small.method, large.method):
        if small.method != large.method:
            return "One model is fitted by REML and the other is not: use reml=False for both."
        if not (_contains(small, large) and _contains(large, small)):
            return (
                "REML likelihoods of different fixed parts do not compare: fit both models with "
                "reml=False."
            )
    both = {small.method, large.method}
    if both == {"laplace", "agq"} or ("agq" in both and small.nodes != large.nodes):
        return "The models approximate the likelihood differently: use one method and one 'nodes'."
    return None


def _contains(large: Fit, small: Fit) -> bool:
    """True when every column of the smaller fixed part is a combination of the larger's."""
    X, part = large.design.X, small.design.X
    if not part.shape[1]:
        return True
    if not X.shape[1]:
        return False
    left = part - X @ np.linalg.lstsq(X, part, rcond=None)[0]
    return bool(np.all(np.linalg.norm(left, axis=0) <= OUTSIDE * np.linalg.norm(part, axis=0)))


def _holds(term: RandomTerm, other: RandomTerm) -> bool:
    same = set(term.factors) == set(other.factors)
    return same and set(other.effects) <= set(term.effects)


def _not_nested(small: Fit, large: Fit) -> str | None:
    within = all(any(_holds(t, s) for t in large.formula.random) for s in small.formula.random)
    offset = [np.zeros(1) if f.design.offset is None else f.design.offset for f in (small, large)]
    if not (within and _contains(large, small) and np.all(offset[0] == offset[1])):
        return "Neither model contains the other: a likelihood-ratio test does not compare them."
    if large.df_model == small.df_model:
        return "The models have the same parameters: there is nothing to test."
    return None
