"""Fetch the block a table or figure is built from, of the kind it needs."""

from __future__ import annotations

from typing import TypeVar

from peerstats.errors import UsageError, did_you_mean
from peerstats.results.blocks import Block
from peerstats.results.results import Results

B = TypeVar("B", bound=Block)


def block_of(results: Results, key: str, kind: type[B]) -> B:
    """Return the block with this key; `UsageError` when it is unknown or of another kind."""
    if key not in results.blocks:
        raise UsageError(f"No block '{key}' in the results.{did_you_mean(key, results.blocks)}")
    block = results.blocks[key]
    if not isinstance(block, kind):
        raise UsageError(f"Block '{key}' is a {type(block).__name__}, not a {kind.__name__}.")
    return block
