"""Everything a report may print, as one frozen value; renderers read only this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peerstats.errors import PeerstatsError, did_you_mean
from peerstats.results.blocks import Block
from peerstats.results.number import Number


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """How one fit went: what a reviewer needs to judge it without the data."""

    key: str
    formula: str
    family: str
    link: str
    method: str
    nobs: int
    groups: tuple[tuple[str, int], ...]
    converged: bool
    singular: bool
    gradient: float | None
    min_eigenvalue: float | None
    loglik: float
    dropped: tuple[tuple[str, int], ...]
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """Which rules the gate applied; only results that carry one may be written to `release/`."""

    profile: str
    reason: str
    threshold: int
    rounding: str
    withheld: int
    actions: tuple[str, ...]  # merges and removals, in words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """Numbers by address, the blocks that order them, and how every fit went."""

    analysis: str
    title: str
    synthetic: bool
    provenance: str
    numbers: Mapping[str, Number]
    blocks: Mapping[str, Block]
    fits: Mapping[str, FitRecord]
    sentences: tuple[tuple[str, str], ...] = ()  # (heading, text) that come from the spec itself
    clearance: Clearance | None = None
    unit: str = ""  # what a row is, in a sentence without numbers; "" when that is plain

    def number(self, at: str) -> Number:
        """Return the number at an address; a wrong address is a bug of ours and says so."""
        try:
            return self.numbers[at]
        except KeyError:
            raise PeerstatsError(f"No number at '{at}'.{did_you_mean(at, self.numbers)}") from None

    def has(self, at: str) -> bool:
        """Whether there is a number at this address."""
        return at in self.numbers
