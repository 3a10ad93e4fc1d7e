"""Random numbers by name: each table and outcome draws from its own stream.

A stream depends on the seed and on its key only, so adding a variable, or switching missing values
off, leaves every other draw as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


def stream(seed: int, *key: str) -> np.random.Generator:
    """Return the generator of one key, e.g. `stream(1, "visits", "mobile")`.

    The key's words become the spawn key of a `SeedSequence` (by CRC-32, which is the same
    everywhere, unlike `hash`).

    >>> bool(stream(1, "a").random() == stream(1, "a").random())
    True
    >>> bool(stream(1, "a").random() == stream(1, "b").random())
    False
    """
    words = tuple(zlib.crc32(word.encode()) for word in key)
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=words)
    return np.random.Generator(np.random.PCG64(sequence))


def choose(rng: np.random.Generator, shares: Sequence[Sequence[float]], row: Ints) -> Ints:
    """Draw one category index per element of `row`, with the shares of that row.

    `shares` holds one row of non-negative weights per group; rows are scaled to sum to one.
    """
    weights = np.asarray(shares, dtype=float)
    edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    edges[:, -1] = 1.0
    draws = rng.random(len(row))
    index = np.zeros(len(row), dtype=np.int64)
    for category in range(edges.shape[1] - 1):
        index += draws >= edges[row, category]
    return index


def pick(rng: np.random.Generator, shares: Sequence[float], size: int) -> Ints:
    """Draw `size` category indices with the same shares for everybody."""
    return choose(rng, [shares], np.zeros(size, dtype=np.int64))


def expit(eta: Floats) -> Floats:
    """Return the inverse logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-eta)), dtype=np.float64)


def at_least_one(rng: np.random.Generator, shares: Sequence[float], rows: Bools) -> Bools:
    """Draw yes or no per column with the given shares, and at least one yes in every true row.

    Returns (len(rows), len(shares)); false rows are all no. A true row that drew no yes gets one,
    chosen with the same shares.
    """
    drawn = rng.random((len(rows), len(shares))) < np.asarray(shares)
    forced = pick(rng, shares, len(rows))
    empty = np.flatnonzero(~drawn.any(axis=1))
    drawn[empty, forced[empty]] = True
    return np.asarray(drawn & rows[:, None], dtype=np.bool_)
