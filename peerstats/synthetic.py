"""`python -m peerstats.synthetic`: write an invented study, with the truth it was drawn from."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from peerstats.command import Parser, perform, progress
from peerstats.data.synthetic import PROFILES, generate
from peerstats.errors import PlaceError

if TYPE_CHECKING:
    from peerstats.data.synthetic import Synthetic

MAKER = "peerstats.synthetic"
NOTE = """\
# SYNTHETIC data

Nobody described here exists. These tables were drawn by `python -m peerstats.synthetic {words}`
and describe no woman, venue or site. Do not report them as findings.

{tables}

`truth.json` holds the parameters the tables were drawn from. Cells such as `.r` are typed missing
values: `.a` not asked, `.n` not applicable, `.r` refused, `.d` don't know, `.x` not collected here,
`.m` missing for an unknown reason.
"""


def parser() -> Parser:
    """Return the parser of this command line."""
    words = Parser("synthetic", "Write a synthetic study: CSV tables, truth.json and a README.")
    words.add_argument("profile", help=f"one of: {', '.join(sorted(PROFILES))}")
    words.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    words.add_argument("--out", type=Path, required=True, help="folder to write the tables to")
    words.add_argument(
        "--scale", type=int, default=1, metavar="K", help="this many times the sites (border only)"
    )
    words.add_argument(
        "--no-missing", action="store_true", help="complete and truthful answers from everybody"
    )
    return words


def act(arguments: argparse.Namespace) -> Sequence[str]:
    """Draw the study and write it; return the paths of its files."""
    tell = progress(arguments.quiet or arguments.json)
    check_folder(arguments.out)
    tell(f"drawing {arguments.profile}")
    study = generate(
        arguments.profile,
        arguments.seed,
        scale=arguments.scale,
        missing=not arguments.no_missing,
    )
    tell("writing")
    return [str(path) for path in write(study, arguments.out)]


def write(study: Synthetic, out: Path) -> list[Path]:
    """Write the tables, `truth.json` and `README.md` below `out`; return their paths.

    Everything is written to a temporary folder beside `out`, which then takes its place. Files are
    readable by their owner only. Raises PlaceError when `out` holds anything but an earlier
    synthetic study, or cannot be written.
    """
    check_folder(out)
    texts = {f"{name}.csv": table for name, table in study.tables.items()}
    truth = {"made_by": MAKER, "files": [*texts, "README.md", "truth.json"], **study.truth}
    with _fresh_folder(out) as folder:
        for name, table in texts.items():
            table.to_csv(folder / name, index=False, lineterminator="\n", encoding="utf-8")
        (folder / "README.md").write_text(_note(study), encoding="utf-8", newline="\n")
        (folder / "truth.json").write_text(
            json.dumps(truth, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
        )
    return [out / str(name) for name in truth["files"]]


def check_folder(out: Path) -> None:
    """Raise PlaceError unless `out` is new, empty, or an earlier study of this command line."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise PlaceError(f"{out} is not a folder of its own; choose another --out.")
    if not out.is_dir():
        return
    present = {path.name for path in out.iterdir()}
    if present - _own_files(out):
        raise PlaceError(
            f"{out} holds files that this command did not write; choose an empty or new --out."
        )


def _own_files(out: Path) -> set[str]:
    """Return the file names an earlier run says it wrote, or nothing when there was none."""
    try:
        truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    ours = isinstance(truth, Mapping) and truth.get("made_by") == MAKER
    return {str(name) for name in truth["files"]} if ours else set()


def _note(study: Synthetic) -> str:
    truth = study.truth
    words = f"{study.profile} --seed {study.seed}"
    words += f" --scale {truth['scale']}" if truth["scale"] != 1 else ""
    words += "" if truth["missing"] else " --no-missing"
    tables = "\n".join(f"- `{name}.csv`: {len(table)} rows" for name, table in study.tables.items())
    return NOTE.format(words=words, tables=tables)


@contextmanager
def _fresh_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `out` when all went well."""
    before = os.umask(0o077)
    staged: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        (staged / "new").mkdir()
        yield staged / "new"
        if out.exists():
            os.replace(out, staged / "old")
        os.replace(staged / "new", out)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise PlaceError(f"Could not write to {out}: {reason}. Choose another --out.") from None
    finally:
        os.umask(before)
        if staged is not None:
            _put_back(staged, out)


def _put_back(staged: Path, out: Path) -> None:
    """Return an earlier study to its place if the new one did not get there; clear the rest."""
    if (staged / "old").exists() and not out.exists():
        os.replace(staged / "old", out)
    shutil.rmtree(staged, ignore_errors=True)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return perform(parser(), act, words)


if __name__ == "__main__":
    sys.exit(main())
