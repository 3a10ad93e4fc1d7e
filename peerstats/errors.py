"""Every way peerstats can say no, and the exit code each one carries.

A message names the thing, what was expected and the way out. It never quotes a value from a
participant's row: what is printed on a terminal ends up in logs, tickets and e-mails.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where: an analysis file and line, or a table and column."""

    message: str
    file: str | None = None
    line: int | None = None
    table: str | None = None
    column: str | None = None
    code: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        if self.table is not None:
            table = f"table '{self.table}'" + (f", column '{self.column}'" if self.column else "")
            place = f"{place}: {table}" if place else table
        code = f"{self.code}: " if self.code else ""
        return f"{place}: {code}{self.message}" if place else f"{code}{self.message}"


MOST_NAMES = 3  # of a list in a message


class PeerstatsError(Exception):
    """A refusal with one or more problems; `exit_code` is what the command line returns."""

    exit_code = 1

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(message=p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[type[PeerstatsError], tuple[Problem, ...]]:
        """Keep the problems when the refusal comes from another process."""
        return type(self), self.problems


class UsageError(PeerstatsError):
    """The command line or the analysis file asks for something that does not exist."""

    exit_code = 2


class DataError(PeerstatsError):
    """The data do not match what the codebook or the analysis file declares."""

    exit_code = 3


class ModelError(PeerstatsError):
    """A model cannot be estimated from these data, or did not converge."""

    exit_code = 4


class DisclosureError(PeerstatsError):
    """Something that could identify a woman was about to leave the building."""

    exit_code = 5


class PlaceError(PeerstatsError):
    """Disk, permission, lock or installed software stands in the way."""

    exit_code = 6


class VerificationError(PeerstatsError):
    """A printed number is not the number that a recomputation gives."""

    exit_code = 7


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known name, or an empty string.

    >>> did_you_mean("binomal", ["binomial", "poisson"])
    " Did you mean 'binomial'?"
    >>> did_you_mean("zzz", ["binomial"])
    ''
    """
    nearest = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


def shortened(names: Iterable[str], between: str = ", ") -> str:
    """Return names in a row, the first three of a longer list, as nobody reads all of it.

    >>> shortened(["a", "b"]), shortened(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    every = list(names)
    more = len(every) - MOST_NAMES
    return between.join(every[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
