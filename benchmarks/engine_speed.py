"""How long peerstats takes beside its peers on the same models, in one run.

    python benchmarks/engine_speed.py [--r] [--only WORD] [--times 5]

The fit call only (formula and data frame in, estimates out), one thread, CPU seconds, median of
`--times`; packages take turns, so that a busy machine is unfair to none. A peer counts only when
its log-likelihood is within 0.01 of ours or higher: "optimum" says so. The file
results/engine_speed.csv holds ratios only, peer / peerstats: above 1, peerstats is faster.

`--r` times lme4 (and glmer.nb, clmm) by engine_speed.R instead, into engine_speed_r.csv. peers.py
says how the peers are installed; what is not installed is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from peers import PACKAGES, Model, quietly

HERE = Path(__file__).parent
REFERENCE = HERE.parent / "tests" / "reference"
SAME = 0.01  # log-likelihood units a peer may stop short by and still have the same optimum

WOMEN = "usen ~ age + age2 + urban + livch"
ANSWERS = "anger + gender + btype + situ + (1 | id) + (1 | item)"
COLUMNS = " + ".join(f"x{k}" for k in range(1, 12))
MODELS = (
    Model(
        name="cbpp",
        data="cbpp",
        formula="cbind(incidence, noninc) ~ period + (1 | herd)",
        r="glmer(FORMULA, DATA, binomial)",
    ),
    Model(
        name="Contraception, intercept",
        data="contraception",
        formula=f"{WOMEN} + (1 | district)",
        r="glmer(FORMULA, DATA, binomial)",
    ),
    Model(
        name="Contraception, 25 nodes",
        data="contraception",
        formula=f"{WOMEN} + (1 | district)",
        nodes=25,
        r="glmer(FORMULA, DATA, binomial, nAGQ = 25)",
    ),
    Model(
        name="Contraception, slope",
        data="contraception",
        formula=f"{WOMEN} + (urban | district)",
        r="glmer(FORMULA, DATA, binomial)",
        slopes=True,
    ),
    Model(
        name="ohio",
        data="ohio",
        formula="resp ~ age * smoke + (1 | id)",
        r="glmer(FORMULA, DATA, binomial)",
    ),
    Model(
        name="VerbAgg, crossed",
        data="verbagg",
        formula=f"yes ~ {ANSWERS}",
        r="glmer(FORMULA, DATA, binomial)",
    ),
    Model(
        name="VerbAgg, ordinal",
        data="verbagg",
        formula=f"resp ~ {ANSWERS}",
        family="cumulative_logit",
        r="clmm(FORMULA, data = DATA)",
    ),
    Model(
        name="guImmun, nested",
        data="guimmun",
        formula="immun ~ kid2p + mom25p + ord + ethn + momEd + husEd + momWork + rural + pcInd81"
        " + (1 | mom) + (1 | comm)",
        r="glmer(FORMULA, DATA, binomial)",
    ),
    Model(
        name="epil, Poisson",
        data="epil",
        formula="y ~ lbase * trt + lage + V4 + (1 | subject)",
        family="poisson",
        r="glmer(FORMULA, DATA, poisson)",
    ),
    Model(
        name="Salamanders, NB2",
        data="salamanders",
        formula="count ~ spp * mined + (1 | site)",
        family="negative_binomial",
        r="glmer.nb(FORMULA, DATA)",
    ),
    Model(
        name="sleepstudy, slope",
        data="sleepstudy",
        formula="Reaction ~ Days + (Days | Subject)",
        family="gaussian",
        r="lmer(FORMULA, DATA, REML = FALSE)",
        slopes=True,
    ),
    Model(
        name="InstEval, crossed",
        data="insteval",
        formula="y ~ service + (1 | s) + (1 | d) + (1 | dept)",
        family="gaussian",
        r="lmer(FORMULA, DATA, REML = FALSE)",
    ),
    *(
        Model(
            name=f"binary {rows} / {sites}",
            data=f"binary-{rows}-{sites}",
            formula=f"y ~ {COLUMNS} + (1 | site)",
            r="glmer(FORMULA, DATA, binomial)" if rows <= 20_000 else "",
        )
        for rows, sites in ((31, 3), (2_000, 20), (20_000, 200), (200_000, 2_000))
    ),
)
TEXT = (
    "district",
    "herd",
    "period",
    "id",
    "subject",
    "Subject",
    "s",
    "d",
    "service",
    "dept",
    "mom",
    "comm",
)


def binary(rows: int, sites: int) -> pd.DataFrame:
    """Twelve columns with the intercept, half of them yes/no, and a site effect of sd 0.7."""
    # With 31 rows most draws separate and have no maximum; the first of 1, 2, ... that has one.
    rng = np.random.default_rng(1 if rows == 31 else rows)
    site = np.arange(rows) % sites
    data: dict[str, np.ndarray] = {}
    for k in range(1, 12):
        normal = rng.normal(size=rows)
        data[f"x{k}"] = normal if k % 2 else (normal > 0).astype(float)
    eta = -0.2 + 0.3 * (data["x1"] - data["x2"] + data["x3"])
    eta = eta + 0.7 * rng.normal(size=sites)[site]
    data["y"] = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)
    return pd.DataFrame({**data, "site": site})


def load(name: str) -> pd.DataFrame:
    if name.startswith("binary"):
        return binary(*map(int, name.split("-")[1:]))
    path = REFERENCE / f"{name}.csv"
    data = pd.read_csv(path if path.exists() else path.with_suffix(".csv.gz"))
    for column in TEXT:
        if column in data:
            data[column] = data[column].astype(str)
    if "resp" in data and name == "verbagg":
        levels = ["no", "perhaps", "yes"]
        data["resp"] = pd.Categorical(data["resp"], levels, ordered=True)
    return data


def cpu_seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(model: Model, times: int, packages: list[str]) -> dict[str, tuple[float, float]]:
    """Package -> (median seconds, log-likelihood), the packages taking turns."""
    data = load(model.data)
    made = {name: PACKAGES[name](model, data) for name in packages}
    runs = {name: found for name, found in made.items() if found is not None}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    logliks = {}
    for name, (run, loglik) in runs.items():
        logliks[name] = loglik(quietly(run))  # the first call also warms caches
    for _ in range(times):
        for name, (run, _) in runs.items():
            seconds[name].append(quietly(lambda run=run: cpu_seconds(run)))
    return {name: (statistics.median(seconds[name]), logliks[name]) for name in runs}


def measure_r(models: tuple[Model, ...], times: int) -> dict[str, tuple[float, float]]:
    """Model -> (median seconds, log-likelihood) by R, which reads the same files."""
    asked = [
        {"name": m.name, "data": m.data, "formula": m.formula, "call": m.r} for m in models if m.r
    ]
    for item in asked:
        if item["data"].startswith("binary"):
            item["path"] = f"/tmp/{item['data']}.csv"  # noqa: S108 - made up, read once
            load(item["data"]).to_csv(item["path"], index=False)
    script = HERE / "engine_speed.R"
    command = ["Rscript", str(script), str(REFERENCE), str(times)]
    text = json.dumps(asked)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return {item["name"]: (item["seconds"], item["loglik"]) for item in json.loads(done.stdout)}


def rows_of(model: Model, found: dict[str, tuple[float, float]]) -> list[list[str]]:
    ours, loglik = found["peerstats"]
    lines = []
    for name, (seconds, theirs) in found.items():
        if name == "peerstats":
            continue
        same = ("same " if theirs > loglik - SAME else "SHORT ") + f"{theirs - loglik:+.4f}"
        same = "no random effect" if name.startswith("GLM") else same
        lines.append([model.name, name, f"{seconds / ours:.2f}", same])
        print(f"{model.name:26} {name:16} {seconds / ours:9.2f} x  {same}   ({ours:.4f} s)")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--r", action="store_true", help="also time lme4 and ordinal (minutes)")
    parser.add_argument("--only", default="", help="models with this word in their name")
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    models = tuple(m for m in MODELS if asked.only in m.name and (m.r or not asked.r))
    r = measure_r(models, asked.times) if asked.r else {}
    packages = ["peerstats"] if asked.r else list(PACKAGES)
    lines = []
    for model in models:
        found = measure(model, asked.times, packages)
        if model.name in r:
            found["R"] = r[model.name]
        lines += rows_of(model, found)
    if not asked.only:
        name = "engine_speed_r.csv" if asked.r else "engine_speed.csv"
        with (HERE / "results" / name).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["model", "package", "seconds_over_peerstats", "optimum"])
            writer.writerows(lines)


if __name__ == "__main__":
    main()
