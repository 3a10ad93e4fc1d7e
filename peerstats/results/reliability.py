"""How well the items of each scale hang together, and where its scores pile up."""

from __future__ import annotations

from collections.abc import Sequence

from peerstats.data.codebook import Codebook, Scale
from peerstats.data.scales import Reliability, score
from peerstats.data.scales import reliability as describe
from peerstats.data.study import Table
from peerstats.errors import UsageError, did_you_mean
from peerstats.results.blocks import Item, ReliabilityBlock
from peerstats.results.counting import (
    constant,
    count,
    decimal_noise_off,
    distinct,
    percent,
    statistic,
    within,
)
from peerstats.results.number import Kind, Number, address


def reliability(
    key: str, title: str, table: Table, codebook: Codebook, scales: Sequence[str]
) -> tuple[ReliabilityBlock, tuple[Number, ...]]:
    """Return alpha, omega, score and item statistics of the named scales (`peerstats.data.scales`).

    Two denominators: B.S.n women have a score (by the half-rule), which B.S.mean and B.S.sd
    describe; B.S.complete women answered every item, which B.S.alpha, .omega, .I.item_rest and the
    percentages B.S.floor and .ceiling describe, with B.S.floor_n and .ceiling_n behind them. A
    quantity that cannot be had is NaN. Raises UsageError for an unknown scale, DataError when the
    table lacks an item.
    """
    shown: list[tuple[Item, tuple[Item, ...]]] = []
    numbers: list[Number] = []
    remarks: list[str] = []
    for name in scales:
        if name not in codebook.scales:
            raise UsageError(
                f"The codebook has no scale '{name}'.{did_you_mean(name, codebook.scales)}"
            )
        scale = codebook.scales[name]
        items = tuple(Item(key=i, label=codebook.fields[i].label) for i in scale.items)
        shown.append((Item(key=name, label=scale.label), items))
        reversed_items = {i for i in scale.items if codebook.fields[i].reverse}
        about = describe(table.values, scale, reversed_items)
        sensitive = max(codebook.fields[i].sensitive for i in scale.items)
        at = address(key, name)
        numbers += _coefficients(at, about, sensitive)
        numbers += _scores(at, table, scale, reversed_items, sensitive)
        remarks += _remarks(scale, about)
    block = ReliabilityBlock(key=key, title=title, scales=tuple(shown), remarks=tuple(remarks))
    return block, distinct(numbers)


def _coefficients(at: str, about: Reliability, sensitive: int) -> list[Number]:
    """Return items, complete, alpha, omega, floor, ceiling and each item's correlation."""
    complete = count(within(at, "complete"), about.n_complete, sensitive=sensitive)
    numbers = [constant(within(at, "items"), len(about.items)), complete]
    estimates = {"alpha": about.alpha, "omega": about.omega}
    estimates |= {
        address(item, "item_rest"): value
        for item, value in zip(about.items, about.item_rest, strict=True)
    }
    for name, value in estimates.items():
        numbers.append(
            statistic(
                f"{at}.{name}",
                "reliability",
                value,
                format="decimal2",
                basis=about.n_complete,
                sensitive=sensitive,
            )
        )
    for name, share in (("floor", about.floor), ("ceiling", about.ceiling)):
        women = round(share * about.n_complete) if about.n_complete else 0
        piled = count(within(at, f"{name}_n"), women, sensitive=sensitive)
        numbers += [piled, percent(within(at, name), piled, complete)]
    return numbers


def _scores(
    at: str, table: Table, scale: Scale, reversed_items: set[str], sensitive: int
) -> list[Number]:
    """Return n, mean and SD (divisor n - 1) of the scores; an SD needs two women."""
    scores = score(table.values, table.codes, scale, reversed_items)[0].dropna()
    n = len(scores)
    numbers = [count(within(at, "n"), n, sensitive=sensitive)]
    found: tuple[tuple[Kind, float], ...] = (
        ("mean", decimal_noise_off(scores.mean())),
        ("sd", scores.std(ddof=1)),
    )
    for name, value in found:
        numbers.append(
            statistic(
                within(at, name), name, value, format="decimal1", basis=n, sensitive=sensitive
            )
        )
    return numbers


def _remarks(scale: Scale, about: Reliability) -> list[str]:
    """Say what to be careful about, without telling anything of a few women's answers."""
    remarks = []
    if about.note and about.n_complete:
        remarks.append(f"{scale.label}: not every coefficient can be estimated from these answers.")
    if about.heywood:
        remarks.append(
            f"{scale.label}: ω rests on a boundary solution (Heywood case) of the one-factor model."
        )
    return remarks
