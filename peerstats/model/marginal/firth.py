"""Firth's logit with site fixed effects: finite estimates, profile penalised likelihood ratios.

    parse → build design → columns that vary within sites → sum equal rows → maximise (jeffreys.py)

The test of b_k = c compares l* at its maximum with its maximum at b_k = c, both with the whole |I|
(Heinze & Schemper 2002); the interval holds every c that the test does not reject. Wald tests are
unreliable after shrinkage, so none are offered. The reference is χ² with 1 degree of freedom or,
a little more careful in small samples, F(1, N - J - p).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from peerstats.errors import DataError, ModelError
from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design, Weights
from peerstats.model.estimable import check_outcome
from peerstats.model.families import Family, find_family
from peerstats.model.formula import Formula, parse_formula
from peerstats.model.marginal.fitted import Fitted
from peerstats.model.marginal.gee import clustered_design
from peerstats.model.marginal.jeffreys import Maximum, SiteRows, maximise, sum_rows
from peerstats.model.marginal.profile import limit, profile_ratio
from peerstats.model.marginal.within import Within, within_columns
from peerstats.model.prediction import check_choice
from peerstats.model.variables import as_categories, as_frame, find_variable

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FirthFit(Fitted):
    """A logit model with an intercept a site, fitted by Firth's penalised likelihood.

    `llf` is the penalised log-likelihood, `rows` and `best` what its profiles start from.
    """

    within: Within
    rows: SiteRows
    best: Maximum
    reference: str

    def _kept(self) -> tuple[int, ...]:
        return self.within.kept

    @property
    def llf(self) -> float:
        """Penalised log-likelihood at its maximum (no binomial coefficients)."""
        return self.best.point.value

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the slopes, the inverse of the information; for description only."""
        names = list(self.params.index)
        return pd.DataFrame(self.solution.covariance, index=names, columns=names)

    @property
    def df(self) -> float:
        """Denominator of the F reference: persons - sites - slopes; infinite for χ²."""
        if self.reference == "chi2":
            return float("inf")
        return float(self.rows.n.sum()) - len(self.rows.starts) - len(self.best.point.b)

    def root(self, place: int, value: float = 0.0) -> float:
        """Signed root of the ratio statistic of one slope, by its place in `params`."""
        size = float(np.sqrt(profile_ratio(self.rows, self.best, place, value)))
        return float(np.copysign(size, self.solution.beta[self.within.kept[place]] - value))

    def end(self, place: int, root: float) -> float:
        """The value of one slope, above (root > 0) or below its estimate, at |root|."""
        return limit(self.rows, self.best, place, root)

    def likelihood_ratios(self, value: float = 0.0) -> pd.Series:
        """Profile penalised likelihood ratio statistic of each slope being `value`."""
        found = [profile_ratio(self.rows, self.best, k, value) for k in range(len(self.params))]
        return pd.Series(found, index=self.params.index, name="statistic")

    @property
    def pvalues(self) -> pd.Series:
        """P-values of the profile penalised likelihood ratio tests of 0."""
        found = self.likelihood_ratios().to_numpy(dtype=np.float64)
        return pd.Series(self._tail(found), index=self.params.index, name="p_value")

    def _tail(self, statistic: Array) -> Array:
        if np.isinf(self.df):
            return np.asarray(special.chdtrc(1, statistic))
        return np.asarray(special.fdtrc(1, self.df, statistic))

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Profile penalised likelihood intervals; columns 0 and 1 as in statsmodels."""
        infinite = np.isinf(self.df)
        most = special.chdtri(1, alpha) if infinite else special.fdtri(1, self.df, 1 - alpha)
        ends = [
            [limit(self.rows, self.best, k, side * float(np.sqrt(most))) for side in (-1, 1)]
            for k in range(len(self.params))
        ]
        return pd.DataFrame(ends, index=self.params.index)

    @property
    def site_effects(self) -> pd.DataFrame:
        """Intercept of each site with its standard error: columns intercept, std_error.

        They are log odds at the covariates' zero, finite also where a site is all yes or all no.
        """
        point = self.best.point
        mean = point.C / point.D[:, None]
        variance = 1.0 / point.D + np.einsum("jk,kl,jl->j", mean, self.solution.covariance, mean)
        levels = pd.Index(self.design.groups[self.cluster].levels, name=self.cluster)
        columns = {"intercept": point.alpha, "std_error": np.sqrt(variance)}
        return pd.DataFrame(columns, index=levels)

    def predict(self, newdata: Any = None, kind: str = "response") -> pd.Series:
        """Predict for the rows fitted or for new ones of the same sites.

        `kind` is "response" (risk) or "link". DataError for a site that was not fitted: its
        intercept is not known. Rows with a missing value are nan.
        """
        check_choice("kind", kind, ("response", "link"))
        base = Fitted.predict(self, newdata, "link")
        if newdata is None:
            added = self.best.point.alpha[self.design.groups[self.cluster].codes]
        else:
            added = self._intercepts(newdata)
        eta = base + added
        values = eta if kind == "link" else self.family.inverse(eta.to_numpy(dtype=np.float64))
        return pd.Series(np.asarray(values), index=base.index, name=base.name)

    def _intercepts(self, newdata: Any) -> Array:
        frame = as_frame(newdata)
        parts = [as_categories(find_variable(frame, name)) for name in self.cluster.split(":")]
        named = [[str(level) for level in part.categories] for part in parts]
        place = {level: i for i, level in enumerate(self.design.groups[self.cluster].levels)}
        found = np.full(len(frame), np.nan)
        for row in range(len(frame)):
            codes = [int(part.codes[row]) for part in parts]
            if min(codes) < 0:
                continue
            label = ":".join(names[code] for names, code in zip(named, codes, strict=True))
            if label not in place:
                raise DataError(
                    f"'{self.cluster}' has a level that was not fitted; a model with an intercept "
                    "for each level cannot predict for it. Use fit() with a random intercept."
                )
            found[row] = self.best.point.alpha[place[label]]
        return found

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        told = self.within.message(self.cluster)
        return (*Fitted.messages.fget(self), *told)  # type: ignore[attr-defined]

    def _method(self) -> list[tuple[str, str]]:
        shown = "chi-squared(1)" if np.isinf(self.df) else f"F(1, {self.df:.0f})"
        return [
            ("Method", f"Firth's penalised likelihood, an intercept for each {self.cluster}"),
            ("Tests", f"profile penalised likelihood ratio, {shown}"),
        ]

    def _columns(self) -> dict[str, pd.Series]:
        statistic = self.likelihood_ratios()
        found = self._tail(statistic.to_numpy(dtype=np.float64))
        return {"LR": statistic, "p": pd.Series(found, index=statistic.index)}


def firth_logit(
    formula: str | Formula,
    data: Any,
    groups: str,
    *,
    reference: Literal["chi2", "f"] = "chi2",
    weights: Weights | None = None,
) -> FirthFit:
    """Fit a logit model with one intercept for each site by Firth's penalised likelihood.

    Estimates are finite for every outcome that holds both values, also under separation. `groups`
    names the sites' variable; columns constant within every site are left out and named in
    `messages`. `weights` are frequency weights.

    Raises UsageError, DataError and ModelError as `fit` does.

    >>> site = [1] * 6 + [2] * 6
    >>> data = {"y": [0, 0, 0, 0, 1, 1] * 2, "x": [0, 0, 0, 0, 1, 1] * 2, "site": site}
    >>> model = firth_logit("y ~ x", data, "site")  # separated: ML is infinite
    >>> bool(2 < model.params["x"] < 5), bool(model.pvalues["x"] < 0.01)
    (True, True)
    """
    check_choice("reference", reference, ("chi2", "f"))
    formula = parse_formula(formula) if isinstance(formula, str) else formula
    family = find_family("binomial")
    design = clustered_design(formula, data, groups, weights)
    return fit_within(design, family, groups, reference)


def fit_within(design: Design, family: Family, groups: str, reference: str = "chi2") -> FirthFit:
    """Fit the columns of a design that vary within the levels of its grouping `groups`.

    Raises ModelError for an outcome that is the same in all rows, when no column varies within
    levels, or when those that do are collinear there.
    """
    _check_outcome(design, family)
    within = within_columns(design, design.groups[groups])
    best = maximise(rows := _site_rows(design, groups, within), _start(rows))
    return FirthFit(
        formula=design.formula,
        family=family,
        design=design,
        solution=_solution(design, within, best),
        cluster=groups,
        within=within,
        rows=rows,
        best=best,
        reference=reference,
    )


def _check_outcome(design: Design, family: Family) -> None:
    check_outcome(design, family)
    if np.ptp(design.y) == 0 and design.y[0] in (0.0, 1.0):
        raise ModelError(
            f"Outcome '{design.formula.outcome}' is the same in all {design.n} rows used; there is "
            "nothing to explain. Check the coding and the rows left out."
        )


def _site_rows(design: Design, groups: str, within: Within) -> SiteRows:
    ones = np.ones(design.n)
    trials = ones if design.trials is None else design.trials
    weights = ones if design.weights is None else design.weights
    offset = np.zeros(design.n) if design.offset is None else design.offset
    X = design.X[:, list(within.kept)]
    return sum_rows(X, design.y, trials * weights, offset, design.groups[groups].codes)


def site_log_odds(design: Design) -> Array:
    """Each site's log odds, half a yes and half a no added: Firth's estimate without slopes.

    `design` has the sites as its only grouping.
    """
    (groups,) = design.groups
    empty = replace(design, X=np.zeros((design.n, 0)))
    return _start(_site_rows(empty, groups, Within(kept=(), constant=())))[0]


def _start(rows: SiteRows) -> tuple[Array, Array]:
    """Each site's own log odds, half a yes and half a no added; slopes 0."""
    yes, total = rows.sums(rows.n * rows.y), rows.sums(rows.n)
    odds = (yes + 0.5) / (total - yes + 0.5)
    return np.log(odds) - rows.sums(rows.n * rows.offset) / total, np.zeros(rows.X.shape[1])


def _solution(design: Design, within: Within, best: Maximum) -> Solution:
    told = (
        "The penalised likelihood's maximum was not reached: do not use this; rescale covariates."
    )
    return Solution(
        beta=within.spread_out(best.point.b, design),
        sds=np.zeros(0),
        covariance=np.asarray(np.linalg.inv(best.point.S), dtype=np.float64),
        loglik=best.point.value,
        dispersion=1.0,
        modes={},
        convergence=Convergence(
            converged=best.reached,
            gradient=float(np.sqrt(max(best.decrement, 0.0))),
            min_eigenvalue=1.0,
            messages=() if best.reached else (told,),
        ),
    )
