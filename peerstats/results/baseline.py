"""Table 1: who took part, for everybody and by group.

Denominators. A percentage is of the women who answered; `answered` and `asked` stand beside it, so
that a reader sees both what a skip rule passed over and what was lost.

Quantiles are Hyndman & Fan's type 7 (Am Stat 1996;50:361): for x₍₁₎ ≤ … ≤ x₍ₙ₎ the p-quantile is
at h = (n - 1)p + 1, linear between the neighbours. It is the default of R and numpy; SPSS and
Stata differ in small samples. The SD has divisor n - 1.

Adding up. Every count for everybody names the groups' counts as its parts when each woman has a
group, and an `answered` names its levels; percentages name numerator and denominator. So all totals
can be made again from rounded cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from peerstats.data.codebook import Field
from peerstats.data.study import Table
from peerstats.errors import UsageError
from peerstats.results.answers import Answers, read_answers, skip_rule
from peerstats.results.bins import bin_counts, bins
from peerstats.results.blocks import ALL, BaselineBlock, BaselineVariable, Group, Item
from peerstats.results.counting import (
    count,
    decimal_noise_off,
    distinct,
    percent,
    statistic,
    within,
)
from peerstats.results.number import Kind, Number, address
from peerstats.results.smd import smd_levels, smd_numeric

Floats = NDArray[np.float64]


def _sd(x: Floats) -> float:
    return float(np.std(x, ddof=1)) if len(x) > 1 else math.nan


def _quantile(x: Floats, share: float) -> float:
    return decimal_noise_off(float(np.quantile(x, share, method="linear")))  # type 7


STATISTICS: Mapping[str, tuple[Kind, Callable[[Floats], float]]] = {
    "mean": ("mean", lambda x: decimal_noise_off(float(np.mean(x)))),
    "sd": ("sd", _sd),
    "median": ("median", lambda x: _quantile(x, 0.5)),
    "q1": ("quartile", lambda x: _quantile(x, 0.25)),
    "q3": ("quartile", lambda x: _quantile(x, 0.75)),
    "minimum": ("minimum", lambda x: float(np.min(x))),
    "maximum": ("maximum", lambda x: float(np.max(x))),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Column:
    """A column of the table: its group, its rows (n,) and how sensitive belonging to it is."""

    group: Group
    rows: NDArray[np.bool_]
    sensitive: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """The columns, `all` first; `complete` when each woman is in exactly one group."""

    columns: tuple[_Column, ...]
    complete: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """The groups' keys, in order."""
        return tuple(column.group.key for column in self.columns)


def baseline(
    key: str,
    title: str,
    table: Table,
    variables: Sequence[Field],
    by: Field | None = None,
    others: Mapping[str, Field] = MappingProxyType({}),
) -> tuple[BaselineBlock, tuple[Number, ...]]:
    """Return Table 1 of the rows of `table`, for everybody and by the levels of `by`.

    Variables with levels (category, boolean, ordinal with named levels, key) get n and percent per
    level in the codebook's order, measurements get mean, SD, median, quartiles, extremes and a
    histogram; each gets `answered`, `asked` and, by group, the standardised mean difference
    (formulas in `peerstats.results.smd`). Women without a value of `by` are in the column for
    everybody only, which a remark says. `by` itself, listed as a variable, is shown for everybody.
    `others` are fields that skip rules speak of. Percentages are on 0–100; a statistic of nobody
    is NaN. Raises UsageError for an unknown, repeated or unsuitable variable, DataError for values
    outside the codebook's levels.
    """
    _check_names(variables)
    split = _split(table, by)
    numbers = _women(key, split)
    others = {**others, **{field.name: field for field in variables}}
    rows = []
    for field in variables:
        alone = by is not None and field.name == by.name
        shown = _Split(columns=split.columns[:1], complete=False) if alone else split
        answers = read_answers(table, field)
        rows.append(_variable(answers, shown, others))
        numbers += _numbers(address(key, field.name), answers, shown, _secrecy(field, others))
    block = BaselineBlock(
        key=key,
        title=title,
        groups=tuple(column.group for column in split.columns),
        variables=tuple(rows),
        by_label=by.label if by else None,
        sites=by is not None and by.type == "key",
        remarks=_remarks(split, by),
    )
    return block, distinct(numbers)


