"""Models the data cannot answer are refused before fitting, in one sentence with a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.fit import fit


def women(n: int = 240, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.repeat([f"s{i}" for i in range(12)], n // 12)
    x = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "y": rng.binomial(1, 1 / (1 + np.exp(-0.5 * x))),
            "x": x,
            "twin": 2 * x + 1,
            "one": np.ones(n),
            "kind": rng.choice(["a", "b", "c"], n),
            "site": site,
            "count": rng.poisson(2.0, n),
            "id": [f"w{i}" for i in range(n)],
        }
    )
    frame["measure"] = x + rng.normal(size=n)
    return frame


def change(**columns: Callable[[pd.DataFrame], object]) -> pd.DataFrame:
    data = women()
    for name, make in columns.items():
        data[name] = make(data)
    return data


CASES = {
    "constant outcome": ("y ~ x", change(y=lambda d: 0), {}, "'y' is the same in all 240 rows"),
    "constant outcome, gaussian": (
        "measure ~ x + (1 | site)",
        change(measure=lambda d: 3.5),
        {"family": "gaussian"},
        "same in all",
    ),
    "separation": (
        "y ~ z + x + (1 | site)",
        change(z=lambda d: d["y"] * 2.0 - 1),
        {},
        "separated: 'z' predicts it perfectly",
    ),
    "quasi-separation": (
        "y ~ kind + x",
        change(y=lambda d: np.where(d["kind"] == "b", 1, d["y"])),
        {},
        r"'kind\[T.b\]' \(kind = b\) predicts it perfectly",
    ),
    "separation by the reference level": (
        "y ~ kind",
        change(y=lambda d: np.where(d["kind"] == "a", 1, d["y"])),
        {},
        "separated",
    ),
    "separation of counts": (
        "count ~ kind",
        change(count=lambda d: np.where(d["kind"] == "c", 0, d["count"])),
        {"family": "poisson"},
        r"'kind\[T.c\]'",
    ),
    "separation of trials": (
        "cbind(yes, no) ~ kind",
        change(yes=lambda d: np.where(d["kind"] == "c", 0, d["count"]), no=lambda d: 3),
        {},
        r"'kind\[T.c\]'",
    ),
    "level seen once": (
        "y ~ kind",
        change(kind=lambda d: ["odd", *d["kind"][1:]]),
        {},
        r"'kind\[T.odd\]'",
    ),
    "collinear": ("y ~ x + twin", women(), {}, "'twin' cannot be told apart from 'x'"),
    "constant covariate": ("y ~ x + one", women(), {}, "'one' is constant"),
    "one category": (
        "y ~ kind",
        change(kind=lambda d: "a"),
        {},
        "'kind' takes only one value",
    ),
    "huge numbers": ("y ~ x", change(x=lambda d: d["x"] * 1e300), {}, "above 1e100"),
    "more columns than rows": (
        "y ~ x * kind * measure",
        women().head(5),
        {},
        "coefficients and 5 complete rows",
    ),
    "single site": (
        "y ~ x + (1 | site)",
        change(site=lambda d: "s1"),
        {},
        r"'site' has a single level .* leave out the random effect \(1 \| site\)",
    ),
    "one observation a group": ("y ~ x + (1 | id)", women(), {}, "Every level of 'id' has one row"),
    "one observation a group, gaussian": (
        "measure ~ x + (1 | id)",
        women(),
        {"family": "gaussian"},
        "Every level of 'id' has one row",
    ),
    "the same grouping twice": (
        "y ~ x + (1 | site) + (1 | again)",
        change(again=lambda d: "x" + d["site"]),
        {},
        "same grouping",
    ),
    "nothing differs inside groups": (
        "y ~ 1 + (1 | site)",
        change(y=lambda d: d["site"].isin(["s1", "s2", "s3"]).astype(int)),
        {},
        "Within every level of 'site' the outcome is the same",
    ),
    "all-missing covariate": (
        "y ~ x",
        change(x=lambda d: np.nan),
        {},
        "'x' has no value in any of the 240 rows",
    ),
    "all-missing group": (
        "y ~ x + (1 | site)",
        change(site=lambda d: None),
        {},
        "'site' has no value in any",
    ),
    "no complete row": (
        "y ~ x + measure",
        change(
            x=lambda d: np.where(np.arange(240) < 120, np.nan, 1.0),
            measure=lambda d: np.where(np.arange(240) < 120, 1.0, np.nan),
        ),
        {},
        "No row of 240 is complete",
    ),
    "quadrature for two factors": (
        "y ~ x + (1 | site) + (1 | kind)",
        women(),
        {"method": "agq"},
        "one grouping factor; use method='laplace'",
    ),
    "no terms": ("y ~ 0", women(), {}, "no terms"),
    "slopes for every row": (
        "y ~ x + (x | pair)",
        women().assign(pair=lambda d: np.arange(len(d)) // 2),
        {},
        r"write \(1 \| pair\)",
    ),
    "REML of a binary outcome": ("y ~ (1 | site)", women(), {"reml": True}, "gaussian outcome"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_data_cannot_answer_is_refused(case: str) -> None:
    formula, data, options, message = CASES[case]
    with pytest.raises(ModelError, match=message) as caught:
        fit(formula, data, **options)
    assert caught.value.exit_code == 4
    assert "nan" not in str(caught.value)


WRONG_CODES = {
    "1 and 2": (change(y=lambda d: d["y"] + 1), "must be coded 0 and 1, but 2 different codes"),
    "a missing code": (change(y=lambda d: d["y"].mask(d.index == 4, -9)), "3 different codes"),
    "text": (change(y=lambda d: d["y"].map({0: "no", 1: "yes"})), "holds text or categories"),
    "shares": (change(y=lambda d: d["y"] * 0.5), r"row\(s\) lie between"),
    "infinite": (change(x=lambda d: d["x"].mask(d.index == 4, np.inf)), "infinite"),
}


@pytest.mark.parametrize("case", WRONG_CODES)
def test_wrongly_coded_data_are_refused_without_their_values(case: str) -> None:
    data, message = WRONG_CODES[case]
    with pytest.raises(DataError, match=message) as caught:
        fit("y ~ x", data)
    assert caught.value.exit_code == 3
    assert not any(value in str(caught.value) for value in ("-9", "'yes'", "w4"))


def test_ordered_levels_are_sent_to_the_model_for_them() -> None:
    levels = pd.Categorical.from_codes([0, 1, 2] * 80, ["no", "some", "much"], ordered=True)
    with pytest.raises(DataError, match=r'3 ordered levels .* family = "cumulative_logit"'):
        fit("y ~ x", change(y=lambda d: levels))


def test_counts_and_trials_are_checked() -> None:
    with pytest.raises(DataError, match="must be counts"):
        fit("count ~ x", change(count=lambda d: d["count"] - 5), "poisson")
    data = change(yes=lambda d: 1, no=lambda d: 0.5)
    with pytest.raises(DataError, match="whole numbers"):
        fit("cbind(yes, no) ~ x", data)
    data = change(yes=lambda d: 0, no=lambda d: (d.index > 3).astype(int))
    with pytest.raises(DataError, match=r"4 row\(s\) without trials"):
        fit("cbind(yes, no) ~ x", data)
    data = change(yes=lambda d: d["count"], no=lambda d: 3)
    with pytest.raises(DataError, match="counts trials"):
        fit("cbind(yes, no) ~ x", data, "poisson")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'sitte' is not in the data\. Did you mean 'site'"):
        fit("y ~ x + (1 | sitte)", women())
    with pytest.raises(UsageError, match="Did you mean 'laplace'"):
        fit("y ~ x", women(), method="laplac")  # type: ignore[typeddict-item]
    with pytest.raises(UsageError, match=r"no option 'node' .* Did you mean 'nodes'"):
        fit("y ~ x", women(), node=3)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="whole number from 1"):
        fit("y ~ x", women(), nodes=0)
    with pytest.raises(UsageError, match="Did you mean 'poisson'"):
        fit("y ~ x", women(), "poison")


def test_several_unknown_variables_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        fit("y ~ aa + bb", women())
    assert len(caught.value.problems) == 2


def test_a_column_named_like_code_is_only_a_name() -> None:
    name = "__import__('os').system('touch pwned')"
    data = women().rename(columns={"x": name})
    model = fit(
        f"y ~ `{name}`".replace("'", '"'), data.rename(columns=lambda c: c.replace("'", '"'))
    )
    assert len(model.params) == 2
    assert not Path("pwned").exists()


def test_large_but_ordinary_effects_are_not_taken_for_separation() -> None:
    data = women(1200)
    risk = 1 / (1 + np.exp(-6.0 * data["x"]))
    data["y"] = np.random.default_rng(4).binomial(1, risk)
    model = fit("y ~ x", data)
    assert model.converged
    assert 4 < model.params["x"] < 9


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_separation_is_seen_where_a_link_reaches_certainty_early(link: str) -> None:
    # IRLS has stopped at |η| = 6 or so, where a probit's risk is 1 - 1e-9.
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"rare": np.repeat([0, 1], [116, 4]), "y": rng.binomial(1, 0.6, 120)})
    data.loc[data["rare"] == 1, "y"] = 1
    with pytest.raises(ModelError, match="'rare' predicts it perfectly"):
        fit("y ~ rare", data, link=link)


def test_observation_level_effect_of_a_count_is_allowed() -> None:
    data = women()
    noise = np.random.default_rng(8).normal(size=len(data))
    data["count"] = np.random.default_rng(9).poisson(np.exp(1 + noise))
    model = fit("count ~ x + (1 | id)", data, "poisson")
    assert model.converged
    assert model.varcorr["sd"][0] == pytest.approx(1.0, abs=0.25)


def test_a_covariate_that_separates_alone_is_the_only_one_named() -> None:
    """With y told apart by z, no coefficient is finite; only z is to blame."""
    data = change(z=lambda d: d["y"])
    with pytest.raises(ModelError) as refused:
        fit("y ~ x + kind + z", data, family="binomial")
    told = str(refused.value)
    assert "'z' predicts it perfectly" in told
    assert told.count("predicts it perfectly") == 1


def test_covariates_that_separate_only_together_are_all_named() -> None:
    data = change(y=lambda d: (d["x"] + d["measure"] > 0).astype(int))
    with pytest.raises(ModelError) as refused:
        fit("y ~ x + measure", data, family="binomial")
    assert "'x' predicts" in str(refused.value)
    assert "'measure' predicts" in str(refused.value)


def _sites(seed=0, sites=25, size=24):
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), size)
    x = rng.normal(size=len(site))
    eta = -0.3 + 0.5 * x + 0.7 * rng.normal(size=sites)[site]
    return pd.DataFrame(
        {
            "y": rng.binomial(1, 1 / (1 + np.exp(-eta))),
            "z": eta + rng.normal(size=len(site)),
            "yes": rng.binomial(8, 1 / (1 + np.exp(-eta))),
            "x": x,
            "site": site,
            "pair": np.arange(len(site)) // 2,
            "row": np.arange(len(site)),
        }
    ).assign(no=lambda d: 8 - d["yes"])


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + (1 | site)", "z ~ x + (1 | site)"])
def test_a_covariate_far_from_zero_is_exact_or_refused(formula):
    data = _sites()
    family = "gaussian" if formula[0] == "z" else "binomial"
    near = fit(formula, data, family)
    far = fit(formula, data.assign(x=data["x"] + 1e5), family)
    assert far.params["x"] == pytest.approx(near.params["x"], rel=1e-6)
    assert far.bse["x"] == pytest.approx(near.bse["x"], rel=1e-5)
    for shift in (1e6, 1e8, -1e8):
        with pytest.raises(ModelError, match=r"hardly varies around its mean.*center\(x\)"):
            fit(formula, data.assign(x=data["x"] + shift), family)
    centred = fit(formula.replace("x", "center(x)"), data.assign(x=data["x"] + 1e6), family)
    assert centred.params["center(x)"] == pytest.approx(near.params["x"], rel=1e-6)


def test_a_log_link_that_leaves_the_range_of_a_risk_is_refused_with_a_way_out():
    data = _sites()
    with pytest.raises(ModelError, match=r"risks would have to exceed 1.*modified_poisson"):
        fit("y ~ x + (1 | site)", data, link="log")
    rare = data.assign(y=np.random.default_rng(1).binomial(1, 0.08 * np.exp(0.2 * data["x"])))
    assert fit("y ~ x + (1 | site)", rare, link="log").converged
    assert fit("y ~ x", rare, link="log").converged


@pytest.mark.parametrize(
    ("formula", "family", "message"),
    [
        ("z ~ x + (x || pair)", "gaussian", "600 random effects for 600 rows"),
        ("z ~ x + (x | pair)", "gaussian", "600 random effects for 600 rows"),
        ("y ~ x + (x || pair)", "binomial", "600 random effects for 600 rows"),
        ("z ~ x + (1 | site/row)", "gaussian", "Every level of 'site:row' has one row"),
        ("cbind(yes, no) ~ x + (1 | row)", "beta_binomial", "Every level of 'row' has one row"),
        ("z ~ x + (1 | row)", "gaussian", "Every level of 'row' has one row"),
    ],
)
def test_random_parts_with_nothing_left_to_tell_them_by_are_refused(formula, family, message):
    with pytest.raises(ModelError, match=message):
        fit(formula, _sites(), family)
    # A binomial count has a distribution of its own: a level for every row is overdispersion.
    assert fit("cbind(yes, no) ~ x + (1 | row)", _sites()).converged


@pytest.mark.parametrize("formula", ["y ~ x + site + (1 | site)", "y ~ C(site) + (x | site)"])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_groups_that_are_a_covariate_too_are_refused_in_one_sentence(formula, family):
    data = _sites()
    data["site"] = "s" + data["site"].astype(str)
    with pytest.raises(ModelError, match="'site' is in the model twice") as refused:
        fit(formula, data, family)
    assert len(str(refused.value)) < 200
    assert fit("y ~ x + site + (0 + x | site)", data, family).params.index[1] == "site[T.s1]"


def test_a_long_list_of_separated_levels_is_cut():
    data = _sites()
    data["lane"] = np.arange(len(data)) % 12
    data["y"] = (data["lane"] < 6).astype(float)
    with pytest.raises(ModelError, match=r"and 8 more\. Its estimate would be infinite"):
        fit("y ~ C(lane)", data)
