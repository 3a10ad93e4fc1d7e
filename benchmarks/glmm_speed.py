"""How long a random-intercept model takes beside statsmodels' plain GLM of the same columns.

    python benchmarks/glmm_speed.py [--large]

One thread; the fit from arrays alone, without reading the formula, and the whole `fit()` call;
medians of 5 (3 for the large ones). Compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from peerstats.model.design import build_design
from peerstats.model.engines.fixed import prepare
from peerstats.model.engines.glmm import fit_glmm
from peerstats.model.families import find_family
from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "tests" / "reference"


def median_seconds(run: Callable[[], object], times: int = 5) -> float:
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def simulated(n: int, sites: int) -> tuple[str, pd.DataFrame]:
    """Eight covariates, half of them yes/no, and a site effect of sd 0.7."""
    rng = np.random.default_rng(n)
    site = np.arange(n) % sites
    data = {f"x{k}": rng.normal(size=n) if k % 2 else rng.integers(0, 2, n) for k in range(8)}
    eta = -0.5 + 0.3 * data["x1"] - 0.4 * data["x2"] + 0.7 * rng.normal(size=sites)[site]
    frame = pd.DataFrame({**data, "site": site})
    frame["y"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    return "y ~ " + " + ".join(data) + " + (1 | site)", frame


def compare(name: str, formula: str, data: pd.DataFrame, times: int = 5) -> None:
    family = find_family("binomial")
    design = build_design(formula, data)
    model = GLM(design.y, design.X, family=Binomial())
    plain = median_seconds(model.fit, times)
    whole = median_seconds(lambda: fit(formula, data), times)
    laplace = median_seconds(lambda: fit_glmm(prepare(design, family), 1), times)
    nodes = 25 if design.n < 10_000 else 7
    cells = [f"{plain:8.4f}", f"{laplace:8.4f}", f"{laplace / plain:6.1f}", f"{whole:8.4f}"]
    if len(design.groups) == 1:
        quadrature = median_seconds(lambda: fit_glmm(prepare(design, family), nodes), times)
        cells += [f"{quadrature:8.4f} ({nodes} nodes)"]
    print(f"{name:28}", *cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="add 200,000 rows at 2,000 sites")
    large = parser.parse_args().large
    print(f"{'seconds':28}   GLM     Laplace   ratio   fit()    AGQ")
    women = pd.read_csv(REFERENCE / "contraception.csv")
    compare("Contraception 1,934 / 60", "usen ~ age + urban + livch + (1 | district)", women)
    verbal = pd.read_csv(REFERENCE / "verbal.csv")
    answers = "yes ~ anger + gender + btype + situ + (1 | id) + (1 | item)"
    compare("verbal 1,920 / 80 x 24", answers, verbal)
    for n, sites in ((2_000, 20), (20_000, 200), *(((200_000, 2_000),) if large else ())):
        compare(f"simulated {n:,} / {sites:,}", *simulated(n, sites), times=3)


if __name__ == "__main__":
    main()
