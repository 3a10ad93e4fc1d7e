"""The result of a fit: against statsmodels, against known truth, and as it is printed."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.special import expit
from statsmodels.genmod.families import Binomial, Poisson
from statsmodels.regression.mixed_linear_model import MixedLM

from peerstats.errors import DataError, UsageError
from peerstats.model.fit import Fit, fit

FOLDER = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="module")
def women() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "contraception.csv")
    data["district"] = data["district"].astype(str)
    return data


@pytest.fixture(scope="module")
def mixed(women: pd.DataFrame) -> Fit:
    return fit("usen ~ age + urban + livch + (1 | district)", women)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("usen ~ age * urban + livch", "binomial"),
        ("usen ~ C(livch, Treatment('2')) + bs(age, df=4)", "binomial"),
        ("woman ~ urban + scale(age)", "gaussian"),
        ("kids ~ urban + age", "poisson"),
    ],
)
def test_models_without_random_part_are_those_of_statsmodels(
    women: pd.DataFrame, formula: str, family: str
) -> None:
    data = women.assign(kids=women["livch"].str[0].astype(int))
    ours = fit(formula, data, family)
    make = {"binomial": Binomial, "poisson": Poisson}
    if family == "gaussian":
        theirs = smf.ols(formula, data).fit()
    else:
        theirs = smf.glm(formula, data, family=make[family]()).fit(tol=1e-12)
    assert list(ours.params.index) == list(theirs.params.index)
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.bse, theirs.bse, rtol=1e-6)
    np.testing.assert_allclose(ours.pvalues, theirs.pvalues, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(ours.conf_int(), theirs.conf_int(), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(ours.cov_params(), theirs.cov_params(), rtol=1e-5, atol=1e-10)
    assert ours.llf == pytest.approx(theirs.llf, rel=1e-10)
    np.testing.assert_allclose(ours.predict(), theirs.fittedvalues, rtol=1e-6)
    new = data.head(7)
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new), rtol=1e-6)


@pytest.mark.parametrize("link", ["probit", "cloglog", "log"])
def test_other_links_are_those_of_statsmodels(women: pd.DataFrame, link: str) -> None:
    from statsmodels.genmod.families import links

    ours = fit("usen ~ urban", women, link=link)
    name = {"probit": "Probit", "cloglog": "CLogLog", "log": "Log"}[link]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        family = Binomial(getattr(links, name)())
        theirs = smf.glm("usen ~ urban", women, family=family).fit()
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-5)
    np.testing.assert_allclose(ours.bse, theirs.bse, rtol=1e-4)


def test_variance_is_a_variance_and_not_divided_by_the_residual() -> None:
    """statsmodels' MixedLM keeps variance / residual variance in `params`."""
    data = pd.read_csv(FOLDER / "sleepstudy.csv")
    X = np.column_stack([np.ones(len(data)), data["Days"]])
    for reml in (True, False):
        theirs = MixedLM(data["Reaction"].to_numpy(), X, groups=data["Subject"]).fit(reml=reml)
        ours = fit("Reaction ~ Days + (1 | Subject)", data, "gaussian", reml=reml)
        variance, residual = ours.varcorr["variance"]
        # MixedLM stops a little early, hence 1e-3; its raw parameter is a thousand times off.
        assert variance == pytest.approx(theirs.cov_re.item(), rel=1e-3)
        assert residual == pytest.approx(theirs.scale, rel=1e-3)
        assert ours.llf >= theirs.llf - 1e-8
        assert theirs.params[-1] == pytest.approx(variance / residual, rel=1e-3)
        assert ours.method == ("reml" if reml else "ml")
        assert ours.dispersion == residual


def test_recovery_of_known_truth() -> None:
    """Twenty simulated studies: estimates centre on the truth, intervals cover it."""
    truth = np.array([-0.5, 0.8, -0.4])
    inside, sds = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        site = np.repeat(np.arange(60), 25)
        x, z = rng.normal(size=1500), rng.integers(0, 2, 1500)
        eta = truth[0] + truth[1] * x + truth[2] * z + 0.7 * rng.normal(size=60)[site]
        data = pd.DataFrame({"y": rng.binomial(1, expit(eta)), "x": x, "z": z, "site": site})
        model = fit("y ~ x + z + (1 | site)", data)
        assert model.converged
        inside.append(np.abs(model.params - truth) / model.bse < 1.96)
        sds.append(model.varcorr["sd"][0])
    # 60 intervals at 95 %: fewer than 51 would happen less than once in 1,000 such tests.
    assert np.sum(inside) >= 51
    assert np.mean(sds) == pytest.approx(0.7, abs=0.06)


