import pytest

from peerstats.disclosure import PROFILES, Policy, policy
from peerstats.errors import DisclosureError, UsageError


def test_public_needs_a_written_reason():
    for reason in ("", "  "):
        with pytest.raises(DisclosureError, match="needs a written reason"):
            policy("public", reason)
    assert policy("public", "synthetic data").reason == "synthetic data"
    with pytest.raises(DisclosureError, match="needs a written reason"):
        Policy(profile="mine", threshold=6, exact=True)


def test_unknown_profile_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'standard'"):
        policy("standrad")


def test_a_threshold_of_one_protects_nobody():
    with pytest.raises(UsageError, match="at least 2"):
        Policy(profile="mine", threshold=1)


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_rounding_keeps_counts_up_to_the_threshold_apart_from_nothing_else(profile):
    rule = policy(profile)
    small = {rule.rounded(n) for n in range(1, rule.threshold + 1)}
    assert len(small) == 1
    assert rule.rounded(rule.threshold + 1) not in small
    assert rule.rounded(0) == 0
    for n in range(1, 200):
        assert rule.lower(n) <= n <= rule.upper(n)
        assert rule.lower(n) <= rule.rounded(n) <= rule.upper(n)
        assert rule.upper(n) - rule.lower(n) == rule.threshold - 1


def test_midpoint_six_as_opensafely_does_it():
    # OpenSAFELY: roundmid_any(x, to) = ceiling(x / to) * to - (floor(to / 2) * (x != 0)), to = 6
    expected = [0, *[3] * 6, *[9] * 6, *[15] * 6]
    assert [policy("standard").rounded(n) for n in range(19)] == expected


def test_profiles_are_those_documented():
    assert set(PROFILES) == {"standard", "strict", "public"}
    assert policy("standard").threshold == 6
    assert policy("strict").threshold == 10
