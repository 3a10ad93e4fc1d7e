"""What all command lines share: options with hints, progress on stderr, one exit code a cause."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from peerstats.errors import PeerstatsError, Problem, did_you_mean

EXIT_CODES = """\
exit codes: 0 done; 1 a bug of ours; 2 command line or analysis file; 3 data do not match what was
declared; 4 a model cannot be estimated or did not converge; 5 refused for disclosure; 6 disk,
permission, lock or software; 7 verification found a difference; 130 interrupted"""

BUG, INTERRUPTED = 1, 130


class Parser(argparse.ArgumentParser):
    """An argument parser that says which option was probably meant, and nothing more."""

    def __init__(self, program: str, description: str) -> None:
        super().__init__(
            prog=f"python -m peerstats.{program}",
            description=description,
            epilog=EXIT_CODES,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("--json", action="store_true", help="print results as one JSON object")
        self.add_argument("-q", "--quiet", action="store_true", help="print no progress")
        self.add_argument("--debug", action="store_true", help="on a bug, show where it happened")

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and leave with exit code 2."""
        known = [option for action in self._actions for option in action.option_strings]
        unknown = [word for word in message.split() if word.startswith("--")]
        hint = did_you_mean(unknown[-1].split("=")[0], known) if unknown else ""
        self.exit(2, f"peerstats: {message}.{hint} See --help.\n")


Action = Callable[[argparse.Namespace], Sequence[str]]


def perform(parser: Parser, action: Action, words: Sequence[str] | None = None) -> int:
    """Parse the words, do the action, print its result paths and return the exit code.

    A refusal prints its problems on stderr, one a line. An unforeseen error prints its type and
    place only: its message could quote a participant's value.
    """
    arguments = parser.parse_args(words)
    try:
        lines = action(arguments)
    except PeerstatsError as refusal:
        return _refuse(refusal.problems, refusal.exit_code, arguments.json)
    except KeyboardInterrupt:
        return _refuse(
            [Problem(message="Interrupted; what stood before is untouched.")],
            INTERRUPTED,
            arguments.json,
        )
    except Exception as error:
        if arguments.debug:
            print(_places(error), file=sys.stderr)
        hint = (
            "" if arguments.debug else " Run again with --debug to see where, and please report it."
        )
        problem = Problem(message=f"This is a bug of ours ({type(error).__name__}).{hint}")
        return _refuse([problem], BUG, arguments.json)
    if arguments.json:
        _print(json.dumps({"status": 0, "paths": list(lines)}, indent=1))
    elif lines:
        _print("\n".join(lines))
    return 0


def _print(text: str) -> None:
    """Print; when the reader has gone (`| head`), be silent, as other programs are."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit


def _refuse(problems: Sequence[Problem], code: int, as_json: bool) -> int:
    for problem in problems:
        print(f"peerstats: {problem}", file=sys.stderr)
    if as_json:
        told = [
            {k: getattr(p, k) for k in ("message", "file", "line", "table", "column", "code")}
            for p in problems
        ]
        _print(json.dumps({"status": code, "problems": told}, indent=1))
    return code


def _places(error: BaseException) -> str:
    """The trace without values: files, lines and function names only."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames)


def progress(quiet: bool) -> Callable[[str], None]:
    """Return a function that shows the step under way: on stderr, and only on a terminal."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None
    from rich.console import Console  # late: needed on a terminal only

    console = Console(stderr=True)  # heeds NO_COLOR
    return lambda step: console.print(f"[dim]·[/dim] {step}", highlight=False)
