"""What an outcome is: its likelihood and derivatives in the linear predictor.

Notation: y the outcome (a proportion of successes when there are trials), η the linear predictor,
m the weight of a row (trials x frequency). A family gives, row by row,

    kernel  l(y, η, m)   log-likelihood without the terms that do not depend on η
    r  = dl/dη           W = -d²l/dη²  (observed, not expected)           W' = dW/dη

and the constant apart, so that an engine adds it once. Families know nothing of groups or
matrices; engines know nothing of links.

Some outcomes have parameters beside η: a shape, thresholds, a probability of a zero. They are k
auxiliary predictors ψ_1..ψ_k of each row (on a scale without bounds: log, logit), with
ψ_j = G_j γ_j and G_j a column of ones unless a formula gives more. For those the kernel holds every
term that depends on η or ψ, and a family gives as well

    dl/dψ_j         dr/dψ_j         dW/dψ_j
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

AuxiliarySlopes = tuple[Array, Array, Array]
AuxiliarySecond = tuple[Array, AuxiliarySlopes]

LARGEST_EXPONENT = 700.0  # exp() of more overflows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Family:
    """One outcome family with its link.

    `slopes(y, eta, m)` returns (kernel, r, W) and `third(y, eta, m)` returns W', each (n,).
    `constant(y, weights, trials)` returns the rows' terms without η. `check(y)` returns None or
    what is wrong with the outcome's codes. `inverse(eta)` is the mean, `variance(mu)` its variance
    function, `start(y, m)` a first linear predictor. `latent_variance` is the residual variance on
    the link's scale (π²/3 for logit), None where the link has no latent variable.

    A family with auxiliary predictors gives draw, bounds and unit_deviance through `at(psi)`.
    """

    name: str
    link: str
    slopes: Callable[[Array, Array, Array], tuple[Array, Array, Array]]
    third: Callable[[Array, Array, Array], Array]
    constant: Callable[[Array, Array, Array], Array]
    inverse: Callable[[Array], Array]
    variance: Callable[[Array], Array]
    start: Callable[[Array, Array], Array]
    check: Callable[[Array], str | None]
    latent_variance: float | None = None
    # y, η, m, r, W -> W' and W'', where there are short formulas for them.
    higher: Callable[[Array, Array, Array, Array, Array], tuple[Array, Array]] | None = None
    has_trials: bool = False
    has_dispersion: bool = False
    # Makes the same family and link of statsmodels, which fits models without a random part.
    glm_family: Callable[[], Any] | None = None
    # Names of the auxiliary predictors ψ as printed; none for most families.
    auxiliary: tuple[str, ...] = ()
    # (n, k) values of ψ -> the family with those values fixed, whose slopes and third are as above.
    at: Callable[[Array], Family] | None = None
    # y, η, m, ψ -> dl/dψ, dr/dψ and dW/dψ, each (n, k).
    auxiliary_slopes: Callable[[Array, Array, Array, Array], AuxiliarySlopes] | None = None
    # The same -> dW'/dψ (n, k), and d²l/dψ², d²r/dψ² and d²W/dψ², each (n, k, k), where there are
    # formulas for them.
    auxiliary_second: Callable[[Array, Array, Array, Array], AuxiliarySecond] | None = None
    # y, m -> (k,) first values of ψ.
    auxiliary_start: Callable[[Array, Array], Array] | None = None
    # (k,) values of ψ -> the dispersion as printed, in glmmTMB's parametrisation (sigma()).
    reported: Callable[[Array], float] | None = None
    # (k,) values of ψ -> thresholds (k,) as printed, and their derivatives in ψ (k, k).
    thresholds: Callable[[Array], tuple[Array, Array]] | None = None
    # trials -> variance of a proportion over V(μ)/trials, where trials are not independent.
    inflation: Callable[[Array], Array] | None = None
    # What the outcome's columns hold. For ordered levels and for intervals y holds their numbers
    # 0, 1, ..., and `for_outcome` makes the family for these labels or pairs of ends.
    outcome: Literal["number", "levels", "interval"] = "number"
    for_outcome: Callable[[tuple[Any, ...]], Family] | None = None
    # η -> (n, K) probabilities of the levels, for ordered levels.
    probabilities: Callable[[Array], Array] | None = None
    # Rows with equal η may be summed to one row with mean outcome and summed weight.
    sums_up: bool = True
    # rng, η, trials, residual sd -> one outcome a row, coded as y is (proportions with trials).
    draw: Callable[[np.random.Generator, Array, Array, float], Array] | None = None
    # y, η, trials, residual sd -> P(Y < y) and P(Y <= y) of each row.
    bounds: Callable[[Array, Array, Array, float], tuple[Array, Array]] | None = None
    # y, mean -> twice the log-likelihood lost to a perfect fit of the row, by unit of m.
    unit_deviance: Callable[[Array, Array], Array] | None = None

    def loglik(
        self,
        y: Array,
        eta: Array,
        weights: Array | None = None,
        trials: Array | None = None,
    ) -> float:
        """Return the log-likelihood with every constant, so that it compares across programs.

        `y` are proportions when `trials` is given. Dispersion, where there is one, is 1.
        """
        w = np.ones_like(y) if weights is None else weights
        n = np.ones_like(y) if trials is None else trials
        rows = self.slopes(y, eta, w * n)[0] + self.constant(y, w, n)
        return float(rows.sum())

    def __repr__(self) -> str:
        return f"<Family: {self.name}({self.link})>"
