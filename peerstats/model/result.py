"""A fitted model: one frozen value whose names follow statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from peerstats.model import text
from peerstats.model.account import Account
from peerstats.model.coefficients import Coefficients, auxiliary_names, coefficients
from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.families import Family
from peerstats.model.formula import Formula
from peerstats.model.intervals import predict, predict_interval
from peerstats.model.limits import check_likelihood
from peerstats.model.random_effect import modes_frame, random_effects
from peerstats.model.summary import shown

if TYPE_CHECKING:
    from peerstats.model.bootstrap import Bootstrap
    from peerstats.model.profile import Profile

FEW_GROUPS = 12  # below it, Wald intervals of a mixed model are known to be too short


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit(Account):
    """A model fitted to data; estimates are on the link's scale (log odds, log rate, units).

    `method` is "laplace", "agq", "ml", "reml", "irls" or "ols"; `nodes` is 1 but for "agq".
    `solution` holds the engine's raw numbers. `sampled` names the factor that the sandwich of a fit
    with sampling weights is over; such a fit has no likelihood.
    """

    formula: Formula
    family: Family
    method: str
    nodes: int
    design: Design
    solution: Solution
    penalty: tuple[str, ...] = ()
    sampled: str = ""

    @property
    def _coefficients(self) -> Coefficients:
        return coefficients(self.design, self.family, self.solution)

    @property
    def params(self) -> pd.Series:
        """Estimates by term; thresholds `low|high` of an ordered outcome come first."""
        found = self._coefficients
        return pd.Series(found.values, index=found.names, name="estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors by term, from the inverse of the full Hessian (variances included)."""
        found = self._coefficients
        errors = np.sqrt(np.diag(found.covariance))
        return pd.Series(errors, index=found.names, name="std_error")

    def cov_params(self) -> pd.DataFrame:
        """Covariance of `params`."""
        found = self._coefficients
        return pd.DataFrame(found.covariance, index=found.names, columns=found.names)

    @property
    def auxiliary(self) -> pd.Series:
        """The family's own parameters on the scale they are estimated on, e.g. log theta."""
        names = auxiliary_names(self.design, self.family)
        return pd.Series(self.solution.auxiliary, index=names, name="estimate")

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance of everything estimated, on the scales it is estimated on.

        Fixed effects, the family's own parameters, log standard deviations (and atanh
        correlations). A standard deviation at zero has no log; its row and column are nan.
        """
        names = [*self.design.names, *auxiliary_names(self.design, self.family)]
        names += [name for block in self.design.random for name in block.parameter_names]
        names += ["log sd(Residual)"] if self.solution.has_residual_sd else []
        return pd.DataFrame(self.solution.covariance, index=names, columns=names)

    @property
    def tvalues(self) -> pd.Series:
        """Estimate divided by standard error."""
        return (self.params / self.bse).rename("statistic")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided Wald p-values; for many groups only.

        With a few sites they are too small. `peerstats.inference` chooses a method that holds its
        level and gives no p-value where none can be had. Least squares uses t, the rest z.
        """
        far = -np.abs(self.tvalues.to_numpy(dtype=np.float64))
        tail = stdtr(self._t_df, far) if self._t_df else ndtr(far)
        return pd.Series(2 * tail, index=self.params.index, name="p_value")

    @property
    def _t_df(self) -> int:
        return self.nobs - len(self.solution.beta) if self.method == "ols" else 0

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Wald intervals; columns 0 and 1 as in statsmodels. For many groups only (see pvalues)."""
        upper = 1 - alpha / 2
        half = (stdtrit(self._t_df, upper) if self._t_df else ndtri(upper)) * self.bse
        return pd.DataFrame({0: self.params - half, 1: self.params + half})

    @property
    def llf(self) -> float:
        """Log-likelihood with every constant (the restricted one for REML).

        Raises ModelError with sampling weights, as aic, bic and deviance then do.
        """
        check_likelihood(self, "llf, aic, bic and deviance")
        return self.solution.loglik

    @property
    def df_model(self) -> int:
        """Number of parameters: fixed effects, the family's own, (co)variances, residual."""
        sizes = [len(block.effects) for block in self.design.random]
        random = sum(k * (k + 1) // 2 for k in sizes)
        own = len(self.solution.beta) + len(self.solution.auxiliary)
        return own + random + int(self.solution.has_residual_sd)

    @property
    def nobs(self) -> int:
        """Rows used (the sum of the weights when there are frequency weights)."""
        weights = None if self.sampled else self.design.weights
        return self.design.n if weights is None else round(float(weights.sum()))

    @property
    def df_resid(self) -> int:
        """Rows minus parameters, as lme4 counts."""
        return self.nobs - self.df_model

    @property
    def aic(self) -> float:
        """-2 log-likelihood + 2 parameters."""
        return self.deviance + 2 * self.df_model

    @property
    def bic(self) -> float:
        """-2 log-likelihood + log(n) parameters."""
        return float(self.deviance + np.log(self.nobs) * self.df_model)

    @property
    def deviance(self) -> float:
        """-2 log-likelihood (not the residual deviance of a GLM)."""
        return -2 * self.llf

    @property
    def dispersion(self) -> float:
        """Residual variance of a gaussian model, glmmTMB's sigma of a family with one, else 1."""
        if self.family.reported is not None:
            return float(self.family.reported(self.solution.auxiliary))
        return self.solution.dispersion

    @property
    def varcorr(self) -> pd.DataFrame:
        """Variance components: group, term, variance, sd, corr; the residual last, if any.

        `corr` is the correlation with the first effect of the same term; `correlations` has all.
        """
        rows = []
        for effect in random_effects(self):
            sds = np.sqrt(np.diag(effect.covariance))
            with np.errstate(invalid="ignore", divide="ignore"):
                corr = effect.covariance[0] / (sds[0] * sds)
            for k, (name, sd) in enumerate(zip(effect.names, sds, strict=True)):
                value = float(corr[k]) if k else np.nan
                rows.append((effect.group, name, float(sd) ** 2, float(sd), value))
        if self.solution.has_residual_sd:
            variance = self.solution.dispersion
            rows.append(("Residual", "", variance, float(np.sqrt(variance)), np.nan))
        return pd.DataFrame(rows, columns=["group", "term", "variance", "sd", "corr"])

    @property
    def correlations(self) -> dict[str, pd.DataFrame]:
        """Correlations of the random effects, by term such as `(Intercept, age | site)`."""
        found = {}
        for effect in random_effects(self):
            sds = np.sqrt(np.diag(effect.covariance))
            with np.errstate(invalid="ignore", divide="ignore"):
                values = effect.covariance / np.outer(sds, sds)
            names = list(effect.names)
            label = f"({', '.join(names)} | {effect.group})"
            found[label] = pd.DataFrame(values, index=names, columns=names)
        return found

    def variance_interval(self, alpha: float = 0.05) -> pd.DataFrame:
        """Wald intervals for the variances, made on the log scale; nan for a variance of zero."""
        frame = self.varcorr[["group", "term", "variance"]].copy()
        spreads = np.sqrt(np.diag(self.solution.covariance))
        logs = [name.startswith("log sd(") for name in self.covariance.index]
        spread = spreads[np.array(logs, dtype=bool)]
        half = ndtri(1 - alpha / 2) * 2 * spread
        with np.errstate(over="ignore", invalid="ignore"):
            frame["conf_low"] = frame["variance"] * np.exp(-half)
            frame["conf_high"] = frame["variance"] * np.exp(half)
        return frame

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Conditional modes by grouping factor, one row a level.

        Columns are mode and sd, or `term` and `sd(term)` where a level has several effects.
        """
        return {name: modes_frame(self, name) for name in self.solution.modes}

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {name: len(grouping.levels) for name, grouping in self.design.groups.items()}

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        few = [
            f"'{name}' has {count} levels: the z tests and intervals of pvalues and conf_int() are "
            f"too narrow below about {FEW_GROUPS}."
            for name, count in self.groups.items()
            if count < FEW_GROUPS
        ]
        return (*self.convergence.messages, *self.design.messages, *few)

    def predict(
        self,
        newdata: Any = None,
        kind: str = "response",
        *,
        new_levels: str = "refuse",
        conditional: bool = True,
    ) -> pd.Series:
        """Predict for the rows fitted or for new ones.

        `kind` is "response" (risk, rate, mean), "link", or "population": the mean averaged over
        the distribution of the random effects, what a survey of many sites would see. For the
        others, with `conditional`, the groups' effects enter at their modes: the prediction is for
        that site. Without it they are 0: a typical site, which for a curved link is not the
        average. A level the fit has not seen is refused (DataError) unless
        `new_levels="population"`, which gives it effect 0 and says so in `attrs["messages"]` of
        what is returned. Rows with a missing value are nan.
        """
        return predict(self, newdata, kind, new_levels, conditional)

    def predict_interval(
        self,
        newdata: Any = None,
        kind: str = "response",
        alpha: float = 0.05,
        *,
        new_levels: str = "refuse",
        conditional: bool = True,
    ) -> pd.DataFrame:
        """Predict with intervals: columns prediction, std_error (link's scale), low and high.

        The intervals are for the mean of the rows' groups, not for a single outcome; see
        `peerstats.model.intervals` for what they take into account.
        """
        return predict_interval(self, newdata, kind, (new_levels, conditional), alpha)

    def profile(self, parameters: Sequence[str] | None = None) -> Profile:
        """Profile likelihood of coefficients, `sd(group term)` and correlations; all by default.

        The result's `conf_int(alpha)` are the profile intervals, `points` the zeta function.
        """
        from peerstats.model.profile import profile

        return profile(self, parameters)

    def simulate(
        self, rng: np.random.Generator, size: int = 1, effects: str = "new"
    ) -> pd.DataFrame:
        """Draw `size` new outcomes of every row, one column each.

        `effects` is "new" (random effects drawn anew) or "modes" (the same groups again).
        """
        from peerstats.model.simulation import simulate

        return simulate(self, rng, size, effects)

    def bootstrap(
        self,
        rng: np.random.Generator,
        size: int = 1_000,
        kind: str = "parametric",
        group: str | None = None,
        jobs: int = 1,
    ) -> Bootstrap:
        """Refit to `size` resamples, "parametric" or by "cluster" of `group`, in `jobs` processes.

        The numbers do not depend on `jobs`. See `peerstats.model.bootstrap`.
        """
        from peerstats.model.bootstrap import Resampling, bootstrap

        return bootstrap(self, rng, size, Resampling(kind=kind, group=group), jobs)

    def residuals(
        self,
        kind: str = "response",
        rng: np.random.Generator | None = None,
        *,
        conditional: bool = True,
    ) -> pd.Series:
        """Residuals: "response", "pearson", "deviance" or randomised "quantile" (needs `rng`)."""
        from peerstats.model.residuals import residuals

        return residuals(self, kind, rng, conditional)

    def overdispersion(self) -> pd.Series:
        """Sum of squared Pearson residuals over the residual degrees of freedom, with a test."""
        from peerstats.model.residuals import overdispersion

        return overdispersion(self)

    def influence(self, group: str | None = None, kind: str = "exact") -> pd.DataFrame:
        """Leave out one cluster of `group` at a time: shifts in SEs; "exact" or "one_step"."""
        from peerstats.model.influence import influence

        return influence(self, group, kind)

    def r_squared(self) -> pd.Series:
        """Nakagawa's marginal and conditional R², with the variances they are made of."""
        from peerstats.model.r_squared import r_squared

        return r_squared(self)

    def small_sample(self, method: str = "kenward_roger", alpha: float = 0.05) -> pd.DataFrame:
        """t tests of a gaussian mixed model: "satterthwaite" or "kenward_roger" df."""
        from peerstats.model.small_sample import small_sample

        return small_sample(self, method, alpha)

    def f_test(
        self, terms: Sequence[str] | None = None, method: str = "kenward_roger"
    ) -> pd.DataFrame:
        """F tests of a gaussian mixed model: each term's, or one of all `terms` together."""
        from peerstats.model.f_test import f_test

        return f_test(self, terms, method)

    def summary(self) -> str:
        """The fit as a text table."""
        return text.as_text(shown(self))

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        state = "" if self.converged else ", NOT converged"
        return f"<Fit: {self.formula}, {self.family.name}, {self.nobs} rows{state}>"

    def _repr_html_(self) -> str:
        return text.as_html(shown(self))
