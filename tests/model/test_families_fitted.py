"""fit() with families of their own parameters, against glmmTMB, ordinal and survreg."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.fit import Fit, fit

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "families" / "families.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def salamanders() -> pd.DataFrame:
    data = pd.read_csv(HERE.parent / "reference" / "salamanders.csv")
    return data.assign(mined=pd.Categorical(data["mined"], ["yes", "no"]))


@pytest.fixture(scope="module")
def wine() -> pd.DataFrame:
    return pd.read_csv(HERE.parent / "reference" / "wine.csv")


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(20), 20)
    x = rng.normal(size=400)
    lift = 0.5 * rng.normal(size=20)[g]
    counts = rng.poisson(np.exp(0.5 + 0.3 * x + lift))
    level = np.digitize(x + lift + rng.logistic(size=400), [-1.0, 1.0])
    return pd.DataFrame(
        {
            "g": g,
            "x": x,
            "counts": counts,
            "positive": 1 + counts,
            "narrow": rng.binomial(4, 1 / (1 + np.exp(-x))),
            "level": level,
            "word": np.array(["low", "mid", "top"])[level],
        }
    )


def check(model: Fit, wanted: dict, slack: float = 1e-3) -> None:
    assert model.converged, model.messages
    assert wanted["loglik"] - 1e-5 < model.llf < wanted["loglik"] + 1e-4
    error = np.array(wanted["se"])
    assert np.abs((model.params.to_numpy() - wanted["beta"]) / error).max() < slack
    np.testing.assert_allclose(model.bse, error, rtol=5e-3)
    if isinstance(wanted.get("sd"), float):
        assert model.varcorr["sd"].iloc[0] == pytest.approx(wanted["sd"], rel=5e-3)


@pytest.mark.parametrize(
    ("family", "zero"),
    [
        ("negative_binomial", None),
        ("negative_binomial1", None),
        ("zero_inflated_poisson", "~ mined"),
        ("zero_inflated_negative_binomial", "~ mined"),
        ("hurdle_poisson", "mined"),
        ("hurdle_negative_binomial", "~ mined"),
    ],
)
def test_counts_are_fitted_as_by_glmmtmb(
    family: str, zero: str | None, salamanders: pd.DataFrame
) -> None:
    wanted = REFERENCE[family]
    model = fit("count ~ mined + cover", salamanders, family, zero_formula=zero)
    check(model, wanted)
    assert model.method == "ml"
    assert list(model.params.index) == ["Intercept", "mined[T.no]", "cover"]
    assert model.dispersion == pytest.approx(wanted["sigma"], rel=1e-3)
    if zero is not None:
        found = model.auxiliary[["zero: Intercept", "zero: mined[T.no]"]]
        np.testing.assert_allclose(found, wanted["zero"], rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "formula", "zero"),
    [
        ("negative_binomial1", "count ~ mined + cover + (1 | site)", None),
        ("zero_inflated_poisson", "count ~ mined + (1 | site)", "~ 1"),
        ("hurdle_poisson", "count ~ mined + (1 | site)", "~ mined"),
    ],
)
def test_counts_of_sites_are_fitted_as_by_glmmtmb(
    name: str, formula: str, zero: str | None, salamanders: pd.DataFrame
) -> None:
    check(fit(formula, salamanders, name, zero_formula=zero), REFERENCE[f"{name}_site"])


@pytest.mark.parametrize("name", ["cumulative_logit", "cumulative_probit"])
def test_ordered_outcomes_are_fitted_as_by_ordinal(name: str, wine: pd.DataFrame) -> None:
    model = fit("rating ~ temp + contact", wine, name)
    check(model, REFERENCE[name])
    slopes = ["temp[T.warm]", "contact[T.yes]"]
    assert list(model.params.index) == ["1|2", "2|3", "3|4", "4|5", *slopes]


def test_ordered_outcomes_of_judges_are_fitted_as_by_ordinal(wine: pd.DataFrame) -> None:
    model = fit("rating ~ temp + contact + (1 | judge)", wine, "cumulative_probit")
    wanted = REFERENCE["cumulative_probit_judge"]
    assert model.llf == pytest.approx(wanted["loglik"], abs=1e-4)
    np.testing.assert_allclose(model.params, wanted["beta"], atol=1e-3)


def test_intervals_are_fitted_as_by_survreg() -> None:
    data = pd.read_csv(HERE / "families" / "intervals.csv")
    model = fit("cbind(low, high) ~ x", data, "interval_censored")
    check(model, REFERENCE["interval_censored"])
    assert model.dispersion == pytest.approx(REFERENCE["interval_censored"]["sigma"], rel=1e-5)
    between = fit("cbind(low, high) ~ x + (1 | site)", data, "interval_censored")
    assert between.converged
    assert between.llf > model.llf + 5  # the sites differ in these data
    assert 0.2 < between.varcorr["sd"].iloc[0] < 0.8  # they were made with 0.4


def test_levels_are_read_in_their_order(made: pd.DataFrame) -> None:
    numbers = fit("level ~ x", made, "cumulative_logit")
    declared = made.assign(word=pd.Categorical(made["word"], ["low", "mid", "top"], ordered=True))
    words = fit("word ~ x", declared, "cumulative_logit")
    assert words.llf == pytest.approx(numbers.llf)
    assert list(words.params.index) == ["low|mid", "mid|top", "x"]
    turned = made.assign(word=pd.Categorical(made["word"], ["top", "mid", "low"], ordered=True))
    model = fit("word ~ x", turned, "cumulative_logit")
    assert model.messages == ()
    assert model.params["x"] == pytest.approx(-numbers.params["x"], abs=1e-5)
    assert model.params["top|mid"] == pytest.approx(-numbers.params["1|2"], abs=1e-5)


def test_words_without_a_declared_order_are_refused_with_the_way_out(made: pd.DataFrame) -> None:
    for word in (made["word"], made["word"].astype("category")):
        with pytest.raises(DataError, match=r"pd\.Categorical\(word, .*ordered=True"):
            fit("word ~ x", made.assign(word=word), "cumulative_probit")


def test_ordinal_models_without_covariates_have_thresholds_only(made: pd.DataFrame) -> None:
    model = fit("level ~ 1", made, "cumulative_logit")
    share = np.cumsum(np.bincount(made["level"])[:2]) / len(made)
    np.testing.assert_allclose(model.params, np.log(share / (1 - share)), atol=1e-6)


@pytest.mark.parametrize(
    ("formula", "family", "options", "error", "words"),
    [
        ("level ~ 0 + x", "cumulative_logit", {}, UsageError, "stand for its intercept"),
        ("x ~ level", "cumulative_logit", {}, DataError, "broken numbers"),
        ("cbind(level, g) ~ x", "cumulative_logit", {}, DataError, "one variable"),
        ("I(x**2) ~ g", "cumulative_logit", {}, DataError, "one variable"),
        ("level ~ x", "interval_censored", {}, DataError, "needs both ends"),
        ("counts ~ x", "poisson", {"zero_formula": "~ x"}, UsageError, "needs a family with"),
        ("counts ~ x", "hurdle_poisson", {"zero_formula": "y ~ x"}, UsageError, "no outcome"),
        ("counts ~ x", "hurdle_poisson", {"zero_formula": "(1 | g)"}, UsageError, "fixed terms"),
        ("counts ~ x", "hurdle_poisson", {"zero_formula": "~ 0"}, UsageError, "no terms"),
        ("counts ~ x", "hurdle_poisson", {"zero_formula": "~ X"}, UsageError, "not in the data"),
        ("x ~ g", "negative_binomial", {}, DataError, "counts"),
    ],
)
def test_what_a_family_cannot_be_asked_is_refused(
    formula: str, family: str, options: dict, error: type, words: str, made: pd.DataFrame
) -> None:
    with pytest.raises(error, match=words):
        fit(formula, made, family, **options)


def test_too_many_levels_are_refused() -> None:
    data = {"y": np.arange(60), "x": np.arange(60) % 7}
    with pytest.raises(DataError, match="60 levels"):
        fit("y ~ x", data, "cumulative_logit")


def test_one_level_is_nothing_to_explain(made: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="nothing to explain"):
        fit("level ~ x", made.assign(level=1), "cumulative_logit")


@pytest.mark.parametrize(
    ("formula", "family", "words"),
    [
        ("narrow ~ x", "negative_binomial", "theta runs to infinity"),
        ("narrow ~ x", "negative_binomial1", "alpha runs to 0"),
        ("positive ~ x", "zero_inflated_poisson", "no more zeros"),
    ],
)
def test_a_parameter_at_its_end_is_explained(
    formula: str, family: str, words: str, made: pd.DataFrame
) -> None:
    model = fit(formula, made, family)
    assert not model.converged
    assert words in model.messages[0]
    simple = fit(formula, made, "poisson")
    np.testing.assert_allclose(model.params, simple.params, atol=1e-3)


def test_rows_without_a_value_of_the_zero_part_are_left_out(salamanders: pd.DataFrame) -> None:
    data = salamanders.assign(cover=salamanders["cover"].where(salamanders.index % 10 > 0))
    model = fit("count ~ mined", data, "zero_inflated_poisson", zero_formula="~ cover")
    assert model.dropped == {"cover": int(data["cover"].isna().sum())}


@pytest.mark.parametrize("right", ["t", "x + t", "t + (1 | g)"])
def test_a_covariate_that_separates_the_levels_is_named(right: str, made: pd.DataFrame) -> None:
    t = np.random.default_rng(3).integers(0, 2, len(made))
    data = made.assign(t=t, level=np.where(t == 1, 2, np.minimum(made["level"], 1)))
    with pytest.raises(ModelError, match="'t' predicts it perfectly"):
        fit(f"level ~ {right}", data, "cumulative_logit")


def test_a_group_without_any_upper_end_is_named(made: pd.DataFrame) -> None:
    t = np.random.default_rng(3).integers(0, 2, len(made))
    low = np.where(t == 1, 12.0, made["counts"])
    data = made.assign(t=t, low=low, high=np.where(t == 1, np.inf, low + 1))
    with pytest.raises(ModelError, match="'t' predicts it perfectly"):
        fit("cbind(low, high) ~ x + t", data, "interval_censored")


def test_levels_and_intervals_have_quantile_residuals_only(made: pd.DataFrame) -> None:
    model = fit("level ~ x + (1 | g)", made, "cumulative_logit")
    with pytest.raises(UsageError, match="use kind='quantile'"):
        model.residuals(kind="pearson")
    found = model.residuals(kind="quantile", rng=np.random.default_rng(2))
    assert abs(found.mean()) < 0.15
    assert 0.85 < found.std() < 1.1


def test_a_zero_part_with_covariates_predicts_new_rows(salamanders: pd.DataFrame) -> None:
    model = fit("count ~ cover", salamanders, "zero_inflated_poisson", zero_formula="~ mined")
    fitted = model.predict()
    again = model.predict(salamanders.iloc[[3, 500, 7]])
    np.testing.assert_allclose(again, fitted.iloc[[3, 500, 7]], rtol=1e-12)
    new = model.predict({"cover": [0.0, 0.0], "mined": ["yes", "no"]})
    none = 1 / (1 + np.exp(-np.cumsum(model.auxiliary)))
    np.testing.assert_allclose(new, (1 - none) * np.exp(model.params["Intercept"]), rtol=1e-9)


def test_a_zero_part_that_is_impossible_at_one_level_says_so() -> None:
    """Plain counts with a mean of 8 at level "a": no zero needs a part of its own there."""
    rng = np.random.default_rng(4)
    kind = np.repeat(["a", "b"], 300)
    count = rng.poisson(8.0, 600) * np.where(kind == "a", 1, rng.random(600) < 0.7)
    count[:300] = np.maximum(count[:300], 1)
    model = fit(
        "count ~ 1", {"count": count, "kind": kind}, "zero_inflated_poisson", zero_formula="~ kind"
    )
    assert not model.converged
    assert "In some rows the part 'zero'" in model.messages[0]


def test_a_summary_shows_thresholds_once_and_other_own_parameters(made: pd.DataFrame) -> None:
    ordered = str(fit("level ~ x", made, "cumulative_logit").summary())
    assert "1|2" in ordered
    assert "Family's own" not in ordered
    counts = made.assign(count=np.random.default_rng(2).negative_binomial(2, 0.3, len(made)))
    assert "theta" in str(fit("count ~ x", counts, "negative_binomial").summary())
