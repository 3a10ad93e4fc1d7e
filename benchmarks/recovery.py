"""Does the engine find the coefficients a synthetic study was drawn from?

    python -m benchmarks.recovery [--scale 40] [--seed 1] [--out benchmarks/results/recovery.csv]

Draws the border study at the given size, fits every outcome with its true model by Laplace and
prints estimate, truth and z = (estimate - truth) / SE of each coefficient. Main effects that are
zero in truth are in the models as well, so that a false finding would show. Two outcomes are fitted
again on data with losses, complete cases only: refusals depend on the site and the interviewer, so
the coefficients should still be found.

The bar: every |z| below 3 and about 95 % below 2. Variances are printed without a z: Laplace is
known to be a little low for them with a dozen women per venue.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peerstats.data.synthetic import generate
from peerstats.data.synthetic.reading import model_frame
from peerstats.model.fit import fit

MAIN = ("ps_z", "formal", "mex", "recent", "new_sw", "mobile", "deported")
WITH_LOSSES = ("ccu_clients", "hiv_test_12m")
GROUPS = "(1 | site_id/venue_id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One parameter: what it is, what was found, and how far that is off in standard errors."""

    outcome: str
    losses: bool
    rows: int
    term: str
    truth: float
    estimate: float
    std_error: float | None = None
    z: float | None = None


def formula_of(outcome: str, truth: Mapping[str, Any]) -> str:
    """Return the model an outcome was drawn from, with the main effects that are zero."""
    interactions = [term for term in truth["coefficients"] if ":" in term]
    return f"{outcome} ~ {' + '.join((*MAIN, *interactions))} + {GROUPS}"


def recover(outcomes: tuple[str, ...], *, seed: int, scale: int, missing: bool) -> Iterator[Line]:
    """Draw the study, fit the outcomes and yield one line per parameter."""
    study = generate("border", seed, scale=scale, missing=missing)
    frame = model_frame(study)
    for outcome in outcomes or tuple(study.truth["outcomes"]):
        truth = study.truth["outcomes"][outcome]
        start = time.perf_counter()
        found = fit(formula_of(outcome, truth), frame, family="binomial", method="laplace")
        assert found.converged, f"{outcome} did not converge"
        about = {"outcome": outcome, "losses": missing, "rows": int(found.nobs)}
        print(f"{outcome}: {found.nobs} rows, {time.perf_counter() - start:.1f} s", file=sys.stderr)
        for term, estimate in found.params.items():
            value = truth["coefficients"].get(term, 0.0)
            value = truth["intercept"] if term == "Intercept" else value
            error = float(found.bse[term])
            z = (estimate - value) / error
            yield Line(
                **about, term=term, truth=value, estimate=float(estimate), std_error=error, z=z
            )
        variances = found.varcorr.set_index("group")["variance"]
        for level, group in (("site", "site_id"), ("venue", "site_id:venue_id")):
            term, value = f"variance {level}", truth[f"{level}_variance"]
            yield Line(**about, term=term, truth=value, estimate=float(variances[group]))


def summary(lines: list[Line]) -> str:
    """Return the largest |z| and the share of coefficients inside two standard errors."""
    sizes = [abs(line.z) for line in lines if line.z is not None]
    inside = sum(size < 2 for size in sizes) / len(sizes)
    return f"{len(sizes)} coefficients: {inside:.1%} inside 2 SE, largest |z| {max(sizes):.2f}"


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--scale", type=int, default=40)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--out", type=Path, default=Path(__file__).parent / "results/recovery.csv")
    given = words.parse_args()
    size = {"seed": given.seed, "scale": given.scale}
    lines = [*recover((), **size, missing=False), *recover(WITH_LOSSES, **size, missing=True)]
    print(f"{'outcome':20}{'term':15}{'truth':>9}{'estimate':>10}{'SE':>9}{'z':>7}")
    for line in lines:
        name = line.outcome + ("*" if line.losses else "")
        off = f"{line.std_error:9.4f}{line.z:7.2f}" if line.z is not None else ""
        print(f"{name:20}{line.term:15}{line.truth:9.3f}{line.estimate:10.4f}{off}")
    print(summary(lines), "(* with losses)")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*size, *Line.__slots__], lineterminator="\n")
        table.writeheader()
        table.writerows(size | asdict(line) for line in lines)
    print(given.out)
    return int(any(abs(line.z) >= 3 for line in lines if line.z is not None))


if __name__ == "__main__":
    sys.exit(main())
