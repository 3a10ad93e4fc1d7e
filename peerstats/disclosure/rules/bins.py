"""Histograms: neighbouring bins are merged until none holds few women.

The first and the last bin with anybody in it are the smallest and the largest value, to the width
of a bin; an empty one between two others sets single women apart. So bins are merged for everybody
from the left, each as soon as it is large enough, and what is left over joins the last one. A
group keeps its bins only where all of them are large enough in that group too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, under, with_numbers, within
from peerstats.disclosure.table_one import (
    baseline,
    baselines,
    groups_of,
    merge_counts,
    with_variable,
)
from peerstats.results import address
from peerstats.results.blocks import ALL, BaselineVariable, Item


def merge_bins(draft: Draft) -> Draft:
    """Merge the bins of every histogram, or leave it out where everybody is in one bin."""
    for key in baselines(draft):
        for variable in baseline(draft, key).variables:
            if variable.bins:
                draft = _protect(draft, key, variable)
    return draft


def _protect(draft: Draft, key: str, variable: BaselineVariable) -> Draft:
    at, block = address(key, variable.name), baseline(draft, key)
    counts = [draft.count(within(at, "bin", item.key, ALL, "n")) for item in variable.bins]
    runs = merged_runs(counts, draft)
    if len(runs) < 2:
        draft = with_numbers(draft, (), under(draft.numbers, within(at, "bin")))
        return note(
            with_variable(draft, key, replace(variable, bins=())),
            f"{block.title}: histogram of {variable.label} left out, because of small numbers",
        )
    items = []
    for run in runs:
        old = [variable.bins[i] for i in run]
        item = joined(old)
        items.append(item)
        for group in (*groups_of(block, variable), ALL):
            places = [within(at, "bin", b.key, group, "n") for b in old]
            if all(place in draft.numbers for place in places):
                groups = groups_of(block, variable) if group == ALL else ()
                parts = tuple(within(at, "bin", item.key, g, "n") for g in groups)
                draft = merge_counts(draft, places, within(at, "bin", item.key, group, "n"), parts)
    variable = replace(variable, bins=tuple(items))
    draft = _without_sparse_groups(draft, key, variable)
    return with_variable(draft, key, variable)


def merged_runs(counts: Sequence[int], draft: Draft) -> list[list[int]]:
    """Return runs of neighbouring bins, none of them small; one run or none: no histogram."""
    runs: list[list[int]] = []
    open_run: list[int] = []
    for i in range(len(counts)):
        open_run.append(i)
        if not draft.policy.small(sum(counts[j] for j in open_run)):
            runs.append(open_run)
            open_run = []
    if open_run and runs:
        runs[-1] = runs[-1] + open_run
    return runs


def joined(items: Sequence[Item]) -> Item:
    """Name a run of bins by its outer edges.

    >>> joined([Item(key="15<20", label="15–19"), Item(key="20<25", label="20–24")])
    Item(key='15<25', label='15–24')
    """
    first, last = items[0], items[-1]
    if first is last:
        return first
    key = f"{first.key.split('<')[0]}<{last.key.split('<')[-1]}"
    between = " to <" if "<" in first.label else "–"
    label = f"{first.label.split(between)[0]}{between}{last.label.split(between)[-1]}"
    return Item(key=key, label=label)


def _without_sparse_groups(draft: Draft, key: str, variable: BaselineVariable) -> Draft:
    """Take away the bins of groups in which any bin is small."""
    at = address(key, variable.name)
    gone: list[str] = []
    for group in groups_of(baseline(draft, key), variable):
        places = [within(at, "bin", item.key, group, "n") for item in variable.bins]
        if any(draft.policy.small(draft.count(place)) for place in places):
            gone += places
    return with_numbers(draft, (), gone)
