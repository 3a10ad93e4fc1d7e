import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from peerstats.inference.conditional import count_outcomes
from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference"
CLOSE = 1e-6


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "exact.json").read_text(encoding="utf-8"))


def rows_of(table):
    """Women one by one from rows of (stratum, x, yes, no)."""
    written = [
        (stratum, x, y)
        for stratum, x, yes, no in table
        for y, count in ((1, yes), (0, no))
        for _ in range(count)
    ]
    return pd.DataFrame(written, columns=["site", "x", "y"])


def check(row, wanted):
    assert row.estimate == pytest.approx(wanted["estimate"], rel=CLOSE)
    if "std_error" in wanted:
        assert row.std_error == pytest.approx(wanted["std_error"], rel=CLOSE)
    if "p_value" in wanted:
        assert row.p_value == pytest.approx(wanted["p_value"], rel=CLOSE)
        assert row.conf_low == pytest.approx(wanted["low"], rel=CLOSE)
        assert row.conf_high == pytest.approx(wanted["high"], rel=CLOSE)


def test_one_table_is_that_of_fisher(reference, ask):
    data = rows_of([(0, 0, 2, 15), (0, 1, 10, 3)])
    wanted = dict(reference["twins"])
    # The table of R's help page has the odds ratio of the first row and column.
    wanted |= {"estimate": -wanted["estimate"], "low": -wanted["high"], "high": -wanted["low"]}
    check(ask(fit("y ~ x", data), "exact", "x"), wanted)


def test_strata_are_those_of_mantelhaen(reference, question, ask):
    table = pd.read_csv(REFERENCE / "rabbits.csv")
    rows = [(r.level, -r.delay, r.cured, r.died) for r in table.itertuples()]
    data = rows_of(rows)
    fitted = fit("y ~ x", data)
    check(ask(fitted, "exact", "x", sites=data["site"]), reference["rabbits"])


@pytest.mark.parametrize(
    ("name", "formula", "term"),
    [
        ("infert", "case ~ spontaneous", "spontaneous"),
        ("bacteria", "yn ~ wk2", "wk2"),
    ],
)
def test_estimates_are_those_of_clogit(reference, ask, name, formula, term):
    data = pd.read_csv(REFERENCE / f"{name}.csv")
    sites = data["stratum" if name == "infert" else "ID"]
    check(ask(fit(formula, data), "exact", term, sites=sites), reference[name])


def every_outcome(data, columns):
    """Counts of Σ y x among all outcomes with the sites' totals and the other columns' totals."""
    X, y = data[columns].to_numpy(), data["y"].to_numpy()
    site = np.array([np.asarray(data["site"] == s) for s in data["site"].unique()])
    found = {}
    for yes in itertools.product((0, 1), repeat=len(y)):
        trial = np.array(yes)
        same_sites = (site @ trial == site @ y).all()
        if same_sites and (trial @ X[:, 1:] == y @ X[:, 1:]).all():
            total = int(trial @ X[:, 0])
            found[total] = found.get(total, 0) + 1
    return found


def test_counts_are_those_of_listing_every_outcome(question, ask):
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"site": np.repeat([0, 1, 2], [6, 5, 5]), "x": rng.integers(0, 3, 16)})
    data["w"], data["y"] = rng.integers(0, 2, 16), rng.integers(0, 2, 16)
    wanted = every_outcome(data, ["x", "w"])
    fitted = fit("y ~ x + w + (1 | site)", data)
    found = count_outcomes(question(fitted), 1)
    ratio = {t: found.counts[t] / wanted[t] for t in wanted}
    assert set(np.flatnonzero(found.counts)) == set(wanted)
    assert list(ratio.values()) == pytest.approx([ratio[found.observed]] * len(wanted))
    # And the tests and intervals made of them, by their definition.
    t = np.array(sorted(wanted), dtype=float)
    log_count, place = np.log([wanted[int(k)] for k in t]), sorted(wanted).index(found.observed)

    def tails(b):
        p = special.softmax(log_count + b * t)
        return p[: place + 1].sum(), p[place:].sum()

    row = ask(fitted, "exact", "x")
    assert row.p_value == pytest.approx(min(1, 2 * min(tails(0))))
    assert tails(row.conf_low)[1] == pytest.approx(0.025)
    assert tails(row.conf_high)[0] == pytest.approx(0.025)
    assert special.softmax(log_count + row.estimate * t) @ t == pytest.approx(t[place])
    mid = ask(fitted, "exact_mid_p", "x")
    assert mid.estimate == row.estimate
    assert row.conf_low < mid.conf_low < mid.conf_high < row.conf_high
    assert mid.p_value < row.p_value


def test_the_unit_of_a_column_is_its_own(ask, make_study):
    data = make_study(4, 12)
    fitted = fit("y ~ x + (1 | site_id)", data)
    half = fit("y ~ x + (1 | site_id)", data.assign(x=3 + 0.5 * data["x"]))
    once, twice = ask(fitted, "exact", "x"), ask(half, "exact", "x")
    assert twice.estimate == pytest.approx(2 * once.estimate)
    assert twice.conf_high == pytest.approx(2 * once.conf_high)
    assert twice.p_value == pytest.approx(once.p_value)


def test_summed_rows_are_the_women_they_stand_for(ask, make_study):
    data = make_study(4, 12)
    summed = data.groupby(["site_id", "x"])["y"].agg(yes="sum", all="count").reset_index()
    summed["no"] = summed["all"] - summed["yes"]
    one = ask(fit("y ~ x + (1 | site_id)", data), "exact", "x")
    other = ask(fit("cbind(yes, no) ~ x + (1 | site_id)", summed), "exact", "x")
    assert other.estimate == pytest.approx(one.estimate)
    assert other.p_value == pytest.approx(one.p_value)


def test_separation_has_a_median_unbiased_estimate_and_an_open_end(ask):
    data = rows_of([(0, 0, 1, 5), (0, 1, 4, 0), (1, 0, 0, 3), (1, 1, 3, 0)])
    fitted = fit("y ~ x + (1 | site)", data, penalty=("log_f", "log_tau"))
    row = ask(fitted, "exact", "x")
    assert math.isinf(row.conf_high)
    # The observed T = 7 is the largest possible; its conditional count is 4!/(4! 0!) ... of 10, 6.
    chance = stats.hypergeom.pmf(4, 10, 4, 5) * stats.hypergeom.pmf(3, 6, 3, 3)
    assert row.p_value == pytest.approx(2 * chance)
    assert 0 < row.conf_low < row.estimate


def test_what_cannot_be_counted_is_refused_with_its_size(make_study, why):
    data = make_study(4, 40, effect=0.5)
    fitted = fit("y ~ x + country + (1 | site_id)", data)
    assert "constant within every site" in why(fitted, "exact", "country[T.MEX]")
    assert "'score' has 160 values" in why(fit("y ~ x + score + (1 | site_id)", data), "exact", "x")
    nested = fit("y ~ x + (1 | site_id/venue_id)", data)
    assert "within every venue" in why(nested, "exact", "x")  # x goes with the venues here
    assert "random slopes" in why(fit("y ~ x + (1 + x | site_id)", data), "exact", "x")
    data["grade"], data["kind"] = np.arange(160) % 7, np.arange(160) % 5
    large = fit("y ~ x + grade + kind + (1 | site_id)", data)
    assert "for 160 women in 4 site(s) with 3 covariate(s)" in why(large, "exact", "x")
    linear = fit("score ~ x + (1 | site_id)", data, family="gaussian")
    assert "not a gaussian (identity) model" in why(linear, "exact", "x")
