import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Field
from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit
from peerstats.results.groups import group_results

SITE = Field(name="site_id", table="women", label="Site", type="key", column="site_id")


def fitted(sites):
    rng = np.random.default_rng(9)
    site = np.repeat(np.arange(sites), 30 + 10 * np.arange(sites))
    spread = np.linspace(-1, 1, sites)[site]
    data = pd.DataFrame(
        {
            "y": (rng.random(len(site)) < 1 / (1 + np.exp(-spread))).astype(int),
            "site_id": [f"site {k}" for k in site],
        }
    )
    return fit("y ~ 1 + (1 | site_id)", data)


def test_groups_are_ordered_by_their_mode_with_intervals():
    model = fitted(6)
    block, numbers = group_results("g1", "Sites", ("m1", model), "site_id", {"site_id": SITE})
    modes = [numbers[f"g1.{g.key.replace(' ', '_')}.mode"].value for g in block.groups]
    assert modes == sorted(modes)
    assert (block.model, block.factor, block.factor_label) == ("m1", "site_id", "Site")
    first = numbers["g1.site_0.mode"]
    frame = model.random_effects["site_id"]
    assert first.value == frame.loc["site 0", "mode"]
    low, high = (numbers[f"g1.site_0.mode.{end}"].value for end in ("low", "high"))
    assert (high - low) / 2 == pytest.approx(1.96 * frame.loc["site 0", "sd"], rel=1e-4)
    assert numbers["g1.site_0.n"].value == 30
    assert (first.kind, first.basis, first.fit) == ("mode", 30, "m1")


def test_few_groups_are_not_drawn():
    with pytest.raises(ModelError, match="3 sites cannot show how sites differ"):
        group_results("g1", "Sites", ("m1", fitted(3)), "site_id", {})


def test_an_unknown_factor_is_named():
    with pytest.raises(UsageError, match="Did you mean 'site_id'"):
        group_results("g1", "Sites", ("m1", fitted(6)), "site", {})
