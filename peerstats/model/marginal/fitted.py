"""What results of marginal, conditional and fixed-effects models share; statsmodels' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import UsageError
from peerstats.model import text
from peerstats.model.account import Account
from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.families import Family
from peerstats.model.formula import Formula
from peerstats.model.prediction import check_choice, read_rows, rows_of

Array = NDArray[np.float64]

RATIOS = {"log": "ratio", "logit": "odds ratio", "cloglog": "hazard ratio"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Fitted(Account):
    """Estimates on the link's scale with their covariance; subclasses give tests and intervals."""

    formula: Formula
    family: Family
    design: Design
    solution: Solution
    cluster: str

    def _kept(self) -> tuple[int, ...]:
        """The design's columns that have an estimate."""
        return tuple(range(len(self.design.columns)))

    @property
    def params(self) -> pd.Series:
        """Estimates by term."""
        names = [self.design.names[k] for k in self._kept()]
        return pd.Series(self.solution.beta[list(self._kept())], index=names, name="estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors by term."""
        spread = np.sqrt(np.diag(self.solution.covariance))
        return pd.Series(spread, index=self.params.index, name="std_error")

    @property
    def tvalues(self) -> pd.Series:
        """Estimate divided by standard error."""
        return (self.params / self.bse).rename("statistic")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values."""
        raise NotImplementedError

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Intervals; columns 0 and 1 as in statsmodels."""
        raise NotImplementedError

    def ratios(self, alpha: float = 0.05) -> pd.DataFrame:
        """Exponentiated estimates with their intervals: columns ratio, conf_low, conf_high.

        With a log link the ratios are of means (prevalence or rate ratios), with a logit link of
        odds. Raises UsageError for links whose coefficients are no logarithms of a ratio.
        """
        if self.family.link not in RATIOS:
            raise UsageError(
                f"Coefficients of a {self.family.link} link are not logarithms of a ratio; use "
                "the link 'log' or 'logit'."
            )
        interval = self.conf_int(alpha)
        columns = {"ratio": self.params, "conf_low": interval[0], "conf_high": interval[1]}
        with np.errstate(over="ignore"):
            return pd.DataFrame({name: np.exp(values) for name, values in columns.items()})

    @property
    def nobs(self) -> int:
        """Rows used (the sum of the weights when there are frequency weights)."""
        weights = self.design.weights
        return self.design.n if weights is None else round(float(weights.sum()))

    @property
    def groups(self) -> dict[str, int]:
        """Number of clusters, by the name of the variable."""
        return {self.cluster: len(self.design.groups[self.cluster].levels)}

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        return (*self.convergence.messages, *self.design.messages)

    def predict(self, newdata: Any = None, kind: str = "response") -> pd.Series:
        """Predict for the rows fitted or for new ones; rows with a missing value are nan.

        `kind` is "response" (risk, rate, mean) or "link". New rows need no cluster.
        """
        check_choice("kind", kind, ("response", "link"))
        rows = rows_of(self.design) if newdata is None else read_rows(self.design, newdata, "none")
        eta = rows.X @ self.solution.beta + rows.offset
        values = eta if kind == "link" else self.family.inverse(eta)
        return rows.whole(values, self.formula.outcome)

    def _method(self) -> list[tuple[str, str]]:
        """The headline facts of the method."""
        raise NotImplementedError

    def _columns(self) -> dict[str, pd.Series]:
        """The columns printed between the standard error and the interval."""
        raise NotImplementedError

    def _shown(self) -> text.Shown:
        interval = self.conf_int()
        lost = ", ".join(f"{count} without {name}" for name, count in self.dropped.items())
        counts = ", ".join(f"{count} {name}" for name, count in self.groups.items())
        parts = [f"{self.nobs} rows", counts, lost and f"left out: {lost}"]
        return text.Shown(
            title=f"Model of {self.formula.outcome}",
            facts=[
                ("Model", str(self.formula)),
                ("Family", f"{self.family.name} ({self.family.link})"),
                *self._method(),
                ("Data", "; ".join(part for part in parts if part)),
                ("Converged", "yes" if self.converged else "NO"),
            ],
            fixed=pd.DataFrame(
                {
                    "estimate": self.params,
                    "std error": self.bse,
                    **self._columns(),
                    "2.5 %": interval[0],
                    "97.5 %": interval[1],
                }
            ),
            random=pd.DataFrame(),
            messages=self.messages,
        )

    def summary(self) -> str:
        """The fit as a text table."""
        return text.as_text(self._shown())

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        state = "" if self.converged else ", NOT converged"
        name = type(self).__name__
        return f"<{name}: {self.formula}, {self.family.name}, {self.nobs} rows{state}>"

    def _repr_html_(self) -> str:
        return text.as_html(self._shown())
