"""How the groups of one factor differ: conditional modes with intervals, ordered by size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from peerstats.data.codebook import Field
from peerstats.errors import ModelError, UsageError, did_you_mean
from peerstats.inference.layout import factor_noun
from peerstats.inference.remarks import FEW_FOR_VARIANCE
from peerstats.model.fit import Fit
from peerstats.results.blocks import Group, GroupBlock
from peerstats.results.counting import count, distinct
from peerstats.results.models import factor_label
from peerstats.results.number import Number, address

NORMAL_95 = 1.959963984540054  # the 97.5 % point of the normal distribution


def group_results(
    key: str,
    title: str,
    model: tuple[str, Fit],
    factor: str,
    fields: Mapping[str, Field],
    women: pd.Series | None = None,
) -> tuple[GroupBlock, dict[str, Number]]:
    """Return the conditional modes of a factor's random intercepts, smallest first.

    `model` is the key of a model and its adjusted fit. A mode is the group's deviation from the
    average group on the link scale (log-odds for a logit link), drawn towards 0 the more the fewer
    women the group has; its interval is mode ± 1.96 conditional standard deviations, which takes
    the coefficients and the variance as known (Pinheiro & Bates 2000, section 2.5). `women` names
    the woman of each row of the data given to the fit, where a woman can have several.

    Raises UsageError for a factor the fit does not have, and ModelError for one of fewer than 5
    groups: their modes describe single sites and not how sites differ.
    """
    name, fitted = model
    modes = _modes(name, fitted, factor)
    sizes = _sizes(fitted, factor, women)
    ordered = modes.sort_values("mode", kind="stable")
    groups = tuple(
        Group(key=str(g), label=group_label(str(g), factor, fields)) for g in ordered.index
    )
    numbers: list[Number] = []
    for group, (mode, sd) in zip(groups, ordered[["mode", "sd"]].to_numpy(), strict=True):
        numbers += _group_numbers(address(key, group.key), name, (mode, sd), int(sizes[group.key]))
    block = GroupBlock(
        key=key,
        title=title,
        model=name,
        factor=factor,
        factor_label=factor_label(factor, fields),
        groups=groups,
    )
    return block, {number.address: number for number in distinct(numbers)}


def _sizes(fitted: Fit, factor: str, women: pd.Series | None) -> dict[str, int]:
    """The number of women in each group."""
    grouping = fitted.design.groups[factor]
    if women is None:
        return dict(zip(grouping.levels, np.asarray(grouping.sizes), strict=True))
    person = women.iloc[np.asarray(fitted.design.rows)].to_numpy()
    counts = pd.Series(person).groupby(np.asarray(grouping.codes)).nunique()
    return {level: int(counts[code]) for code, level in enumerate(grouping.levels)}


def _modes(name: str, fitted: Fit, factor: str) -> pd.DataFrame:
    """The factor's conditional modes, or the reason why they are not shown."""
    if factor not in fitted.random_effects:
        raise UsageError(
            f"Model '{name}' has no grouping factor '{factor}'."
            f"{did_you_mean(factor, fitted.random_effects)}"
        )
    noun = factor_noun(factor)
    modes = fitted.random_effects[factor]
    if len(modes) < FEW_FOR_VARIANCE:
        raise ModelError(
            f"A figure of {len(modes)} {noun}s cannot show how {noun}s differ; it needs "
            f"{FEW_FOR_VARIANCE} or more."
        )
    return modes


def group_label(level: str, factor: str, fields: Mapping[str, Field]) -> str:
    """Return the words for a group: the codebook's for a site, else its name."""
    field = fields.get(factor)
    words = {v.value: v.label for v in field.levels} if field else {}
    return words.get(level, level.replace("_", " "))


def _group_numbers(at: str, model: str, mode: tuple[float, float], n: int) -> tuple[Number, ...]:
    value, sd = mode
    ends = (("", value), (".low", value - NORMAL_95 * sd), (".high", value + NORMAL_95 * sd))
    return (
        count(f"{at}.n", n),
        *(
            Number(
                address=f"{at}.mode{end}",
                kind="ci" if end else "mode",
                scale="link",
                value=float(limit),
                format="decimal2",
                se=float(sd),
                fit=model,
                basis=n,
            )
            for end, limit in ends
        ),
    )
