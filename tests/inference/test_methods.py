"""The contract of every inference method: a row that can be read, or a sentence that says why."""

import math

import pytest

from peerstats.inference.methods import METHODS
from peerstats.model.fit import fit

MODELS = {
    "yes/no": ("y ~ x + venue_type + country + (1 | site_id)", "binomial"),
    "gaussian": ("score ~ x + country + (1 | site_id)", "gaussian"),
    "counts": ("visits ~ x + (1 | site_id)", "poisson"),
    "no sites": ("y ~ x", "binomial"),
}


@pytest.fixture(scope="module")
def asked(make_study, question):
    data = make_study(8, 15, effect=0.5)
    data["visits"] = (data["score"] * 2).clip(lower=0).round()
    found = {}
    for name, (formula, family) in MODELS.items():
        found[name] = question(fit(formula, data, family=family), replicates=100)
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_answers_or_says_why_not(asked, name, model):
    method, about = METHODS[name], asked[model]
    for position, term in enumerate(about.fit.design.names):
        reason = method.why_not(about, position)
        if reason is not None:
            assert reason.strip()
            assert not reason.endswith(".")
            continue
        row = method.estimate(about, position)
        assert row.term == term
        assert row.method.startswith(method.words)
        assert row.std_error > 0
        assert 0 <= row.p_value <= 1
        assert row.conf_low <= row.estimate <= row.conf_high
        assert all(map(math.isfinite, (row.estimate, row.std_error, row.conf_low, row.conf_high)))


def test_sampling_weights_leave_wald_only(make_study, question):
    data = make_study(6, 20, effect=0.5)
    data["weight"] = 1.0 + data["x"]
    about = question(fit("y ~ x + (1 | site_id)", data, sampling_weights="weight"))
    answering = {name for name, method in METHODS.items() if method.why_not(about, 1) is None}
    assert answering == {"wald_between_within", "wald_t", "wald_z"}


def test_every_method_answers_somewhere(asked):
    for method in METHODS.values():
        assert any(
            method.why_not(about, position) is None
            for about in asked.values()
            for position in range(len(about.fit.design.names))
        ), method.name


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_own_name_and_words(name):
    assert METHODS[name].name == name
    assert METHODS[name].words
    assert sum(other.words == METHODS[name].words for other in METHODS.values()) == 1
