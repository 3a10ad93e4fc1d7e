"""Profile intervals against lme4's and against the definition of ζ."""

from __future__ import annotations

import numpy as np
import pytest

from peerstats.errors import UsageError
from peerstats.model.fit import fit

WIDTH = 2e-3  # of an interval: lme4 interpolates, and its glmer profile stops early


def our_name(name, groups):
    if name == "sigma":
        return "sd(Residual)"
    kind, _, rest = name.partition("_")
    if "|" in name and kind in ("sd", "cor"):
        effects, group = rest.split("|")
        effects = effects.replace("(Intercept)", "Intercept")
        if kind == "cor":
            later, first = effects.split(".")
            return f"corr({group} {first}, {later})"
        return f"sd({group} {effects})"
    return None


def test_intervals_are_those_of_lme4(inference, public_data):
    compared = 0
    for model in inference["profiles"]:
        formula = model["formula"].replace("size - incidence", "noninc")
        fitted = fit(formula, public_data(model["data"]), family=model["family"])
        found = fitted.profile().conf_int()
        assert list(found.index[: len(fitted.params)]) == list(fitted.params.index)
        for name, low in model["low"].items():
            ours = our_name(name, fitted.groups)
            if ours is None:
                ours = {"(Intercept)": "Intercept", "trtprogabide": "trt[T.progabide]",
                        "lbase:trtprogabide": "lbase:trt[T.progabide]"}.get(name, name)  # fmt: skip
                if ours.startswith("period"):
                    ours = f"period[T.{ours[-1]}]"
            high = model["high"][name]
            compared += 1
            assert found.loc[ours, 0] == pytest.approx(low, abs=WIDTH * (high - low)), ours
            assert found.loc[ours, 1] == pytest.approx(high, abs=WIDTH * (high - low)), ours
    assert compared == 33


def test_an_end_is_where_a_fit_held_there_loses_half_the_quantile(herds, public_data):
    low, high = herds.profile(["period[T.2]"]).conf_int(0.05).loc["period[T.2]"]
    data = public_data("cbpp")
    data["third"], data["fourth"] = (data["period"] == k for k in ("3", "4"))
    data = data.astype({"third": float, "fourth": float})
    for end in (low, high):
        data["held"] = end * (data["period"] == "2")
        formula = "cbind(incidence, noninc) ~ third + fourth + offset(held) + (1 | herd)"
        loss = herds.llf - fit(formula, data).llf
        assert loss == pytest.approx(3.841459 / 2, abs=1e-3)


def test_zeta_rises_through_zero_at_the_estimate(herds):
    found = herds.profile()
    for name, part in found.points.groupby("parameter"):
        assert (np.diff(part["zeta"]) > 0).all()
        at = part.loc[part["zeta"] == 0, "value"].item()
        assert at == pytest.approx(found.estimate[name])
    wide, narrow = found.conf_int(0.01), found.conf_int(0.2)
    assert (wide[0] <= narrow[0]).all()
    assert (wide[1] > narrow[1]).all()


def test_a_variance_estimated_at_zero_has_an_upper_end(public_data):
    fitted = fit("Yield ~ 1 + (1 | Batch)", public_data("dyestuff2"), family="gaussian")
    low, high = fitted.profile().conf_int().loc["sd(Batch Intercept)"]
    assert low == 0
    # lme4 1.1-31: confint(profile(lmer(Yield ~ 1 + (1 | Batch), Dyestuff2, REML = FALSE)))
    assert high == pytest.approx(2.0840435, abs=2e-4)


def test_reml_is_profiled_by_maximum_likelihood(sleep, public_data):
    data = public_data("sleepstudy")
    other = fit("Reaction ~ Days + (Days | Subject)", data, family="gaussian")
    found = sleep.profile(["Days"])
    assert "maximum likelihood" in found.messages[0]
    np.testing.assert_allclose(found.conf_int(), other.profile(["Days"]).conf_int(), rtol=1e-5)


def test_the_parameters_and_the_level_are_checked(herds):
    with pytest.raises(UsageError, match=r"no parameter 'perod.*Did you mean 'period"):
        herds.profile(["perod[T.2]"])
    with pytest.raises(UsageError, match=r"use alpha from 0.01"):
        herds.profile(["Intercept"]).conf_int(0.001)


def test_a_model_without_random_effects_has_profiles_that_are_those_of_its_likelihood(public_data):
    data = public_data("cbpp")
    data["period"] = data["period"].astype(float)
    fitted = fit("cbind(incidence, noninc) ~ period", data)
    ends = fitted.profile().conf_int().loc["period"]
    for end in ends:
        held = data.assign(held=end * data["period"])
        there = fit("cbind(incidence, noninc) ~ 1 + offset(held)", held)
        assert fitted.llf - there.llf == pytest.approx(3.841459 / 2, abs=1e-4)


def test_a_singular_random_part_leaves_the_coefficients_their_profiles():
    rng = np.random.default_rng(2)
    data = {"x": rng.normal(size=600), "g": np.repeat(np.arange(30), 20)}
    data["y"] = 0.5 * data["x"] + rng.normal(size=30)[data["g"]] + rng.normal(size=600)
    data["yes"] = (data["y"] > 0).astype(float)
    for outcome, family in (("y", "gaussian"), ("yes", "binomial")):
        fitted = fit(f"{outcome} ~ x + (x | g)", data, family=family)
        assert fitted.convergence.singular
        found = fitted.profile(["x"])
        assert "singular fit" in found.messages[-1]
        for end in found.conf_int().loc["x"]:
            moved = {**data, "held": end * data["x"]}
            there = fit(f"{outcome} ~ 1 + offset(held) + (x | g)", moved, family=family)
            assert fitted.llf - there.llf == pytest.approx(3.841459 / 2, abs=5e-3)
        with pytest.raises(UsageError, match=r"no parameter 'sd\(g x\)'"):
            fitted.profile(["sd(g x)"])


def test_a_correlation_is_open_where_the_data_do_not_need_its_slope():
    """Without the slope any correlation will do: ζ never passes that of the test of the slope."""
    rng = np.random.default_rng(2)
    site, x = np.repeat(np.arange(20), 6), np.tile(np.arange(6.0), 20)
    level, slope = (rng.normal(size=(20, 2)) * [2.0, 0.1])[site].T
    data = {"y": level + slope * x + rng.normal(size=120), "x": x, "site": site}
    whole = fit("y ~ x + (x | site)", data, family="gaussian")
    plain = fit("y ~ x + (1 | site)", data, family="gaussian")
    lost = np.sqrt(2 * (whole.llf - plain.llf))
    assert 1 < lost < 1.96
    found = whole.profile(["corr(site Intercept, x)"])
    assert found.points["zeta"].abs().max() == pytest.approx(lost, abs=1e-6)
    assert found.conf_int().to_numpy().tolist() == [[-1.0, 1.0]]
