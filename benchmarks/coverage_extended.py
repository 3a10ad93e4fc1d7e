"""Does the default rule keep its level beyond one random intercept, or say that it cannot?

    python -m benchmarks.coverage_extended [--scratch FOLDER] [--batch 1000] [--door 300]
                                           [--studies venues gaussian ...]

Six covariates, unequal sizes, slopes by site, venues in sites, counts, ordered and gaussian
outcomes, repeated visits. Yes/no studies are also fitted by the batch engine, all replicates at
once; the others one by one as `ps.infer` would (benchmarks/extended_door.py). Writes
results/coverage_extended.csv: one line a case, term and method that answered, with the Monte-Carlo
error of its coverage. The scratch folder has one file a case: run again, finished ones are skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks import extended_batch, extended_door  # noqa: E402
from benchmarks.extended_batch import Scored  # noqa: E402
from benchmarks.extended_cells import Case, batch_cases, sd_of  # noqa: E402
from benchmarks.extended_door import MEAN, ODDS, RATE, STUDIES  # noqa: E402

HERE = Path(__file__).parent
BAND, MOST = (0.93, 0.985), (0.935, 0.965)
FASTER = {"gaussian": 3}  # times as many replicates
RARE = 20  # answers below which a line says nothing of coverage


def door_cases() -> list[Case]:
    """Cases fitted one by one."""
    counts = [(3, 10, 1.0), (3, 40, 0.2), (5, 10, 0.5), (8, 10, 1.0), (12, 10, 0.5)]
    wide = [(3, 10, 2.0), (3, 40, 1.0), (5, 10, 1.0), (12, 10, 2.0)]
    wider = [(3, 10, 5.0), (5, 20, 2.0), (12, 10, 1.0)]
    iccs = [(J, 10, icc) for J, icc in product((3, 5, 8, 12, 30), (0.0, 0.05, 0.2))]
    nested = [(3, 4, 5, 0.15), (5, 4, 10, 0.05), (5, 8, 5, 0.15), (8, 8, 5, 0.05), (12, 8, 5, 0.15)]
    return [
        *(_count("Poisson counts", *at) for at in counts),
        *(_count("NB2 counts", *at) for at in wide),
        _count("NB2 counts as Poisson", 8, 40, 1.0),
        *(_count("strongly overdispersed", *at) for at in wider),
        *(_count("strongly overdispersed as Poisson", *at) for at in wider),
        *(
            Case(study="gaussian", sites=J, n=n, sd_site=(i / (1 - i)) ** 0.5, effect=MEAN)
            for J, n, i in iccs
        ),
        *(
            Case(
                study="venues",
                sites=J,
                venues=V,
                n=n,
                sd_site=sd_of(0.1, inner),
                sd_inner=sd_of(inner, 0.1),
                level=0.3,
                effect=ODDS,
            )
            for J, V, n, inner in nested
        ),
        *(
            Case(study="visits", sites=J, venues=15, n=n, sd_site=0.5, sd_inner=1.2, level=level)
            for J, n, level in ((3, 3, 0.5), (5, 3, 0.2), (8, 2, 0.5))
        ),
        *(
            Case(
                study="gaussian in venues",
                sites=J,
                venues=4,
                n=5,
                sd_site=sd,
                sd_inner=0.4,
                effect=MEAN,
            )
            for J, sd in ((3, 0.5), (5, 0.5), (12, 0.2))
        ),
        *(
            Case(study="ordinal", sites=J, n=n, sd_site=0.6, effect=ODDS)
            for J, n in ((3, 10), (3, 40), (5, 10), (8, 10), (12, 10))
        ),
    ]


def _count(study: str, sites: int, n: int, mean: float) -> Case:
    return Case(study=study, sites=sites, n=n, sd_site=0.4, level=mean, effect=RATE)


def run_case(case: Case, engine: str, count: int) -> list[dict[str, Any]]:
    """Score one case: its lines."""
    scores = extended_batch.scores if engine == "batch" else extended_door.scores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single replicates
        return [line_of(case, engine, count, score) for score in scores(case, count)]


def line_of(case: Case, engine: str, count: int, score: Scored) -> dict[str, Any]:
    """Coverage with its Monte-Carlo error, and bias."""
    ok = score.usable
    answered, share = int(ok.sum()), float(score.covers[ok].mean()) if ok.any() else np.nan
    bias = float((score.estimate[ok] - score.truth).mean()) if ok.any() else np.nan
    return {
        "study": case.study,
        "engine": engine,
        "sites": case.sites,
        "venues": case.venues,
        "n": case.sizes or case.n,
        "sd_site": case.sd_site,
        "sd_inner": case.sd_inner,
        "level": case.level,
        "effect": case.effect,
        "term": score.term,
        "method": score.method,
        "replicates": count,
        "answered": answered if ok.any() else 0,
        "without": int((~ok).sum()),
        "coverage": share,
        "mc_error": float(np.sqrt(share * (1 - share) / answered)) if answered else np.nan,
        "bias": bias,
    }


def finish(case: Case, engine: str, count: int, scratch: Path) -> list[dict[str, Any]]:
    """Run a case unless its file is there with as many replicates."""
    path = scratch / f"{engine}-{case.name.replace(' ', '_').replace(':', '_')}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["replicates"] >= count:
            return list(found["lines"])
    start = time.process_time()
    lines = run_case(case, engine, count)
    seconds = round(time.process_time() - start, 1)
    path.write_text(json.dumps({"replicates": count, "lines": lines}), encoding="utf-8")
    print(f"{engine} {case.name} {seconds} s", file=sys.stderr, flush=True)
    return lines


def summary(lines: pd.DataFrame) -> str:
    """How many cells of each study, term and method are in the bands."""
    told = lines[lines["answered"] >= np.maximum(RARE, 0.2 * lines["replicates"])]
    rows = []
    for key, group in told.groupby(["study", "engine", "term", "method"], sort=False):
        share = group["coverage"]
        rows.append(
            {
                **dict(zip(("study", "engine", "term", "method"), key, strict=True)),
                "cells": len(group),
                "min": share.min(),
                "max": share.max(),
                "mc_error": group["mc_error"].max(),
                "in 93.0-98.5": share.between(*BAND).mean(),
                "in 93.5-96.5": share.between(*MOST).mean(),
            }
        )
    return str(pd.DataFrame(rows).to_string(index=False, float_format=lambda v: f"{v:.3f}"))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    folder = Path(tempfile.gettempdir()) / "peerstats-coverage-extended"
    parser.add_argument("--scratch", type=Path, default=folder)
    parser.add_argument("--batch", type=int, default=1000, help="replicates of the batch engine")
    parser.add_argument("--door", type=int, default=300, help="replicates fitted one by one")
    parser.add_argument("--studies", nargs="*", default=[], metavar="STUDY")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    return parser


def main() -> int:
    args = options().parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    work = [(case, "batch", args.batch) for case in batch_cases()]
    work += [(case, "door", args.door * FASTER.get(case.study, 1)) for case in door_cases()]
    wanted = set(args.studies) or {*STUDIES, *(case.study for case, _, _ in work)}
    lines = [
        line
        for case, engine, count in work
        if case.study in wanted
        for line in finish(case, engine, count, args.scratch)
    ]
    found = pd.DataFrame(lines)
    if not args.studies:
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "coverage_extended.csv"
        found.round(4).to_csv(path, index=False, lineterminator="\n")
    print(summary(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
