"""Plots of groups: sites lose their names, their sizes and, when few, the plot.

A letter must not lead back to a town. Letters in order of name or size would; so would a shuffle
whose key is public, since anybody can repeat it. The key here is a digest of all exact numbers,
which only holders of the data have: the same data give the same letters, and nobody else can find
them again. A size printed beside a letter would name a town whose size is known, so it is
withheld. What stays is the width of an interval, which follows the size.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, under, with_block, with_numbers, withhold
from peerstats.results import Results, address
from peerstats.results.blocks import Group, GroupBlock

SIZE = "would identify the group"


def secret_of(results: Results) -> bytes:
    """Return a key that only holders of the exact results can compute."""
    digest = hashlib.sha256(results.title.encode())
    for at in sorted(results.numbers):
        digest.update(f"{at}={results.numbers[at].value!r};".encode())
    for key in sorted(results.fits):
        digest.update(f"{key}={results.fits[key].loglik!r};".encode())
    return digest.digest()


def letters(keys: list[str], secret: bytes) -> dict[str, str]:
    """Return a letter for each key: A, B, … Z, AA, …, in the order of their keyed hashes.

    >>> letters(["tapachula", "tecun_uman"], b"k") == letters(["tecun_uman", "tapachula"], b"k")
    True
    """
    shuffled = sorted(keys, key=lambda k: hmac.new(secret, k.encode(), hashlib.sha256).digest())
    return {key: _letter(i) for i, key in enumerate(shuffled)}


def _letter(index: int) -> str:
    """Return A to Z, then AA, AB, …"""
    first, last = divmod(index, 26)
    return (_letter(first - 1) if first else "") + chr(ord("A") + last)


def protect_modes(draft: Draft) -> Draft:
    """Leave out small groups, rename the others, and leave out plots of few groups."""
    for block in list(draft.results.blocks.values()):
        if isinstance(block, GroupBlock):
            draft = _protect(draft, block)
    return draft


def _protect(draft: Draft, block: GroupBlock) -> Draft:
    at = block.key
    kept = [g for g in block.groups if not draft.policy.small(draft.count(address(at, g.key, "n")))]
    if len(kept) < draft.policy.least_modes:
        blocks = {k: b for k, b in draft.results.blocks.items() if k != at}
        draft = with_numbers(draft, (), under(draft.numbers, at))
        draft = replace(draft, results=replace(draft.results, blocks=blocks))
        return note(draft, f"{block.title}: left out, because too few groups could be shown")
    names = letters([g.key for g in kept], draft.secret)
    numbers = []
    for group in kept:
        old, new = address(at, group.key), address(at, names[group.key])
        for place in under(draft.numbers, old):
            number = draft.numbers[place]
            numbers.append(replace(number, address=new + place[len(old) :], parts=()))
    draft = with_numbers(with_numbers(draft, (), under(draft.numbers, at)), numbers)
    draft = withhold(draft, [address(at, letter, "n") for letter in names.values()], SIZE)
    groups = tuple(Group(key=names[g.key], label=names[g.key]) for g in kept)
    draft = with_block(draft, replace(block, groups=groups))
    words = [f"{block.title}: names of groups replaced by letters"]
    if len(kept) < len(block.groups):
        words.append(f"{block.title}: groups left out, because of small numbers")
    return note(draft, *words)