def _secrecy(field: Field, others: Mapping[str, Field]) -> int:
    """Return how sensitive it is to know who was asked: as the answer that decides it."""
    gate = others.get(field.asked_if.variable) if field.asked_if else None
    return max(field.sensitive, gate.sensitive if gate else 0)


def _check_names(variables: Sequence[Field]) -> None:
    names = [field.name for field in variables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"Table 1 lists the variable '{twice[0]}' twice; list it once.")


def _split(table: Table, by: Field | None) -> _Split:
    """Divide the rows by the levels of `by` that any woman has."""
    everybody = _Column(
        group=Group(key=ALL, label="All"), rows=np.ones(len(table.values), dtype=bool)
    )
    if by is None:
        return _Split(columns=(everybody,), complete=False)
    answers = read_answers(table, by)
    if answers.numeric:
        raise UsageError(
            f"Table 1 cannot be split by '{by.name}', which is a measurement; use a variable with"
            " levels."
        )
    if any(address(level.value) == ALL for level in answers.levels):
        raise UsageError(f"A level of '{by.name}' is called '{ALL}'; rename it in the codebook.")
    groups = [
        _Column(
            group=Group(key=level.value, label=level.label),
            rows=answers.values == level.value,
            sensitive=by.sensitive,
        )
        for level in answers.levels
    ]
    kept = tuple(column for column in groups if column.rows.any())
    return _Split(columns=(everybody, *kept), complete=bool(answers.answered.all() and kept))


def _women(key: str, split: _Split) -> list[Number]:
    """Return B.G.n."""
    sizes = [int(column.rows.sum()) for column in split.columns]
    return _across(split, [address(key, g, "n") for g in split.keys], sizes, 0)


def _remarks(split: _Split, by: Field | None) -> tuple[str, ...]:
    if by is None or split.complete:
        return ()
    return (f"Women without a value for {by.label} are in the column for everybody only.",)


def _variable(answers: Answers, split: _Split, others: Mapping[str, Field]) -> BaselineVariable:
    """Return the words and order of one variable's rows."""
    field = answers.field
    gate = others.get(field.asked_if.variable) if field.asked_if else None
    return BaselineVariable(
        name=field.name,
        label=field.label,
        numeric=answers.numeric,
        unit=field.unit,
        levels=tuple(Item(key=level.value, label=level.label) for level in answers.levels),
        bins=bins(field) if answers.numeric else (),
        sensitive=field.sensitive,
        skip_rule=skip_rule(field, others),
        skip_open=gate is not None and gate.role == "eligibility",
        by_group=len(split.columns) > 1,
        ordered=field.type == "ordinal",
    )


def _numbers(at: str, answers: Answers, split: _Split, sensitive: int) -> list[Number]:
    """Return all numbers of one variable; `at` is B.V, `sensitive` is of who was asked."""
    asked = [int((answers.asked & c.rows).sum()) for c in split.columns]
    numbers = _across(split, [within(at, g, "asked") for g in split.keys], asked, sensitive)
    numbers += (_measurement if answers.numeric else _levels)(at, answers, split)
    return numbers


def _levels(at: str, answers: Answers, split: _Split) -> list[Number]:
    """Return answered, n and percent of each level and the distance of the groups."""
    sensitive = answers.field.sensitive
    table = [
        [int((answers.values[c.rows] == level.value).sum()) for c in split.columns]
        for level in answers.levels
    ]
    counts: list[Number] = []
    for level, row in zip(answers.levels, table, strict=True):
        addresses = [within(at, level.value, g, "n") for g in split.keys]
        counts += _across(split, addresses, row, sensitive)
    cells = {n.address: n for n in counts}
    numbers = list(counts)
    for column in split.columns:
        group = column.group.key
        own = [cells[within(at, level.value, group, "n")] for level in answers.levels]
        answered = count(
            within(at, group, "answered"),
            int((answers.answered & column.rows).sum()),
            parts=tuple(n.address for n in own),
            sensitive=max(sensitive, column.sensitive),
        )
        numbers.append(answered)
        for level, cell in zip(answers.levels, own, strict=True):
            numbers.append(percent(within(at, level.value, group, "percent"), cell, answered))
    by_group = [np.array([row[i] for row in table]) for i in range(1, len(split.columns))]
    return numbers + _distance(at, answers, by_group)


