"""What many refits of one model cost, in times of one fit.

    python benchmarks/refit_speed.py [--replicates 1000]

Contraception with six coefficients and a district effect, by Laplace: profile intervals of every
parameter, and a parametric bootstrap on two processes. results/refit_speed.csv holds the ratios,
CPU seconds over those of one fit call; bootstrap seconds on the clock are printed.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from engine_speed import cpu_seconds, load

from peerstats.model.fit import fit

HERE = Path(__file__).parent
FORMULA = "usen ~ age + urban + livch + (1 | district)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    count = parser.parse_args().replicates
    data = load("contraception")
    model = fit(FORMULA, data)
    one = statistics.median(cpu_seconds(lambda: fit(FORMULA, data)) for _ in range(9))
    model.profile()
    profiles = statistics.median(cpu_seconds(model.profile) for _ in range(5))
    start = time.perf_counter()
    model.bootstrap(np.random.default_rng(1), count, jobs=2)
    clock = time.perf_counter() - start
    few = cpu_seconds(lambda: model.bootstrap(np.random.default_rng(1), 50, jobs=1)) / 50
    rows = [
        ("profile intervals of all parameters", profiles / one),
        ("a bootstrap refit", few / one),
    ]
    print(
        f"one fit {one:.4f} s; {count} bootstrap refits on 2 processes {clock:.1f} s on the clock"
    )
    with (HERE / "results" / "refit_speed.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "seconds_over_one_fit"])
        for what, ratio in rows:
            writer.writerow([what, f"{ratio:.2f}"])
            print(f"{what:40} {ratio:8.2f} fits")


if __name__ == "__main__":
    main()
