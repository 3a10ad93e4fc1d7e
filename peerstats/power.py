"""`python -m peerstats.power`: what could a planned study find, and what not?"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from peerstats.audit import progress_bar, written
from peerstats.command import Parser, perform

if TYPE_CHECKING:
    from peerstats.inference.power.simulate import DesignRow
    from peerstats.spec.power import PowerPlan

ABOUT = (
    "Simulate planned studies over a grid of sites and women: power, expected interval width and "
    "the smallest detectable effect, with the type I error beside them."
)
EXAMPLE = "power-example.toml"
HEADS = ("sites", "venues", "women", "type I error %", "95% CI of the OR")
MISSING = "–"


def parser() -> Parser:
    """Return the parser of this command line."""
    words = Parser("power", ABOUT)
    words.add_argument(
        "plan", nargs="?", type=Path,
        help=f"plan of a study (default: the shipped analyses/plans/{EXAMPLE})",
    )  # fmt: skip
    words.add_argument("--out", type=Path, help="output folder (default: build/NAME)")
    words.add_argument("--replicates", type=int, metavar="R", help="instead of the plan's number")
    words.add_argument("--jobs", type=int, default=2, metavar="N", help="workers (default: 2)")
    words.add_argument(
        "--backend", default="loky", help="loky (default), threading, dask, ray or sequential"
    )
    return words


def act(arguments: argparse.Namespace) -> Sequence[str]:
    """Simulate the grid; return its table and the paths of the files."""
    from peerstats.errors import UsageError
    from peerstats.inference.audit.workers import check_backend
    from peerstats.resources import shipped
    from peerstats.spec.power import read_plan

    check_backend(arguments.backend, arguments.jobs)
    path = arguments.plan or shipped("analyses") / "plans" / EXAMPLE
    plan = read_plan(path)
    if arguments.replicates is not None:
        if arguments.replicates < 50:
            raise UsageError(f"--replicates is {arguments.replicates} but must be 50 or more.")
        plan = plan.model_copy(update={"replicates": arguments.replicates})
    from peerstats.figures.power import draw_power
    from peerstats.inference.power.simulate import simulate_power

    quiet = arguments.quiet or arguments.json
    with progress_bar(quiet, "designs") as advance:
        rows = simulate_power(plan, jobs=arguments.jobs, backend=arguments.backend, advance=advance)
    known = [record(row) for row in rows]
    files = {
        "power.csv": as_csv(plan, rows).encode(),
        "power.json": (json.dumps(known, indent=1) + "\n").encode(),
        "power.png": draw_power(plan, rows),
    }
    out = arguments.out or Path("build") / path.stem
    paths = [str(written_to) for written_to in written(files, out)]
    return paths if arguments.json else [*table(plan, rows), "", *reading(plan, rows), "", *paths]


def record(row: DesignRow) -> dict[str, object]:
    """Return a row for JSON: what is not known is null."""

    def known(value: object) -> object:
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, list | tuple):
            return [known(part) for part in value]
        return {k: known(v) for k, v in value.items()} if isinstance(value, dict) else value

    return {name: known(value) for name, value in asdict(row).items()}


def as_csv(plan: PowerPlan, rows: Sequence[DesignRow]) -> str:
    """Return the grid as CSV, a line a design and effect; what is not known is empty."""
    heads = (
        "sites,venues,women_per_venue,women,df,measure,effect,power,power_error,interval_factor,"
        "type1,type1_error,smallest,reason"
    )
    lines = [heads]
    for row in rows:
        for one in row.found:
            values = (
                row.sites, row.venues, row.women_per_venue, row.women, row.df, plan.effect.measure,
                one.effect, one.power, one.error, one.fold, row.type1, row.type1_error,
                row.smallest, row.reason,
            )  # fmt: skip
            lines.append(",".join(map(_cell, values)))
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return str(value)


def table(plan: PowerPlan, rows: Sequence[DesignRow]) -> Iterator[str]:
    """Yield the lines of the table that is printed."""
    name = plan.effect.measure.upper()
    heads = [*HEADS[:3], *(f"power {name} {v:g}" for v in plan.effect.values), *HEADS[3:]]
    heads.append(f"smallest {name}, power {100 * plan.target:g}%")
    lines = [[*_numbers(row), row.reason] for row in rows]
    widths = [max(len(head), *(len(line[k]) for line in lines)) for k, head in enumerate(heads)]
    yield plan.title
    yield "  ".join(map(str.rjust, heads, widths))
    for line in lines:
        yield "  ".join([*map(str.rjust, line[:-1], widths), line[-1]]).rstrip()


def _numbers(row: DesignRow) -> list[str]:
    return [
        str(row.sites),
        str(row.venues),
        str(row.women),
        *(_share(one.power, one.error) for one in row.found),
        _share(row.type1, row.type1_error),
        f"×/÷ {row.found[0].fold:.3g}" if math.isfinite(row.found[0].fold) else MISSING,
        f"{row.smallest:.2f}" if math.isfinite(row.smallest) else MISSING,
    ]


def _share(value: float, error: float) -> str:
    return f"{100 * value:.0f} (±{100 * error:.1f})" if math.isfinite(value) else MISSING


def reading(plan: PowerPlan, rows: Sequence[DesignRow]) -> Iterator[str]:
    """Say in words which designs reach the target, and which cannot answer at all."""
    level = {"within": "women", "venue": "venues", "site": "sites"}[plan.exposure.level]
    name = {"pr": "prevalence ratio", "or": "odds ratio"}[plan.effect.measure]
    q = f"{100 * plan.exposure.prevalence:g}% of {level}"
    yield f"{plan.exposure.label[:1].upper()}{plan.exposure.label[1:]}: {q} exposed."
    for at, effect in enumerate(plan.effect.values):
        enough = [r for r in rows if not r.reason and r.found[at].power >= plan.target]
        if enough:
            best = min(enough, key=lambda r: (r.women, r.sites))
            yield (
                f"A {name} of {effect:g} needs {best.women} women at {best.sites} sites, the "
                f"smallest design here that finds it with power {100 * plan.target:g}%."
            )
        else:
            yield f"No design here finds a {name} of {effect:g} with power {100 * plan.target:g}%."
    if refused := sorted({row.sites for row in rows if row.reason}):
        named = ", ".join(map(str, refused))
        yield (
            f"With {named} sites this exposure cannot be tested at all, however many women take "
            "part: fewer than 3 degrees of freedom are left. More sites are needed."
        )
    yield (
        "In brackets: Monte-Carlo standard errors. The interval reaches about that factor above "
        "and below the odds ratio."
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return perform(parser(), act, words)


if __name__ == "__main__":
    sys.exit(main())
