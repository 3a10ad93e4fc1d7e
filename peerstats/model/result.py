"""A fitted model: one frozen value whose names follow statsmodels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from peerstats.model import text
from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.families import Family
from peerstats.model.formula import Formula
from peerstats.model.prediction import check_choice, fitted_link, new_link

FEW_GROUPS = 12  # below it, Wald intervals of a mixed model are known to be too short


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A model fitted to data; estimates are on the link's scale (log odds, log rate, units).

    `method` is "laplace", "agq", "ml", "reml", "irls" or "ols"; `nodes` is 1 but for "agq".
    `solution` holds the engine's raw numbers.
    """

    formula: Formula
    family: Family
    method: str
    nodes: int
    design: Design
    solution: Solution

    @property
    def params(self) -> pd.Series:
        """Estimates by term."""
        return pd.Series(self.solution.beta, index=self.design.names, name="estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors by term, from the inverse of the full Hessian (variances included)."""
        p = len(self.solution.beta)
        variances = np.diag(self.solution.covariance)[:p]
        return pd.Series(np.sqrt(variances), index=self.design.names, name="std_error")

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the fixed effects."""
        p = len(self.solution.beta)
        names = self.design.names
        return pd.DataFrame(self.solution.covariance[:p, :p], index=names, columns=names)

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance of everything estimated: fixed effects, then log standard deviations.

        A standard deviation at zero has no log; its row and column are nan.
        """
        names = [*self.design.names, *(f"log sd({r.group})" for r in self.formula.random)]
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
        return pd.Series(2 * tail, index=self.design.names, name="p_value")

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
        """Log-likelihood with every constant (the restricted one for REML)."""
        return self.solution.loglik

    @property
    def df_model(self) -> int:
        """Number of parameters: fixed effects, variances, residual variance."""
        random = len(self.formula.random)
        return len(self.solution.beta) + random + int(self.solution.has_residual_sd)

    @property
    def nobs(self) -> int:
        """Rows used (the sum of the weights when there are frequency weights)."""
        weights = self.design.weights
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
        """Residual variance of a gaussian model, else 1."""
        return self.solution.dispersion

    @property
    def varcorr(self) -> pd.DataFrame:
        """Variance components: group, term, variance, sd, corr; the residual last, if any."""
        rows = [
            (random.group, "Intercept", sd**2, sd, np.nan)
            for random, sd in zip(self.formula.random, self.solution.sds, strict=True)
        ]
        if self.solution.has_residual_sd:
            rows.append(("Residual", "", self.dispersion, float(np.sqrt(self.dispersion)), np.nan))
        return pd.DataFrame(rows, columns=["group", "term", "variance", "sd", "corr"])

    def variance_interval(self, alpha: float = 0.05) -> pd.DataFrame:
        """Wald intervals for the variances, made on the log scale; nan for a variance of zero."""
        frame = self.varcorr[["group", "term", "variance"]].copy()
        p = len(self.solution.beta)
        spread = np.sqrt(np.diag(self.solution.covariance)[p:])
        half = ndtri(1 - alpha / 2) * 2 * spread
        with np.errstate(over="ignore", invalid="ignore"):
            frame["conf_low"] = frame["variance"] * np.exp(-half)
            frame["conf_high"] = frame["variance"] * np.exp(half)
        return frame

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Conditional modes by grouping factor: columns mode and sd, one row a level."""
        return {
            name: pd.DataFrame(
                {"mode": modes, "sd": sds},
                index=pd.Index(self.design.groups[name].levels, name=name),
            )
            for name, (modes, sds) in self.solution.modes.items()
        }

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {name: len(grouping.levels) for name, grouping in self.design.groups.items()}

    @property
    def dropped(self) -> dict[str, int]:
        """Rows left out for a missing value, by variable."""
        return dict(self.design.dropped)

    @property
    def convergence(self) -> Convergence:
        """What is known about the optimum."""
        return self.solution.convergence

    @property
    def converged(self) -> bool:
        """False when the numbers must not be used."""
        return self.convergence.converged

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        few = [
            f"'{name}' has {count} levels: Wald tests and intervals are too short below about "
            f"{FEW_GROUPS}; use a small-sample method."
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

        `kind` is "response" (risk, rate, mean) or "link". With `conditional` the groups' effects
        enter at their modes: the prediction is for that site. Without it they are 0: a typical
        site. For a curved link neither is the average over sites. A level the fit has not seen is
        refused (DataError) unless `new_levels="population"`, which gives it effect 0 and says so in
        `attrs["messages"]` of what is returned. Rows with a missing value are nan.
        """
        check_choice("kind", kind, ("response", "link"))
        check_choice("new_levels", new_levels, ("refuse", "population"))
        told: tuple[str, ...] = ()
        if newdata is None:
            fitted = fitted_link(self.design, self.solution, conditional)
            eta = pd.Series(fitted, index=self.design.rows)
        else:
            seen = "known" if new_levels == "refuse" else "any"
            which = seen if conditional else "none"
            eta, told = new_link(self.design, self.solution, newdata, which)
        values = eta if kind == "link" else self.family.inverse(np.asarray(eta, dtype=float))
        result = pd.Series(np.asarray(values), index=eta.index, name=self.formula.outcome)
        result.attrs["messages"] = told
        return result

    def _facts(self) -> list[tuple[str, str]]:
        lost = ", ".join(f"{count} without {name}" for name, count in self.dropped.items())
        counts = ", ".join(f"{count} {name}" for name, count in self.groups.items())
        parts = [f"{self.nobs} rows", counts, lost and f"left out: {lost}"]
        nodes = f" ({self.nodes} nodes)" if self.nodes > 1 else ""
        facts = [
            ("Model", str(self.formula)),
            ("Family", f"{self.family.name} ({self.family.link})"),
            ("Method", f"{self.method}{nodes}"),
            ("Data", "; ".join(part for part in parts if part)),
            ("Log-lik.", f"{self.llf:.2f}   AIC {self.aic:.2f}   BIC {self.bic:.2f}"),
            ("Converged", "yes" if self.converged else "NO"),
        ]
        singular = [("Singular", "yes: a variance is zero")] if self.convergence.singular else []
        return facts + singular

    def _shown(self) -> text.Shown:
        interval = self.conf_int()
        columns = {
            "estimate": self.params,
            "std error": self.bse,
            "t" if self._t_df else "z": self.tvalues,
            "p": self.pvalues,
            "2.5 %": interval[0],
            "97.5 %": interval[1],
        }
        frame = self.varcorr
        label = (frame["group"] + " " + frame["term"]).str.strip()
        return text.Shown(
            title=f"Model of {self.formula.outcome}",
            facts=self._facts(),
            fixed=pd.DataFrame(columns),
            random=frame[["variance", "sd"]].set_index(pd.Index(label)),
            messages=self.messages,
        )

    def summary(self) -> str:
        """The fit as a text table."""
        return text.as_text(self._shown())

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        state = "" if self.converged else ", NOT converged"
        return f"<Fit: {self.formula}, {self.family.name}, {self.nobs} rows{state}>"

    def _repr_html_(self) -> str:
        return text.as_html(self._shown())
