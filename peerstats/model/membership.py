"""Rows that belong to several levels: a woman who worked at two venues.

Her effect is the weighted mean of theirs, Σ_m share_m u[level_m] (Browne, Goldstein & Rasbash
2001, Statistical Modelling 1). Shares are the weights divided by their sum; without weights they
are equal. A membership that is missing has no share, so a woman of one venue has that venue's
whole effect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import DataError
from peerstats.model.formula import RandomTerm
from peerstats.model.variables import Found, as_categories, as_numbers, find_variable

Membership = tuple[NDArray[np.intp], NDArray[np.float64], tuple[str, ...]]


def read_membership(term: RandomTerm, used: Found) -> Membership:
    """Return levels (n, m), shares (n, m) and the levels' labels.

    A missing membership has level 0 and share 0. Raises DataError for weights that are negative,
    missing beside a membership, or all zero.
    """
    parts = [as_categories(find_variable(used, name)) for name in term.factors]
    labels = sorted({str(level) for part in parts for level in part.categories})
    place = {label: k for k, label in enumerate(labels)}
    columns, present = [], []
    for part in parts:
        number = np.array([*(place[str(level)] for level in part.categories), 0], dtype=np.intp)
        columns.append(number[part.codes])
        present.append(part.codes >= 0)
    shares = np.column_stack(present).astype(np.float64)
    if term.shares:
        weights = [as_numbers(find_variable(used, name)) for name in term.shares]
        shares = np.where(shares > 0, np.column_stack(weights), 0.0)
    if not np.isfinite(shares).all() or np.any(shares < 0):
        raise DataError(f"The weights of '{term.group}' must be there and not negative.")
    total = shares.sum(axis=1)
    if np.any(total <= 0):
        raise DataError(f"'{term.group}' has {int((total <= 0).sum())} row(s) without a weight.")
    return np.column_stack(columns), shares / total[:, None], tuple(labels)