def _measurement(at: str, answers: Answers, split: _Split) -> list[Number]:
    """Return answered, statistics, histogram and the distance of the groups."""
    field = answers.field
    # Sorted, so that the last digit of a mean does not depend on the order of the rows.
    samples = [np.sort(answers.values[answers.answered & c.rows]) for c in split.columns]
    sizes = [len(x) for x in samples]
    addresses = [within(at, g, "answered") for g in split.keys]
    numbers = _across(split, addresses, sizes, field.sensitive)
    for column, x in zip(split.columns, samples, strict=True):
        sensitive = max(field.sensitive, column.sensitive)
        numbers += _statistics(within(at, column.group.key), field, x, sensitive)
    if items := bins(field):
        heights = [bin_counts(field, x) for x in samples]
        for i, item in enumerate(items):
            row = [int(h[i]) for h in heights]
            addresses = [within(at, "bin", item.key, g, "n") for g in split.keys]
            numbers += _across(split, addresses, row, field.sensitive)
    return numbers + _distance(at, answers, samples[1:])


def _statistics(at: str, field: Field, x: Floats, sensitive: int) -> list[Number]:
    """Return the statistics of one sample (n,); an extreme is the value of one woman."""
    numbers = []
    for name, (kind, compute) in STATISTICS.items():
        value = float(compute(x)) if len(x) else math.nan
        extreme = kind in ("minimum", "maximum")
        numbers.append(
            statistic(
                within(at, name),
                kind,
                value,
                format=_extreme_format(value) if extreme else _format(field),
                basis=min(1, len(x)) if extreme else _described(x),
                sensitive=sensitive,
            )
        )
    return numbers


def _described(x: Floats) -> int:
    """Return how many women a statistic speaks of: where half of them or more gave the same value
    (no arrest, no child), those who did not, since the mean is then about them.

    >>> _described(np.array([0.0, 0.0, 0.0, 2.0])), _described(np.array([1.0, 2.0, 3.0]))
    (1, 3)
    """
    most = int(np.unique(x, return_counts=True)[1].max()) if len(x) else 0
    return len(x) - most if 2 * most >= len(x) and len(x) > 1 else len(x)


def _distance(at: str, answers: Answers, groups: Sequence[NDArray]) -> list[Number]:
    """Return B.V.smd when there are groups to compare; its basis is the smallest group."""
    if len(groups) < 2:
        return []
    sizes = [_described(g) if answers.numeric else int(g.sum()) for g in groups]
    value = smd_numeric(groups) if answers.numeric else smd_levels(groups)
    return [
        statistic(
            within(at, "smd"),
            "smd",
            value,
            format="decimal2",
            basis=min(sizes),
            sensitive=answers.field.sensitive,
        )
    ]


def _across(
    split: _Split, addresses: Sequence[str], values: Sequence[int], sensitive: int
) -> list[Number]:
    """Return one count per column; the parts of the one for everybody are the groups' counts."""
    addends = tuple(addresses[1:]) if split.complete else ()
    return [
        count(
            at,
            value,
            parts=addends if column.group.key == ALL else (),
            sensitive=max(sensitive, column.sensitive),
        )
        for column, at, value in zip(split.columns, addresses, values, strict=True)
    ]


def _format(field: Field) -> str:
    """Return two decimals for short ranges (a 1 to 5 answer, a share), one for all others."""
    if field.low is not None and field.high is not None and field.high - field.low < 10:
        return "decimal2"
    return "decimal1"


def _extreme_format(value: float) -> str:
    """Return as many decimals, at most two, as a woman's own value has."""
    if math.isnan(value):
        return "decimal0"
    return f"decimal{next(d for d in (0, 1, 2) if d == 2 or round(value, d) == value)}"
