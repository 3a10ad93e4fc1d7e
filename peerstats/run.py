"""`python -m peerstats.run`: from an analysis file to a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from peerstats.command import Parser, perform, progress
from peerstats.errors import UsageError


def parser() -> Parser:
    """Return the parser of this command line."""
    words = Parser("run", "Run an analysis file and write its report, private/ and release/.")
    words.add_argument(
        "analysis", nargs="?", default="analyses/border.toml", type=Path,
        help="analysis file (default: the shipped analyses/border.toml)",
    )  # fmt: skip
    words.add_argument("--out", type=Path, help="output folder (default: build/NAME)")
    words.add_argument("--formats", help="comma-separated, instead of those in the analysis file")
    words.add_argument(
        "--check", action="store_true", help="check the file and the data, fit nothing"
    )
    words.add_argument(
        "--dry-run", action="store_true", help="print what would be done, read no data"
    )
    words.add_argument("--only", metavar="KEY", help="one model, table or figure and what it needs")
    words.add_argument("--jobs", type=int, default=1, metavar="N", help="models fitted at a time")
    words.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of analysis files"
    )
    return words


def act(arguments: argparse.Namespace) -> Sequence[str]:
    """Do what the command line asks; return the lines for stdout."""
    if arguments.schema:
        import json

        from peerstats.spec.analysis import json_schema

        return [json.dumps(json_schema(), indent=1)]
    if arguments.jobs < 1:
        raise UsageError(f"--jobs is {arguments.jobs} but must be 1 or more.")

    from peerstats.pipeline.pipeline import check, run_analysis
    from peerstats.pipeline.plan import find_analysis, make_plan

    path = find_analysis(arguments.analysis)
    formats = [name.strip() for name in arguments.formats.split(",")] if arguments.formats else None
    plan = make_plan(path, formats=formats, only=arguments.only)
    tell = progress(arguments.quiet or arguments.json)
    if arguments.dry_run:
        return plan.outline()
    if arguments.check:
        return check(plan, tell)
    out = arguments.out or Path("build") / plan.name
    return [str(p) for p in run_analysis(plan, out, jobs=arguments.jobs, tell=tell)]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return perform(parser(), act, words)


if __name__ == "__main__":
    sys.exit(main())
