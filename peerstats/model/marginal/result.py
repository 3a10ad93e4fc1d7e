"""A fitted marginal model: one frozen value whose names follow statsmodels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from peerstats.errors import UsageError
from peerstats.model.marginal.clusters import Equations
from peerstats.model.marginal.fitted import Fitted
from peerstats.model.marginal.sandwich import KINDS, covariance, determined_alone
from peerstats.model.prediction import check_choice

Array = NDArray[np.float64]

MANY_CLUSTERS = 40  # from it on, z may be asked for
FEW_DF = 3.0
LABELS = {
    "cr2": "cluster-robust, CR2 (Kauermann-Carroll)",
    "mancl_derouen": "cluster-robust, Mancl-DeRouen",
    "robust": "cluster-robust, uncorrected (Liang-Zeger)",
    "model": "model-based",
}


def check_reference(reference: str, clusters: int) -> None:
    """Raise UsageError for a reference that is unknown, or for z with few clusters."""
    check_choice("reference", reference, ("t", "z"))
    if reference == "z" and clusters < MANY_CLUSTERS:
        raise UsageError(
            f"With {clusters} clusters a z test rejects far too often; leave reference at 't' "
            f"(z needs {MANY_CLUSTERS} clusters)."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MarginalFit(Fitted):
    """A marginal model fitted by estimating equations; estimates are on the link's scale.

    `kind` names the covariance behind `bse`, tests and intervals, `df` the degrees of freedom of
    each coefficient's t (Bell & McCaffrey 2002). `correlation` is the working correlation;
    `sampled` tells sampling weights.
    """

    correlation: str
    kind: str
    reference: str
    freedom: Array
    equations: Equations
    sampled: bool = False

    def cov_params(self, kind: str | None = None) -> pd.DataFrame:
        """Covariance of the estimates by `kind`; the fit's own when None."""
        if kind is None or kind == self.kind:
            values = self.solution.covariance
        else:
            self._check_kind(kind)
            values = covariance(self.equations, kind)[0]
        return pd.DataFrame(values, index=self.design.names, columns=self.design.names)

    def with_covariance(self, kind: str, reference: str | None = None) -> MarginalFit:
        """Return the same fit with another covariance behind its tests and intervals."""
        reference = self.reference if reference is None else reference
        self._check_kind(kind)
        check_reference(reference, self.equations.clusters.count)
        values, df = covariance(self.equations, kind)
        solution = replace(self.solution, covariance=values)
        return replace(self, kind=kind, reference=reference, solution=solution, freedom=df)

    def _check_kind(self, kind: str) -> None:
        check_choice("covariance", kind, KINDS)
        if self.sampled and kind == "model":
            raise UsageError("sampling_weights need a sandwich: covariance 'cr2', not 'model'.")

    @property
    def df(self) -> pd.Series:
        """Degrees of freedom by term; infinite for a z reference, nan where there are none."""
        values = self.freedom if self.reference == "t" else np.full(len(self.freedom), np.inf)
        return pd.Series(values, index=self.design.names, name="df")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided Wald p-values from t with `df` degrees of freedom (z when asked for)."""
        far = -np.abs(self.tvalues.to_numpy(dtype=np.float64))
        tail = stdtr(self.freedom, far) if self.reference == "t" else ndtr(far)
        return pd.Series(2 * tail, index=self.design.names, name="p_value")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Wald intervals; columns 0 and 1 as in statsmodels."""
        upper = 1 - alpha / 2
        half = stdtrit(self.freedom, upper) if self.reference == "t" else ndtri(upper)
        return pd.DataFrame({0: self.params - half * self.bse, 1: self.params + half * self.bse})

    @property
    def scale(self) -> float:
        """φ, the variance over that of the family (the residual variance of a gaussian model)."""
        return self.equations.at.scale

    @property
    def alpha(self) -> float:
        """The working correlation of two rows of a cluster; 0 for independence."""
        return self.equations.alpha

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything a reader of the estimates should know, each in a sentence."""
        told = list(Fitted.messages.fget(self))  # type: ignore[attr-defined]
        if self.reference == "t":
            told += [_few(name, df) for name, df in self.df.items() if not df >= FEW_DF]
        if alone := determined_alone(self.equations):
            told.append(
                f"{alone} of {self.equations.clusters.count} clusters determine(s) an estimate "
                "alone: no variation between clusters can be seen there, and its standard error "
                "is too small. Merge levels or leave the covariate out."
            )
        return tuple(told)

    def _method(self) -> list[tuple[str, str]]:
        shown = f", correlation {self.alpha:.3f}" if self.correlation == "exchangeable" else ""
        return [
            ("Method", f"estimating equations, {self.correlation}{shown}"),
            ("Std errors", LABELS[self.kind]),
            ("Scale", f"{self.scale:.4g}"),
        ]

    def _columns(self) -> dict[str, pd.Series]:
        letter = "t" if self.reference == "t" else "z"
        df = {"df": self.df} if letter == "t" else {}
        return {letter: self.tvalues, **df, "p": self.pvalues}


def _few(name: object, df: float) -> str:
    if not np.isfinite(df):
        return f"'{name}' has no degrees of freedom between clusters, so no test or interval."
    return (
        f"'{name}' has {df:.1f} degrees of freedom between clusters: too few for a test that "
        "could find anything; read the interval only."
    )
