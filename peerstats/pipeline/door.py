"""The library's way in: load a study, or run an analysis file and look at its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from peerstats.data.study import Study
from peerstats.pipeline.compute import compute, load
from peerstats.pipeline.pipeline import write_report
from peerstats.pipeline.plan import Plan, find_analysis, make_plan
from peerstats.results import Number, Results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """The exact results of an analysis. They are for the team: nothing here has passed the gate."""

    plan: Plan
    study: Study
    results: Results

    def __getitem__(self, address: str) -> Number:
        """Return the number at an address, such as "m1.ps_z.or"."""
        return self.results.number(address)

    def frame(self) -> pd.DataFrame:
        """Return every number by address, with value, printed text, kind, scale and fit."""
        import pandas as pd

        columns = ("value", "printed", "kind", "scale", "se", "fit")
        rows = {a: [getattr(n, c) for c in columns] for a, n in self.results.numbers.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))

    def write(self, out: str | Path) -> list[Path]:
        """Write `private/` and the gated `release/` below `out`; return the files' paths."""
        return write_report(self.plan, self.study, self.results, Path(out))

    def __str__(self) -> str:
        lines = [self.results.title, "SYNTHETIC DATA" if self.results.synthetic else ""]
        lines += [
            f"{key}: {fit.formula} (n = {fit.nobs}{'' if fit.converged else ', NOT CONVERGED'})"
            for key, fit in self.results.fits.items()
            if "." not in key
        ]
        lines.append(f"{len(self.results.numbers)} numbers; see .frame(), .write(folder)")
        return "\n".join(line for line in lines if line)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def load_study(analysis: str | Path) -> Study:
    """Load and check the study of an analysis file; a shipped analysis may be named alone.

    Raises UsageError for mistakes in the file, DataError for data that are not as declared.

    >>> load_study("founding")
    <Study founding (SYNTHETIC): sites 3, participants 31, visits 31>
    """
    return load(make_plan(find_analysis(Path(analysis))))


def run(analysis: str | Path, *, out: str | Path | None = None, jobs: int = 1) -> Report:
    """Run an analysis file and return its exact results; with `out` also write the report there.

    Raises UsageError, DataError, ModelError or DisclosureError, each with all its problems.

    >>> run("bangladesh")["m1.urban.Y.or"].printed
    '2.08'
    """
    plan = make_plan(find_analysis(Path(analysis)))
    study = load(plan)
    report = Report(plan=plan, study=study, results=compute(plan, study, jobs=jobs))
    if out is not None:
        report.write(out)
    return report
