"""Studies with a known truth: women in venues in sites."""

import numpy as np
import pandas as pd
import pytest


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
