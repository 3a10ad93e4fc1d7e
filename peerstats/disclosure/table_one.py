"""Edits of a descriptive table that keep its block, its numbers and its totals in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from peerstats.disclosure.draft import Draft, moved_parts, under, with_block, with_numbers, within
from peerstats.results import address
from peerstats.results.blocks import ALL, BaselineBlock, BaselineVariable, Item


def baselines(draft: Draft) -> Iterator[str]:
    """Return the keys of the descriptive tables."""
    for key, block in draft.results.blocks.items():
        if isinstance(block, BaselineBlock):
            yield key


def baseline(draft: Draft, key: str) -> BaselineBlock:
    """Return a descriptive table as it is now."""
    block = draft.results.blocks[key]
    if not isinstance(block, BaselineBlock):
        raise TypeError(key)
    return block


def groups_of(block: BaselineBlock, variable: BaselineVariable) -> tuple[str, ...]:
    """Return the keys of the groups a variable is shown by, without the column for everybody."""
    if not variable.by_group:
        return ()
    return tuple(group.key for group in block.groups if group.key != ALL)


def with_variable(draft: Draft, key: str, variable: BaselineVariable) -> Draft:
    """Put a variable in the place of the one with its name."""
    block = baseline(draft, key)
    variables = tuple(variable if v.name == variable.name else v for v in block.variables)
    return with_block(draft, replace(block, variables=variables))


def without_variable(draft: Draft, key: str, name: str) -> Draft:
    """Take a variable and its numbers out of the table."""
    block = baseline(draft, key)
    variables = tuple(v for v in block.variables if v.name != name)
    draft = with_numbers(draft, (), under(draft.numbers, address(key, name)))
    return with_block(draft, replace(block, variables=variables))


def without_groups(draft: Draft, key: str, variable: BaselineVariable) -> Draft:
    """Show a variable for everybody only."""
    at, groups = address(key, variable.name), groups_of(baseline(draft, key), variable)
    gone = {within(at, "smd")}
    for group in groups:
        gone.update(under(draft.numbers, within(at, group)))
        for level in variable.levels:
            gone.update(under(draft.numbers, within(at, level.key, group)))
        for item in variable.bins:
            gone.update(under(draft.numbers, within(at, "bin", item.key, group)))
    draft = with_numbers(draft, (), gone)
    return with_variable(draft, key, replace(variable, by_group=False))


def merge_counts(draft: Draft, old: Sequence[str], new: str, parts: tuple[str, ...] = ()) -> Draft:
    """Put the sum of some counts at a new address; totals of the old ones follow.

    `parts` are the addends of the sum, where it is itself a total.
    """
    if len(old) == 1 and old[0] == new:
        return draft
    numbers = [draft.numbers[at] for at in old]
    total = sum(n.value for n in numbers)
    merged = replace(
        numbers[0],
        address=new,
        value=total,
        basis=round(total),
        parts=parts if all(n.parts for n in numbers) else (),
        sensitive=max(n.sensitive for n in numbers),
    )
    draft = with_numbers(draft, [merged], set(old) - {new})
    return moved_parts(draft, dict.fromkeys(old, new))


def merged_item(items: Sequence[Item], ordered: bool, taken: set[str]) -> Item:
    """Name levels that are shown as one: "A or B", "A to C" when ordered, else "Other".

    >>> merged_item([Item(key="gt", label="Guatemala"), Item(key="ni", label="Nicaragua")], False,
    ...             set())
    Item(key='gt+ni', label='Guatemala or Nicaragua')
    """
    if len(items) == 1:
        return items[0]
    key = "+".join(item.key for item in items)
    if len(items) == 2:
        return Item(key=key, label=f"{items[0].label} or {items[1].label}")
    if ordered:
        return Item(key=key, label=f"{items[0].label} to {items[-1].label}")
    return Item(key=key, label="All others" if "Other" in taken else "Other")
