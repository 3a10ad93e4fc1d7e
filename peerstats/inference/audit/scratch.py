"""Blocks of replicates that are done, kept on disk so that an interrupted audit can go on.

A file holds the sums of one block under one method, and nothing of anybody's answers: how many
intervals held the truth, how many tests rejected, the sum of the estimates. Its folder carries the
fingerprint of the truths, the layout and the code, so that a change of any of them starts anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from peerstats.errors import PlaceError
from peerstats.inference.audit.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The folder of one audit's blocks; with folder None nothing is kept."""

    folder: Path | None

    def read(self, fingerprint: str, block: str) -> tuple[Tally, ...] | None:
        """Return a block's sums, or None when it is not there or cannot be read."""
        if self.folder is None:
            return None
        try:
            rows = json.loads(self._file(fingerprint, block).read_text(encoding="utf-8"))
            return tuple(_tally(row) for row in rows)
        except (OSError, ValueError, TypeError):
            return None

    def write(self, fingerprint: str, block: str, found: Sequence[Tally]) -> None:
        """Keep a block's sums; the file appears whole or not at all. Raises PlaceError."""
        if self.folder is None:
            return
        path = self._file(fingerprint, block)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)  # for its owner only
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump([astuple(tally) for tally in found], file)
            os.replace(name, path)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            message = f"Could not write to {self.folder}: {reason}. Choose another --out."
            raise PlaceError(message) from None

    def _file(self, fingerprint: str, block: str) -> Path:
        assert self.folder is not None  # noqa: S101  (asked by both callers)
        name = hashlib.sha256(block.encode()).hexdigest()[:20]
        return self.folder / fingerprint / f"{name}.json"


def _tally(row: Sequence[float]) -> Tally:
    *counts, total, squares = row
    replicates, answered, covered, tested, rejected = (int(count) for count in counts)
    return Tally(
        replicates=replicates,
        answered=answered,
        covered=covered,
        tested=tested,
        rejected=rejected,
        total=float(total),
        squares=float(squares),
    )
