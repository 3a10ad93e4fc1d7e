"""New outcomes from a fitted model.

y* ~ family(η*), η* = Xβ̂ + offset + Σ_k z_k'b_k. For a new study of the same design the b are drawn
anew from N(0, Σ̂_k); for the same groups seen again they stay at their modes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import ModelError, UsageError
from peerstats.model.families import Family
from peerstats.model.prediction import check_choice, fitted_link
from peerstats.model.random_effect import random_effects
from peerstats.model.refit import one_row_each

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

EFFECTS = ("new", "modes")


def simulate(fit: Fit, rng: np.random.Generator, size: int, effects: str) -> pd.DataFrame:
    """Return `size` outcomes of every row, one column each; successes where there are trials.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> model.simulate(np.random.default_rng(3), 2).shape
    (120, 2)
    """
    check_choice("effects", effects, EFFECTS)
    if size < 1:
        raise UsageError("size must be 1 or more.")
    drawn = one_row_each(fit)
    trials = drawn.design.trials
    columns = [draw_outcome(drawn, rng, effects) for _ in range(size)]
    if trials is not None:
        columns = [np.round(column * trials) for column in columns]
    return pd.DataFrame(dict(enumerate(columns)), index=drawn.design.rows)


def draw_outcome(fit: Fit, rng: np.random.Generator, effects: str = "new") -> Array:
    """Return one outcome of every row, coded as the design codes it (proportions with trials)."""
    family = fitted_family(fit)
    if family.draw is None:
        raise ModelError(f"{family!r} cannot be simulated from.")
    eta = fitted_link(fit.design, fit.solution, conditional=effects == "modes")
    if effects == "new":
        for effect in random_effects(fit):
            eta = eta + effect.of(effect.draw(rng))
    trials = np.ones(fit.design.n) if fit.design.trials is None else fit.design.trials
    return family.draw(rng, eta, trials, float(np.sqrt(fit.solution.dispersion)))


def fitted_family(fit: Fit) -> Family:
    """Return the fit's family, its auxiliary predictors fixed at their estimates."""
    return fit.family if fit.family.at is None else fit.family.at(auxiliary_predictors(fit))


def auxiliary_predictors(fit: Fit) -> Array:
    """Return ψ by row, (n, k): G_j γ_j for each of the family's own parameters."""
    columns, at = [], 0
    for name in fit.family.auxiliary:
        G = fit.design.auxiliary.get(name, np.ones((fit.design.n, 1)))
        columns.append(G @ fit.solution.auxiliary[at : at + G.shape[1]])
        at += G.shape[1]
    return np.column_stack(columns)
