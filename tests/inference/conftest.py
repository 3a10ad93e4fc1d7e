"""Studies with a known truth: women in venues in sites."""

import numpy as np
import pandas as pd
import pytest

from peerstats.inference.kind import kinds
from peerstats.inference.layout import layout
from peerstats.inference.method import Question
from peerstats.inference.methods import METHODS


@pytest.fixture(scope="session")
def make_study():
    """build(sites, women): y, x (varies within sites), venue_type (clustered), country (of sites).

    Sites differ by nothing but the mix of venue types; log-odds of y are -0.2 + 0.5 x + effect.
    """

    def build(sites, women, *, effect=0.0, seed=1):
        rng = np.random.default_rng(seed)
        site = np.repeat(np.arange(sites), women)
        x = np.tile([0, 1], sites * women)[: sites * women]
        mix = rng.random(len(site)) < np.where(site % 2, 0.9, 0.1)
        spread = effect * np.linspace(-1, 1, sites)[site]
        risk = 1 / (1 + np.exp(0.2 - 0.5 * x - spread))
        return pd.DataFrame(
            {
                "y": (rng.random(len(site)) < risk).astype(int),
                "score": rng.normal(size=len(site)) + spread + 0.5 * x,
                "x": x,
                "venue_type": np.where(mix, "bar", "street"),
                "country": np.where(site < sites // 2, "GTM", "MEX"),
                "site_id": [f"s{s}" for s in site],
                "venue_id": [f"v{s}.{k % 4}" for k, s in enumerate(site)],
            }
        )

    return build


@pytest.fixture(scope="session")
def question():
    """build(fit, **options): a question about a fit, sites as its outermost grouping factor."""

    def build(fitted, *, sites=None, alpha=0.05, **options):
        where = layout(fitted, sites)
        found = kinds(fitted.design.X, where)
        return Question(fit=fitted, where=where, kinds=found, alpha=alpha, **options)

    return build


@pytest.fixture(scope="session")
def ask(question):
    """build(fit, method, term): the row of one coefficient by one method that must answer."""

    def build(fitted, method, term, **options):
        asked = question(fitted, **options)
        position = fitted.design.names.index(term)
        assert METHODS[method].why_not(asked, position) is None
        return METHODS[method].estimate(asked, position)

    return build


@pytest.fixture(scope="session")
def why(question):
    """build(fit, method, term): why a method has no answer about a coefficient, or None."""

    def build(fitted, method, term, **options):
        position = fitted.design.names.index(term)
        return METHODS[method].why_not(question(fitted, **options), position)

    return build
