"""The numbers of model checks, against fits and formulas written here anew."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import chi2, norm

from peerstats import fit
from peerstats.data.codebook import Field, Level
from peerstats.data.sample import Sample
from peerstats.errors import ModelError, UsageError
from peerstats.inference.rule import infer
from peerstats.results.approximation import approximation
from peerstats.results.calibration import calibration
from peerstats.results.checked import Checked
from peerstats.results.influence import influence
from peerstats.results.linearity import linearity, positions
from peerstats.results.models import ModelRequest, model_results
from peerstats.results.residual_quantiles import residual_quantiles

SITES = 8
NAMES = tuple(f"s{k}" for k in range(SITES))


def field(name, type="decimal", **more):
    return Field(name=name, table="t", label=name.upper(), type=type, column=name, **more)


FIELDS = {
    "y": field("y", "boolean"),
    "x": field("x", "boolean"),
    "age": field("age", "integer"),
    "site_id": dataclasses.replace(field("site_id", "key"), label="Site"),
    "money": field("money"),
}


@pytest.fixture(scope="module")
def data():
    """8 sites of 30 to 58 women; the outcome rises and falls with age."""
    rng = np.random.default_rng(4)
    site = np.repeat(np.arange(SITES), 30 + 4 * np.arange(SITES))
    n = len(site)
    age = rng.integers(18, 50, n)
    x = (rng.random(n) < 0.5).astype(int)
    effect = 0.6 * rng.normal(size=SITES)[site]
    eta = effect + 0.7 * x - 0.012 * (age - 33.0) ** 2 + 0.8
    return pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int),
            "x": x,
            "age": age,
            "site_id": [f"s{k}" for k in site],
            "money": eta + rng.normal(size=n),
        }
    )


def checked(data, outcome="y", key="c", **request):
    asked = {"exposure": "x", "covariates": (("age", "why not"),), "random": "(1 | site_id)"}
    asked = ModelRequest(key="m", title="M", outcome=FIELDS[outcome], **(asked | request))
    sample = Sample(frame=data, fields=FIELDS, dropped=(), n_start=len(data))
    answer = model_results(asked, sample, sites="site_id")
    return Checked(
        key=key, title="", block=answer.block, fit=answer.fit, terms=answer.terms,
        sizes=answer.sizes, sites=answer.sites, fields=FIELDS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(data):
    return checked(data)


def values(numbers, *places):
    return [numbers[place].value for place in places]


def test_calibration_shows_the_tables_of_the_sites(model, data):
    block, numbers = calibration(model)
    assert block.title == "Observed and expected by site"
    assert block.percent
    for site, rows in data.groupby("site_id"):
        assert numbers[f"c.{site}.observed"].value == pytest.approx(100 * rows["y"].mean())
        n, events, with_, without = values(
            numbers, *(f"c.{site}.{p}" for p in ("n", "events", "cell.1", "cell.2"))
        )
        assert (n, events, with_, without) == (
            len(rows), rows["y"].sum(), rows["y"].sum(), (1 - rows["y"]).sum(),
        )  # fmt: skip
        assert numbers[f"c.{site}.expected"].basis == min(with_, without)


def test_calibration_expects_the_average_over_sites(model, data):
    """Means by Gauss-Hermite over the site's effect, limits by drawing sites here."""
    _, numbers = calibration(model)
    sd = float(model.fit.varcorr["sd"].iloc[0])
    eta = model.fit.predict(kind="link", conditional=False).to_numpy()
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = (1 / (1 + np.exp(-(eta[:, None] + sd * nodes)))) @ weights / weights.sum()
    rng = np.random.default_rng(8)
    for site, rows in data.groupby("site_id"):
        at = rows.index.to_numpy()
        assert numbers[f"c.{site}.expected"].value == pytest.approx(100 * mean[at].mean(), abs=1e-6)
        risk = 1 / (1 + np.exp(-(eta[at] + sd * rng.normal(size=(4000, 1)))))
        drawn = 100 * (rng.random(risk.shape) < risk).mean(axis=1)
        found = values(numbers, f"c.{site}.low", f"c.{site}.high")
        assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=5)
    found = [values(numbers, *(f"c.{s}.{p}" for p in ("low", "observed", "high"))) for s in NAMES]
    inside = sum(low <= observed <= high for low, observed, high in found)
    assert values(numbers, "c.inside", "c.groups") == [inside, SITES]


def test_a_measurement_is_calibrated_by_its_means(data):
    block, numbers = calibration(checked(data, "money", family="gaussian"))
    assert not block.percent
    first = data[data["site_id"] == "s0"]["money"].mean()
    assert numbers["c.s0.observed"].value == pytest.approx(first)
    assert (numbers["c.s0.observed"].kind, numbers["c.s0.observed"].basis) == ("mean", 30)


