"""Time and peak memory of a random-intercept logistic model as rows and sites grow.

    python benchmarks/engine_scaling.py [--largest 200000] [--packages peerstats glmm]

Each fit has a process of its own, with twelve columns and one thread. Memory is what the process
grows by at most during the fit call beyond the data frame, over the size of the design matrix
(rows x 12 x 8 bytes), which is part of it. results/engine_scaling.csv holds what does not depend
on the machine: seconds a row over those at 20,000 rows, peer / peerstats, and the memory ratio.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

from engine_speed import COLUMNS, binary, cpu_seconds
from peers import PACKAGES, Model, quietly

HERE = Path(__file__).parent
SIZES = ((31, 3), (200, 10), (2_000, 20), (20_000, 200), (200_000, 2_000), (2_000_000, 2_000))
LONG = 3.0  # seconds of a fit that is timed once
RESET_PEAK = Path("/proc/self/clear_refs")  # Linux; elsewhere the peak includes reading the data


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_fit(package: str, rows: int, sites: int) -> None:
    """What a process of its own prints: seconds, log-likelihood, growth."""
    data = binary(rows, sites)
    formula = f"y ~ {COLUMNS} + (1 | site)"
    made = PACKAGES[package](Model(name="", data="", formula=formula), data)
    if made is None:
        print(json.dumps(None))
        return
    run, loglik = made
    small = Model(name="", data="", formula="y ~ x1 + (1 | site)")
    quietly(PACKAGES[package](small, binary(200, 10))[0])  # imports are not part of the growth
    if RESET_PEAK.exists():
        RESET_PEAK.write_text("5")
    before = peak_bytes()
    start = time.process_time()
    found = quietly(run)
    seconds = [time.process_time() - start]
    growth = peak_bytes() - before
    while len(seconds) < 5 and seconds[0] < LONG:
        seconds.append(quietly(lambda: cpu_seconds(run)))
    print(json.dumps([statistics.median(seconds), loglik(found), growth]))


def measure(package: str, rows: int, sites: int) -> list[float] | None:
    command = [sys.executable, __file__, "--one", package, str(rows), str(sites)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def table(packages: list[str], largest: int) -> list[list[str]]:
    found = {
        (package, rows): measure(package, rows, sites)
        for rows, sites in SIZES
        if rows <= largest
        for package in packages
    }
    lines = []
    for (package, rows), result in found.items():
        ours, base = found["peerstats", rows], found.get((package, 20_000))
        if result is None or ours is None:
            continue
        a_row = f"{result[0] / rows / (base[0] / 20_000):.2f}" if base else ""
        memory = f"{result[2] / (rows * 12 * 8):.2f}" if rows >= 20_000 else ""
        lines.append([str(rows), package, f"{result[0] / ours[0]:.2f}", a_row, memory])
        print(f"{rows:9,} {package:16} {result[0]:9.4f} s", *lines[-1][2:], result[1])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=200_000)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES), choices=list(PACKAGES))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one_fit(asked.one[0], int(asked.one[1]), int(asked.one[2]))
        return
    print(
        "     rows package            seconds  over peerstats, a row (over 20,000), memory, loglik"
    )
    lines = table(["peerstats", *[p for p in asked.packages if p != "peerstats"]], asked.largest)
    with (HERE / "results" / "engine_scaling.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = ["rows", "package", "seconds_over_peerstats"]
        writer.writerow([*columns, "seconds_a_row_over_20000_rows", "peak_over_design_matrix"])
        writer.writerows(lines)


if __name__ == "__main__":
    main()