def test_standard_errors_use_the_full_hessian() -> None:
    """Leaving the variance out is the commonest silent fault; ohio shows it by 10 % and more."""
    data = pd.read_csv(FOLDER / "ohio.csv")
    model = fit("resp ~ age * smoke + (1 | id)", data, method="agq", nodes=25)
    inverse = np.linalg.inv(model.covariance.to_numpy())
    p = len(model.params)
    conditional = np.sqrt(np.diag(np.linalg.inv(inverse[:p, :p])))
    assert (model.bse.to_numpy() / conditional)[0] > 1.1


def test_variances_have_intervals(mixed: Fit) -> None:
    interval = mixed.variance_interval()
    low, middle, high = interval[["conf_low", "variance", "conf_high"]].iloc[0]
    assert low < middle < high
    assert np.log(high / middle) == pytest.approx(np.log(middle / low))
    assert mixed.covariance.index[-1] == "log sd(district)"


def test_information_criteria(mixed: Fit) -> None:
    assert mixed.df_model == 7
    assert mixed.df_resid == 1934 - 7
    assert mixed.aic == pytest.approx(-2 * mixed.llf + 14)
    assert mixed.bic == pytest.approx(-2 * mixed.llf + 7 * np.log(1934))
    assert mixed.deviance == -2 * mixed.llf
    assert mixed.groups == {"district": 60}


def test_predictions_know_sites_and_say_so_for_new_ones(women: pd.DataFrame, mixed: Fit) -> None:
    new = women.head(3).copy()
    np.testing.assert_allclose(mixed.predict(new), mixed.predict().head(3), rtol=1e-12)
    typical = mixed.predict(new, "link", conditional=False)
    effect = mixed.random_effects["district"]["mode"][new["district"]].to_numpy()
    np.testing.assert_allclose(mixed.predict(new, "link") - typical, effect, rtol=1e-9)
    new["district"] = ["1", "new", "other"]
    with pytest.raises(DataError, match=r"2 level\(s\) the fit has not seen"):
        mixed.predict(new)
    told = mixed.predict(new, "link", new_levels="population")
    assert told.iloc[1] == pytest.approx(typical.iloc[1])
    assert "2 new level(s)" in told.attrs["messages"][0]
    new.loc[0, "age"] = np.nan
    assert mixed.predict(new, new_levels="population").isna().tolist() == [True, False, False]
    without = new.drop(columns=["district", "usen"])
    assert mixed.predict(without, conditional=False).notna().sum() == 2
    with pytest.raises(UsageError, match="Did you mean 'response'"):
        mixed.predict(kind="respons")


def test_prediction_refuses_levels_and_kinds_it_has_not_seen(
    women: pd.DataFrame, mixed: Fit
) -> None:
    with pytest.raises(DataError, match="'livch' has a level here that the fit has not seen"):
        mixed.predict(women.head(2).assign(livch="9"))
    with pytest.raises(DataError, match="'age' held numbers in the fit"):
        mixed.predict(women.head(2).assign(age="old"))
    with pytest.raises(UsageError, match="'age' is not in the data"):
        mixed.predict(women.drop(columns="age"))


def test_transformations_are_remembered(women: pd.DataFrame) -> None:
    formula = "usen ~ scale(age) + center(age2) + cr(age, df=4)"
    model = fit("usen ~ scale(age)", women)
    np.testing.assert_allclose(model.predict(women.head(5)), model.predict().head(5), rtol=1e-12)
    model = fit(formula.replace("scale(age) + ", "urban + "), women)
    np.testing.assert_allclose(model.predict(women.head(5)), model.predict().head(5), rtol=1e-12)


def test_missing_rows_are_counted_and_told(women: pd.DataFrame) -> None:
    data = women.copy()
    data.loc[:9, "age"] = np.nan
    data.loc[5:19, "urban"] = None
    data.loc[30, "district"] = None
    model = fit("usen ~ age + urban + (1 | district)", data)
    assert model.dropped == {"age": 10, "urban": 10, "district": 1}
    assert model.nobs == 1934 - 21
    assert "10 without age" in model.summary()
    assert model.predict().index[0] == 20


