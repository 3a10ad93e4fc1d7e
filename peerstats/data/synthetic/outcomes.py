"""The nine outcomes of the border profile, drawn from the models in `truth`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.places import Places
from peerstats.data.synthetic.streams import Bools, Floats, expit, stream
from peerstats.data.synthetic.support import Support
from peerstats.data.synthetic.truth import OUTCOMES, SAME_DRAW, TOGETHER, VISIT_CORRELATION
from peerstats.data.synthetic.women import Women


def predictors(women: Women, encounters: Encounters, support: Support) -> dict[str, Floats]:
    """Return the main-effect columns (m,) by the names that `truth` uses."""
    woman = encounters.woman
    flags = {
        "formal": women.formal[woman],
        "informal": ~women.formal[woman],
        "mex": women.mex[woman],
        "recent": women.recent[woman],
        "new_sw": women.new_sw[woman],
        "mobile": encounters.mobile,
        "deported": women.deported[woman],
    }
    return {"ps_z": support.ps_z} | {name: flag.astype(float) for name, flag in flags.items()}


def draw_outcomes(
    seed: int, places: Places, women: Women, encounters: Encounters, support: Support
) -> Mapping[str, Bools]:
    """Draw every outcome at every visit, whether or not the woman will be asked."""
    x = predictors(women, encounters, support)
    woman = encounters.woman
    drawn: dict[str, Bools] = {}
    for name, outcome in OUTCOMES.items():
        key = SAME_DRAW.get(name, name)
        rng = stream(seed, "outcomes", key, "effects")
        eta = np.full(len(woman), outcome.intercept)
        for term, coefficient in outcome.coefficients.items():
            eta += coefficient * np.prod([x[part] for part in term.split(":")], axis=0)
        site = rng.standard_normal(len(places.mex)) * np.sqrt(outcome.site_variance)
        venue = rng.standard_normal(len(places.formal)) * np.sqrt(outcome.venue_variance)
        eta += site[women.site[woman]] + venue[women.venue[woman]]
        drawn[name] = _uniform(seed, key, encounters) < expit(eta)
    return drawn


def _uniform(seed: int, name: str, encounters: Encounters) -> Floats:
    """Return one uniform number per visit, correlated within women and between related outcomes.

    Each is the normal distribution function of a score. The scores of a woman's two visits have
    correlation VISIT_CORRELATION; related outcomes share part of the score. Each number alone is
    uniform and independent of the covariates, so every outcome's own model stays true.
    """
    from scipy.special import ndtr

    shared = TOGETHER.get(name, 0.0)
    common = _scores(seed, "shared", encounters) if shared else 0.0
    own = _scores(seed, name, encounters)
    return np.asarray(ndtr(np.sqrt(shared) * common + np.sqrt(1 - shared) * own), dtype=np.float64)


def _scores(seed: int, name: str, encounters: Encounters) -> Floats:
    rng = stream(seed, "outcomes", name, "scores")
    at_first = rng.standard_normal(int(encounters.first.sum()))[encounters.woman]
    fresh = rng.standard_normal(len(encounters.woman))
    later = VISIT_CORRELATION * at_first + np.sqrt(1 - VISIT_CORRELATION**2) * fresh
    return np.where(encounters.first, at_first, later)
