"""How often do printed statistics of a 1 to 5 answer give back every woman's answer?

For each number of women n all possible samples are listed, with the statistics a table prints of
each (one decimal). A sample is given back when no other has the same statistics. The share is of
2,000 samples drawn from a population with shares 10, 20, 35, 25, 10 %; the attacker knows n.

Run `python benchmarks/disclosure_samples.py`; it writes results/disclosure_samples.csv.
"""

import csv
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SHARES = (0.10, 0.20, 0.35, 0.25, 0.10)
SETS = {
    "mean, median": ("mean", "median"),
    "mean, median, quartiles": ("mean", "median", "q1", "q3"),
    "mean, SD": ("mean", "sd"),
    "mean, SD, median, quartiles": ("mean", "sd", "median", "q1", "q3"),
}


def samples(n: int, levels: int = 5) -> Iterator[tuple[int, ...]]:
    """Every way to spread n women over the levels."""
    for bars in itertools.combinations(range(n + levels - 1), levels - 1):
        ends = (-1, *bars, n + levels - 1)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(ends))


def described(counts: tuple[int, ...]) -> dict[str, float]:
    """The statistics of a sample, as printed."""
    x = np.repeat(np.arange(1.0, len(counts) + 1), counts)
    q1, median, q3 = np.quantile(x, [0.25, 0.5, 0.75])
    exact = {"mean": x.mean(), "sd": x.std(ddof=1), "median": median, "q1": q1, "q3": q3}
    return {name: round(value + 1e-9, 1) for name, value in exact.items()}


def share_given_back(n: int, rng: np.random.Generator) -> dict[str, float]:
    """For each set of statistics the share of samples that it determines."""
    table = {counts: described(counts) for counts in samples(n)}
    drawn = [tuple(c) for c in rng.multinomial(n, SHARES, size=2000).tolist()]
    shares = {}
    for label, names in SETS.items():
        keys = {counts: tuple(s[name] for name in names) for counts, s in table.items()}
        alike = Counter(keys.values())
        shares[label] = float(np.mean([alike[keys[counts]] == 1 for counts in drawn]))
    return shares


def main() -> None:
    rng = np.random.default_rng(1)
    rows = []
    for n in (5, 7, 10, 12, 13, 14, 19, 24, 25, 31):
        rows.append({"women": n, **share_given_back(n, rng)})
        print(rows[-1], file=sys.stderr)
    path = Path(__file__).parent / "results" / "disclosure_samples.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
