"""Does the package's default inference keep its level with few sites, and do its peers?

    python -m benchmarks.coverage [--scratch FOLDER] [--jobs 2] [--replicates 2000] [--peers 1000]
                                  [--cells sites=3,5 n=10 ...] [--check]

Draws every cell of the grid (benchmarks/coverage_cells.py), fits the replicates together by the
batch engine (peerstats/model/batch), scores the default rule and its peers on the same draws, and
writes results/coverage.csv, results/coverage_goals.csv and docs/coverage.png. The scratch folder
has one file a cell: run again, finished cells are skipped. `--check` compares the batch engine with
the package's own door on a few replicates.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from joblib import Parallel, delayed  # noqa: E402

from benchmarks.coverage_cells import Cell, grid, replicates  # noqa: E402
from benchmarks.coverage_goals import write_summary  # noqa: E402
from benchmarks.coverage_scores import refusals, scores  # noqa: E402

HERE = Path(__file__).parent


def run_cell(cell: Cell, count: int, peers: int) -> dict[str, Any]:
    """Score one cell: what its file holds."""
    start = time.process_time()
    tables = replicates(cell, count)
    lines = [score.sums() for score in scores(cell, tables, peers)]
    return {
        "cell": list(cell.key),
        "replicates": count,
        "peers": peers,
        "refused": refusals(tables),
        "scores": lines,
        "seconds": round(time.process_time() - start, 2),
    }


def finish(cell: Cell, args: argparse.Namespace) -> None:
    """Run a cell unless its file is there with as many replicates."""
    path = args.scratch / f"{cell.name}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["replicates"] >= args.replicates and found["peers"] >= args.peers:
            return
    partial = path.with_suffix(".part")
    found = run_cell(cell, args.replicates, args.peers)
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.replace(path)
    print(f"{cell.name} {found['seconds']} s", file=sys.stderr, flush=True)


def chosen(cells: list[Cell], words: list[str]) -> list[Cell]:
    """Keep the cells that agree with words such as `sites=3,5`."""
    for word in words:
        name, _, values = word.partition("=")
        allowed = {float(value) for value in values.split(",")}
        cells = [cell for cell in cells if getattr(cell, name) in allowed]
    return cells


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    folder = Path(tempfile.gettempdir()) / "peerstats-coverage"
    parser.add_argument("--scratch", type=Path, default=folder)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--peers", type=int, default=1000, help="replicates that peers fit")
    parser.add_argument("--cells", nargs="*", default=[], metavar="NAME=VALUES")
    parser.add_argument("--check", action="store_true", help="compare with the package's door")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--figure", type=Path, default=HERE.parent / "docs" / "coverage.png")
    return parser


def main() -> int:
    args = options().parse_args()
    if args.check:
        from benchmarks.coverage_check import check

        return check()
    cells = chosen(grid(), args.cells)
    args.scratch.mkdir(parents=True, exist_ok=True)
    Parallel(n_jobs=args.jobs)(delayed(finish)(cell, args) for cell in cells)
    files = [args.scratch / f"{cell.name}.json" for cell in cells]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    args.out.mkdir(parents=True, exist_ok=True)
    print(write_summary(cells, found, args.out, args.figure))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
