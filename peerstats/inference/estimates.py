"""What inference hands on: one row a coefficient, with the method or the reason there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import pandas as pd

from peerstats.inference.scale import EstimateScale

NONE = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One coefficient or one measure of a grouping factor, on the scale it names.

    `df` is infinite for a normal reference. `reason` says why `p_value` and the interval are
    missing, or is empty; `method` is in the words of a methods section.
    """

    term: str
    estimate: float
    std_error: float
    statistic: float = NONE
    df: float = NONE
    p_value: float = NONE
    conf_low: float = NONE
    conf_high: float = NONE
    method: str = ""
    scale: EstimateScale = "link"
    reason: str = ""


COLUMNS = tuple(f.name for f in fields(Estimate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence that has to stand beside a coefficient, a grouping factor or the whole fit.

    `about` is the coefficient's term, the grouping factor, or None for the whole fit.
    """

    about: str | None
    sort: Literal["singular", "few_groups", "no_p_value", "penalised", "sparse", "warning"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Estimates of one fit with intervals at level 1 − alpha.

    `frame` has the columns term, estimate, std_error, statistic, df, p_value, conf_low, conf_high,
    method, scale, reason, in the order of the design; a missing `p_value` has its `reason`.
    """

    frame: pd.DataFrame
    alpha: float
    remarks: tuple[Remark, ...] = ()
    kinds: tuple[str, ...] = ()  # of each row of a fit, such as "varies within sites"

    def row(self, term: str) -> Estimate:
        """Return the row of one term; KeyError when the fit has no such term."""
        found = self.frame[self.frame["term"] == term]
        if found.empty:
            raise KeyError(term)
        return _estimate(found)[0]

    def rows(self) -> tuple[Estimate, ...]:
        """Return all rows in order."""
        return tuple(_estimate(self.frame))

    def _methods(self) -> dict[str, list[str]]:
        """The terms that each method answers, and those that have the same reason for no test."""
        found: dict[str, list[str]] = {}
        for k, row in enumerate(self.rows()):
            kind = f", for what {self.kinds[k]}" if self.kinds and self.kinds[k] else ""
            words = row.reason or f"{row.method}{kind}"
            if words:
                found.setdefault(words, []).append(row.term)
        return found

    def _repr_html_(self) -> str:
        return self.frame.to_html(index=False, na_rep="", float_format=lambda v: f"{v:.4g}")

    def __repr__(self) -> str:
        shown = self.frame.drop(columns=["method", "reason"]).to_string(
            index=False, float_format=lambda v: f"{v:.4g}"
        )
        notes = [f"{', '.join(terms)}: {words}" for words, terms in self._methods().items()]
        own = set(self.frame["term"])
        for remark in self.remarks:
            if remark.sort != "no_p_value":  # whose reason stands above
                subject = f"{remark.about}: " if remark.about in own else ""
                notes.append(f"{subject}{remark.sentence}")
        return "\n".join([f"Estimates, {100 * (1 - self.alpha):g}% intervals", shown, *notes])


def _estimate(frame: pd.DataFrame) -> list[Estimate]:
    records = frame.to_dict("records")
    return [Estimate(**{str(name): value for name, value in record.items()}) for record in records]


def as_frame(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Put rows into a frame with the columns of `Estimates.frame`.

    >>> as_frame([Estimate(term="x", estimate=1.0, std_error=0.5)]).columns[0]
    'term'
    """
    records = [{name: getattr(row, name) for name in COLUMNS} for row in rows]
    frame = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    numbers = [f.name for f in fields(Estimate) if f.type == "float"]
    return frame.astype(dict.fromkeys(numbers, np.float64))