def test_random_numbers_follow_from_seed_and_key(model):
    again = dataclasses.replace(model)
    assert calibration(model)[1] == calibration(again)[1]
    other = {at: n.value for at, n in calibration(dataclasses.replace(model, seed=2))[1].items()}
    assert other != {at: n.value for at, n in calibration(model)[1].items()}
    assert residual_quantiles(model)[1] == residual_quantiles(again)[1]


def test_residuals_of_a_right_gaussian_model_are_the_standardised_ones(data):
    """For gaussian outcomes nothing is random: (y - Xb) over the total SD."""
    money = checked(data, "money", family="gaussian")
    _, numbers = residual_quantiles(money)
    eta = money.fit.predict(kind="link", conditional=False).to_numpy()
    total = np.sqrt(money.fit.varcorr["variance"].sum())
    standard = (data["money"].to_numpy() - eta) / total
    for share, key in ((0.1, "q10"), (0.5, "q50"), (0.975, "q97_5")):
        assert numbers[f"c.{key}.value"].value == pytest.approx(np.quantile(standard, share))
        assert numbers[f"c.{key}.normal"].value == pytest.approx(norm.ppf(share))
    assert numbers["c.q97_5.value"].basis == int(len(data) * 0.025)


def test_the_band_of_residuals_holds_whole_curves(data):
    """The outcome is drawn from the fitted model again and again: 19 of 20 curves lie inside."""
    model = checked(data, covariates=(("age", "one"), ("I(age**2)", "two")))
    _, numbers = residual_quantiles(model)
    assert numbers["c.inside"].value == numbers["c.quantiles"].value == 23
    for key in ("q5", "q50", "q95"):
        low, normal, high = values(numbers, *(f"c.{key}.{p}" for p in ("low", "normal", "high")))
        assert low < normal < high


def test_influence_is_the_rule_on_the_other_sites(model, data):
    block, numbers = influence(model)
    assert [group.key for group in block.groups] == [f"s{k}" for k in range(SITES)]
    rest = data[data["site_id"] != "s3"].reset_index(drop=True)
    left = fit("y ~ x + age + (1 | site_id)", rest)
    row = infer(left, sites="site_id").row("x")
    expected = np.exp([row.estimate, row.conf_low, row.conf_high])
    found = values(numbers, "c.s3.1.or", "c.s3.1.low", "c.s3.1.high")
    assert found == pytest.approx(expected, rel=1e-5)
    assert row.method in block.method
    gone = data[data["site_id"] == "s3"]
    cells = [((gone["x"] == x) & (gone["y"] == y)).sum() for x in (0, 1) for y in (1, 0)]
    assert [numbers[f"c.s3.cell.{i}"].value for i in (1, 2, 3, 4)] == cells
    assert numbers["c.s3.1.or"].basis == min(cells)


def test_without_the_one_site_that_differs_inside_there_is_no_estimate(data):
    alone = data.assign(x=data["x"].where(data["site_id"] == "s7", 0))
    _, numbers = influence(checked(alone))
    assert "c.s3.1.or" in numbers
    assert "c.s7.1.or" not in numbers


def test_influence_refuses_what_no_page_holds(data):
    many = data.assign(site_id=[f"s{k % 50}" for k in range(len(data))])
    with pytest.raises(ModelError, match="no page holds"):
        influence(checked(many))


def test_groups_that_do_not_exist_are_named(model):
    with pytest.raises(UsageError, match="Did you mean 'site_id'"):
        influence(dataclasses.replace(model, factor="site"))


@pytest.mark.parametrize("own", ["laplace", "agq"])
def test_approximations_are_compared_in_standard_errors(data, own):
    block, numbers = approximation(checked(data, method=own))
    formula = "y ~ x + age + (1 | site_id)"
    laplace = fit(formula, data)
    exact = fit(formula, data, method="agq", nodes=25)
    for name, row in (("x", "x.1"), ("age", "age")):
        expected = (laplace.params[name] - exact.params[name]) / exact.bse[name]
        assert numbers[f"c.{row}.shift"].value == pytest.approx(expected, abs=2e-4)
    assert numbers["c.nodes"].value == 25
    assert [item.key for item in block.rows] == ["x.1", "age", "sd.site_id"]


def test_gaussian_models_need_no_approximation(data):
    with pytest.raises(ModelError, match="not gaussian"):
        approximation(checked(data, "money", family="gaussian"))


def natural(x, knots):
    """Natural cubic splines through unit vectors at the knots, straight beyond the outer ones."""
    columns = []
    for unit in np.eye(len(knots)):
        curve = CubicSpline(knots, unit, bc_type="natural")
        inside = np.clip(x, knots[0], knots[-1])
        columns.append(curve(inside) + (x - inside) * curve(inside, 1))
    return np.column_stack(columns)


