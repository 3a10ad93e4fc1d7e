"""The tree a formula is read into: names, constants, listed calls, operations and bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A column of the data."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, kept with the characters it was written with."""

    value: float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A listed function with one argument (two for cbind) and its constant options."""

    function: str
    arguments: tuple[Node, ...]
    options: tuple[tuple[str, float | str], ...] = ()

    def __str__(self) -> str:
        given = [str(a) for a in self.arguments]
        if self.function == "mm":
            count = int(dict(self.options)["members"])
            weights = f" | {', '.join(given[count:])}" if given[count:] else ""
            return f"mm({', '.join(given[:count])}{weights})"
        if self.function == "C":
            keys = {"ref": "", "reference": "reference="}
            given += [f"Treatment({keys[key]}{value!r})" for key, value in self.options]
        else:
            given += [f"{key}={value:g}" for key, value in self.options]
        return f"{self.function}({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands, or one (`left` is None) for a sign."""

    sign: str
    left: Node | None
    right: Node
    grouped: bool = False  # stood in parentheses

    def __str__(self) -> str:
        text = (
            f"{self.sign}{self.right}"
            if self.left is None
            else f"{self.left} {self.sign} {self.right}"
        )
        return f"({text})" if self.grouped else text


@dataclass(frozen=True, slots=True)
class Bar:
    """A random-effects term: `(effects | groups)`, or `||` for uncorrelated effects."""

    effects: Node
    groups: Node
    correlated: bool

    def __str__(self) -> str:
        return f"({self.effects} {'|' if self.correlated else '||'} {self.groups})"


Node = Name | Number | Call | Operation | Bar


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed formula: what stands left of `~` (None when nothing does) and right of it."""

    left: Node | None
    right: Node


def names_in(node: Node) -> Iterator[str]:
    """Yield the columns a tree mentions, in reading order, repeats included.

    >>> list(names_in(Operation("+", Name("x"), Name("a"))))
    ['x', 'a']
    """
    # A stack instead of recursion: a long sum is a deep tree.
    waiting: list[Node] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Name):
            yield here.name
        elif isinstance(here, Call):
            waiting += reversed(here.arguments)
        elif isinstance(here, Operation):
            waiting.append(here.right)
            if here.left is not None:
                waiting.append(here.left)
        elif isinstance(here, Bar):
            waiting += [here.groups, here.effects]
