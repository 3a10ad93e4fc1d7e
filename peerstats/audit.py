"""`python -m peerstats.audit`: does each method hold its level on this study's own layout?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from peerstats.command import Parser, perform, progress
from peerstats.errors import PlaceError, UsageError

if TYPE_CHECKING:
    from peerstats.pipeline.audit import Audited

ABOUT = (
    "Simulate from each fitted model on the study's own layout, refit, and print what every method "
    "does: coverage, type I error, power and bias, each with its Monte-Carlo standard error."
)


def parser() -> Parser:
    """Return the parser of this command line."""
    words = Parser("audit", ABOUT)
    words.add_argument(
        "analysis", nargs="?", default="analyses/border.toml", type=Path,
        help="analysis file (default: the shipped analyses/border.toml)",
    )  # fmt: skip
    words.add_argument("--out", type=Path, help="output folder (default: build/NAME/audit)")
    words.add_argument("--only", metavar="KEY", help="one model")
    words.add_argument(
        "--seconds", type=float, default=40.0, metavar="S",
        help="time for the simulation (default: 40); decides the number of replicates",
    )  # fmt: skip
    words.add_argument(
        "--replicates", type=int, metavar="R",
        help="at least so many of everything, however long: the same numbers on every machine",
    )  # fmt: skip
    words.add_argument("--jobs", type=int, default=2, metavar="N", help="workers (default: 2)")
    words.add_argument(
        "--backend", default="loky", help="loky (default), threading, dask, ray or sequential"
    )
    words.add_argument(
        "--fresh", action="store_true", help="do not go on from blocks done by an earlier run"
    )
    return words


def act(arguments: argparse.Namespace) -> Sequence[str]:
    """Audit the models; return the tables, or the paths of the files with --json."""
    from peerstats.inference.audit.simulate import Effort
    from peerstats.inference.audit.workers import check_backend
    from peerstats.pipeline.audit import audit_analysis
    from peerstats.pipeline.compute import load
    from peerstats.pipeline.plan import find_analysis, make_plan

    _check(arguments)
    check_backend(arguments.backend, arguments.jobs)
    plan = make_plan(find_analysis(arguments.analysis), only=arguments.only)
    out = arguments.out or Path("build") / plan.name / "audit"
    quiet = arguments.quiet or arguments.json
    tell = progress(quiet)
    effort = Effort(
        seconds=arguments.seconds,
        replicates=arguments.replicates,
        jobs=arguments.jobs,
        backend=arguments.backend,
    )
    tell("reading and checking the data")
    study = load(plan)
    with progress_bar(quiet, "replicates, blocks of") as advance:
        scratch = None if arguments.fresh else out / "blocks"
        audited = audit_analysis(plan, study, effort, scratch, tell, advance)
    paths = write(audited, out)
    if arguments.json:
        return paths
    from peerstats.pipeline.audit_lines import audit_lines

    return [*(line for one in audited for line in audit_lines(one)), *paths]


def _check(arguments: argparse.Namespace) -> None:
    if arguments.replicates is not None and arguments.replicates < 1:
        raise UsageError(f"--replicates is {arguments.replicates} but must be 1 or more.")
    if not arguments.seconds > 0:
        raise UsageError(f"--seconds is {arguments.seconds:g} but must be more than 0.")


def write(audited: Sequence[Audited], out: Path) -> list[str]:
    """Write audit.json and audit.csv below `out`, for their owner only; return their paths.

    They hold exact results as `private/` does. Raises PlaceError.
    """
    import csv
    import io

    from peerstats.inference.audit.rows import COLUMNS

    rows = [
        {"model": one.section.key, **{name: getattr(row, name) for name in COLUMNS}}
        for one in audited
        if one.audit is not None
        for row in one.audit.rows
    ]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, ["model", *COLUMNS], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    known = [
        {name: None if value != value else value for name, value in row.items()} for row in rows
    ]
    contents = {"audit.csv": text.getvalue(), "audit.json": json.dumps(known, indent=1) + "\n"}
    files = {name: content.encode() for name, content in contents.items()}
    return [str(path) for path in written(files, out)]


def written(files: Mapping[str, bytes], out: Path) -> Iterator[Path]:
    """Write files below `out`, each whole or not at all, for their owner only; yield their paths.

    Raises PlaceError.
    """
    before = os.umask(0o077)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            part = out / f".{name}.part"
            part.write_bytes(content)
            os.replace(part, out / name)
            yield out / name
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise PlaceError(f"Could not write to {out}: {reason}. Choose another --out.") from None
    finally:
        os.umask(before)


@contextmanager
def progress_bar(quiet: bool, label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function (done, of) that moves a bar on stderr; nothing is shown off a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("[dim]·[/dim] {task.description}", BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        shown = bar.add_task(label, total=None)
        yield lambda done, of: bar.update(shown, completed=done, total=of)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return perform(parser(), act, words)


if __name__ == "__main__":
    sys.exit(main())