def test_curves_are_natural_splines(data):
    """Another basis of the same space: the same test, the same curve."""
    from statsmodels.discrete.discrete_model import Logit

    block, numbers = linearity(checked(data, random=""))
    age = data["age"].to_numpy(dtype=float)
    knots = np.quantile(age, [0.05, 0.35, 0.65, 0.95])
    basis = natural(age, knots)
    x = data["x"].to_numpy()[:, None]
    bent = Logit(data["y"], np.hstack([x, basis])).fit(disp=0)
    straight = Logit(data["y"], np.column_stack([np.ones(len(age)), x, age])).fit(disp=0)
    p_value = chi2.sf(2 * (bent.llf - straight.llf), 2)
    assert numbers["c.age.p"].value == pytest.approx(p_value, rel=1e-5)
    assert p_value < 0.001
    (curve,) = block.curves
    reference = numbers[f"c.age.{curve.reference}.x"].value
    for position in curve.positions:
        at = f"c.age.{position}"
        difference = natural(np.array([numbers[f"{at}.x"].value]), knots) - natural(
            np.array([reference]), knots
        )
        eta = float(difference[0] @ bent.params.to_numpy()[1:])
        covariance = bent.cov_params().to_numpy()[1:, 1:]
        half = 1.959964 * np.sqrt(max(float((difference @ covariance @ difference.T)[0, 0]), 0.0))
        found = values(numbers, f"{at}.curve", f"{at}.curve.low", f"{at}.curve.high")
        assert found == pytest.approx(np.exp([eta, eta - half, eta + half]), rel=1e-4)
        line = np.exp(straight.params.iloc[2] * (numbers[f"{at}.x"].value - reference))
        assert numbers[f"{at}.line"].value == pytest.approx(line, rel=1e-5)


def test_curves_end_where_women_still_are(model, data):
    block, numbers = linearity(model)
    (curve,) = block.curves
    ends = [numbers[f"c.age.{k}.x"].value for k in (curve.positions[0], curve.positions[-1])]
    low, high = np.quantile(data["age"], [0.05, 0.95])
    assert low <= ends[0] < ends[1] <= high
    outside = min((data["age"] < ends[0]).sum(), (data["age"] > ends[1]).sum())
    assert numbers["c.age.outside"].value == outside


def test_what_is_constant_inside_sites_is_not_examined(data):
    wealth = data["site_id"].map({f"s{k}": float(k * k) for k in range(SITES)})
    fields = {**FIELDS, "wealth": field("wealth")}
    request = ModelRequest(
        key="m", title="M", outcome=FIELDS["y"], exposure="x", random="(1 | site_id)",
        covariates=(("age", "why not"), ("wealth", "why not")),
    )  # fmt: skip
    sample = Sample(frame=data.assign(wealth=wealth), fields=fields, dropped=(), n_start=len(data))
    answer = model_results(request, sample, sites="site_id")
    block, _ = linearity(
        Checked(
            key="c", title="T", block=answer.block, fit=answer.fit, terms=answer.terms,
            sizes=answer.sizes, sites=answer.sites, fields=fields,
        )
    )  # fmt: skip
    assert [curve.variable for curve in block.curves] == ["age"]
    assert block.left_out == ("WEALTH",)


@pytest.mark.parametrize(("low", "high"), [(18.3, 44.0), (-1.6, 1.7), (0.01, 0.99), (3.0, 51000.0)])
def test_positions_are_round_and_enough(low, high):
    step, found = positions(low, high)
    assert low <= found[0] < found[-1] <= high
    assert 9 <= len(found) <= 21
    assert f"{step:e}"[0] in "125"


def test_women_with_several_visits_are_counted_once(data):
    """Sizes and what stands behind a number are women, percentages are of visits."""
    twice = pd.concat([data, data], ignore_index=True)
    twice["participant_id"] = [f"w{i % len(data)}" for i in range(len(twice))]
    _, numbers = calibration(checked(twice))
    first = data[data["site_id"] == "s0"]
    assert (numbers["c.s0.n"].value, numbers["c.s0.n"].basis) == (2 * len(first), len(first))
    assert numbers["c.s0.cell.1"].value == first["y"].sum()


def test_levels_of_the_exposure_have_addresses_of_their_own(data):
    levels = tuple(Level(value=v, label=v.upper()) for v in ("low", "mid", "top"))
    fields = {**FIELDS, "support": field("support", "category", levels=levels)}
    frame = data.assign(support=[("low", "mid", "top")[k % 3] for k in range(len(data))])
    request = ModelRequest(
        key="m", title="M", outcome=FIELDS["y"], exposure="support", random="(1 | site_id)"
    )
    sample = Sample(frame=frame, fields=fields, dropped=(), n_start=len(data))
    answer = model_results(request, sample, sites="site_id")
    _, numbers = influence(
        Checked(
            key="c", title="", block=answer.block, fit=answer.fit, terms=answer.terms,
            sizes=answer.sizes, sites=answer.sites, fields=fields,
        )
    )  # fmt: skip
    assert {at.split(".")[2] for at in numbers if at.endswith(".or")} == {"mid", "top"}
    assert len([at for at in numbers if at.startswith("c.s0.cell")]) == 6