def test_weights_count_rows(women: pd.DataFrame) -> None:
    data = women.head(400)
    weights = np.random.default_rng(1).integers(0, 4, 400)
    many = data.loc[data.index.repeat(weights)]
    for formula, family in (
        ("usen ~ age + (1 | district)", "binomial"),
        ("age ~ urban + (1 | district)", "gaussian"),
        ("usen ~ age", "binomial"),
        ("age ~ urban", "gaussian"),
    ):
        weighted = fit(formula, data, family, weights=weights)
        repeated = fit(formula, many, family)
        np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-4)
        assert weighted.llf == pytest.approx(repeated.llf, rel=1e-9)
        assert weighted.nobs == len(many)


def test_trials_offset_and_single_rows_agree() -> None:
    """A row of successes and failures is worth the same as its women one by one."""
    rng = np.random.default_rng(6)
    site, x = np.repeat(np.arange(15), 40), rng.integers(0, 2, 600)
    y = rng.binomial(1, expit(0.3 * x + rng.normal(size=15)[site]))
    single = pd.DataFrame({"y": y, "x": x, "site": site, "shift": 0.5 * x})
    summed = single.groupby(["site", "x"], as_index=False).agg(
        yes=("y", "sum"), n=("y", "size"), shift=("shift", "first")
    )
    summed["no"] = summed["n"] - summed["yes"]
    one = fit("y ~ x + (1 | site)", single)
    many = fit("cbind(yes, no) ~ x + (1 | site)", summed)
    np.testing.assert_allclose(one.params, many.params, rtol=1e-7)
    np.testing.assert_allclose(one.bse, many.bse, rtol=1e-6)
    shifted = fit("y ~ x + offset(shift) + (1 | site)", single)
    assert one.params["x"] - shifted.params["x"] == pytest.approx(0.5, abs=1e-7)
    assert one.llf == pytest.approx(shifted.llf, abs=1e-9)


def test_an_offset_keeps_what_it_learned_when_new_rows_are_predicted(women: pd.DataFrame) -> None:
    model = fit("usen ~ urban + offset(center(age)) + (1 | district)", women)
    some = women[women["age"] > 5]  # another mean than that of all women
    kept = model.predict().to_numpy()[women["age"] > 5]
    np.testing.assert_allclose(model.predict(some), kept, rtol=1e-12)


def test_scale_of_covariates_does_not_matter(women: pd.DataFrame, mixed: Fit) -> None:
    data = women.assign(age=women["age"] * 1e8)
    model = fit("usen ~ age + urban + livch + (1 | district)", data)
    assert model.llf == pytest.approx(mixed.llf, abs=1e-8)
    assert model.params["age"] * 1e8 == pytest.approx(mixed.params["age"], rel=1e-5)
    shifted = women.assign(age=women["age"] + 1e4)
    again = fit("usen ~ age + urban + livch + (1 | district)", shifted)
    assert again.bse["age"] == pytest.approx(mixed.bse["age"], rel=1e-3)


def test_the_same_data_give_the_same_bits(women: pd.DataFrame, mixed: Fit) -> None:
    again = fit("usen ~ age + urban + livch + (1 | district)", women)
    assert again.params.tolist() == mixed.params.tolist()
    assert again.bse.tolist() == mixed.bse.tolist()
    assert again.llf == mixed.llf


def test_few_sites_get_a_warning_in_words(women: pd.DataFrame) -> None:
    data = women[women["district"].isin(["1", "4", "30"])]
    model = fit("usen ~ age + (1 | district)", data)
    assert any("3 levels" in message for message in model.messages)


def test_arrays_are_read_only(mixed: Fit) -> None:
    with pytest.raises(ValueError, match="read-only"):
        mixed.design.X[0, 0] = 9.0
    with pytest.raises(ValueError, match="read-only"):
        mixed.design.y[0] = 9.0


def test_printing(mixed: Fit) -> None:
    text = str(mixed)
    assert "usen ~ age + urban + livch + (1 | district)" in text
    assert "Converged  yes" in text
    assert repr(mixed).startswith("<Fit: usen ~")
    assert "-1206.81" in mixed.summary()
    urban = next(line for line in text.splitlines() if line.startswith("urban"))
    assert mixed.pvalues["urban[T.Y]"] < 1e-8
    assert "<0.0001" in urban


def test_html_is_escaped() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame(
        {"y": rng.integers(0, 2, 80), "k": rng.choice(["!", "<script>alert(1)</script>"], 80)}
    )
    html = fit("y ~ k", data)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_options_are_those_of_the_contract_in_their_order():
    from peerstats.model.fit import FitOptions

    contract = ("link", "method", "nodes", "reml", "weights", "offset", "zero_formula", "penalty")
    assert tuple(FitOptions.__annotations__)[: len(contract)] == contract
