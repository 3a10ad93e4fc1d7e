"""Whether a covariate's association between sites is the one within sites (Mundlak's check).

A mixed model has one coefficient for two comparisons: women of the same site who differ, and sites
whose women differ on average. Where sites with more of x differ in other ways too, the two are not
alike and the one coefficient is a mixture that answers neither. Adding each site's mean of x,

    η_ij = β x_ij + γ x̄_j + … + u_j,

makes β the association within sites and γ how much more the one between sites is (Mundlak 1978,
Econometrica 46:69; Neuhaus & Kalbfleisch 1998, Biometrics 54:638). They differ when |γ̂| exceeds two
of its standard errors. γ is learnt from sites: with fewer than 12 of them, or none left when the
other site-level coefficients are counted, nothing can be said, and it is said that nothing can.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from peerstats.errors import ModelError
from peerstats.inference.kind import CLUSTERED_SHARE
from peerstats.inference.method import Question
from peerstats.model.columns import Column
from peerstats.model.fit import Fit
from peerstats.model.refit import refit, with_solution

Finding = Literal["alike", "different", "unknown"]
FEWEST = 12  # sites
FAR = 2.0  # standard errors
LEAST_DF = 3  # for γ


def checked(question: Question) -> dict[int, Finding]:
    """Return, by column, what the check finds of the columns that vary within sites and between.

    A column counts as varying between sites from the share on from which it counts as clustered in
    them. Without a random effect of site there is nothing to check: intercepts of sites compare
    within sites only.
    """
    top = question.where.top
    if top is None or not top.random:
        return {}
    places = [
        k
        for k, kind in enumerate(question.kinds)
        if kind.level > 0 and kind.share >= CLUSTERED_SHARE and not question.is_site_effect(k)
    ]
    used = sum(kind.level == 0 for kind in question.kinds)
    if not places or top.count < FEWEST or top.count - used - len(places) < LEAST_DF:
        return dict.fromkeys(places, "unknown")
    try:
        found = with_means(question, places)
    except (ModelError, np.linalg.LinAlgError):
        return dict.fromkeys(places, "unknown")
    p = len(question.fit.design.columns)
    size = np.abs(found.params.to_numpy()[p:]) / found.bse.to_numpy()[p:]
    if not found.converged or not np.isfinite(size).all():
        return dict.fromkeys(places, "unknown")
    return {k: "different" if size[i] > FAR else "alike" for i, k in enumerate(places)}


def with_means(question: Question, places: list[int]) -> Fit:
    """Return the fit with the site means of some columns behind its own, by Laplace.

    Raises ModelError where the data cannot answer, as when means are collinear.
    """
    fit, top = question.fit, question.where.levels[0]
    design, sizes = fit.design, np.bincount(top.codes)
    weighed = [np.bincount(top.codes, weights=design.X[:, k]) / sizes for k in places]
    X = np.column_stack([design.X, *(mean[top.codes] for mean in weighed)])
    own = np.linalg.qr(X / np.abs(X).max(axis=0), mode="r")
    if np.abs(np.diag(own)).min() < 1e-7 * np.abs(np.diag(own)).max():
        raise ModelError("site means are collinear with site-level covariates")
    names = [f"site mean of {design.names[k]}" for k in places]
    columns = tuple(Column(name=name, term=name, variables=(top.name,)) for name in names)
    wider = replace(design, X=np.ascontiguousarray(X), columns=(*design.columns, *columns))
    method = "laplace" if fit.method == "agq" else fit.method
    model = replace(fit, design=wider, method=method, nodes=1)
    return with_solution(model, refit(model, wider))
