import math

import pytest

from peerstats.effects import EFFECTS
from peerstats.effects.profile_bound import profile_upper


def measured(name, pair):
    (row,) = EFFECTS[name].measure(*pair).rows()
    return row


def test_the_interval_is_symmetric_on_the_log_scale_of_the_standard_deviation(contraception):
    row = measured("variance", contraception)
    # lme4 1.1-31, glmer(nAGQ = 25): sd 0.464217171593612.
    assert row.estimate == pytest.approx(0.464217171593612**2, rel=1e-3)
    assert row.conf_low * row.conf_high == pytest.approx(row.estimate**2)
    width = math.log(row.conf_high / row.conf_low) / (2 * 1.959963984540054)
    assert row.std_error == pytest.approx(row.estimate * width)
    assert row.scale == "variance"
    assert row.reason == ""


def test_at_zero_the_interval_starts_at_zero_and_ends_at_the_profile_bound(alike):
    row = measured("variance", alike(6))
    assert (row.estimate, row.conf_low) == (0.0, 0.0)
    assert 0.0 < row.conf_high < 10.0
    assert row.method == "estimated at zero; upper limit from the profile likelihood"
    assert math.isnan(row.std_error)


def test_the_profile_bound_is_lme4s(herds, lme4_upper):
    assert math.sqrt(profile_upper(herds, "herd", 0.05)) == pytest.approx(lme4_upper, abs=2e-4)


def test_a_wider_level_has_a_larger_bound(herds):
    bounds = [profile_upper(herds, "herd", alpha) for alpha in (0.2, 0.05, 0.01)]
    assert bounds == sorted(bounds)


def test_few_sites_have_a_value_but_no_interval_and_a_reason(alike):
    row = measured("variance", alike(4))
    assert row.reason == "with 4 sites this design cannot show how much sites differ"
    assert math.isnan(row.conf_low)
    assert math.isnan(row.conf_high)
