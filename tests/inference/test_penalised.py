"""The penalised mixed model's tests, against the definition by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from peerstats.inference.penalised import _satterthwaite, penalised_fit
from peerstats.inference.rule import infer, question_of
from peerstats.model.fit import fit

GAUSS = np.polynomial.hermite.hermgauss(61)


def penalised(theta, data):
    """-l* of (b0, bc, bx, τ) by plain Gauss-Hermite with many nodes."""
    beta, tau = theta[:3], theta[3]
    total = 0.0
    for _, part in data.groupby("site_id"):
        X = np.column_stack([np.ones(len(part)), part["country"] == "MEX", part["x"]])
        eta = (X @ beta)[:, None] + tau * np.sqrt(2.0) * GAUSS[0]
        sign = np.where(part["y"] == 1, 1.0, -1.0)[:, None]
        logs = -np.logaddexp(0.0, -sign * eta).sum(axis=0)
        total += np.log(np.exp(logs - logs.max()) @ GAUSS[1] / np.sqrt(np.pi)) + logs.max()
    slopes = beta[1:]
    return -(total + np.log(abs(tau)) + (0.5 * slopes - np.logaddexp(0.0, slopes)).sum())


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(6, 30, effect=0.8)


@pytest.fixture(scope="module")
def truth(study):
    found = optimize.minimize(penalised, [0.0, 0.0, 0.0, 0.5], (study,), method="BFGS", tol=1e-9)
    return found.x, -found.fun


def test_the_fit_is_the_maximum(study, truth):
    found = penalised_fit(question_of(fit("y ~ x + country + (1 | site_id)", study)))
    assert np.r_[found.params, found.solution.sds] == pytest.approx(truth[0], abs=1e-4)


def test_the_ratio_keeps_the_penalty_in_both_fits(study, truth):
    row = infer(fit("y ~ x + country + (1 | site_id)", study), rule="penalised_lrt").row("x")

    def root(value):
        def held(theta):
            return penalised(np.r_[theta[:2], value, theta[2:]], study)

        start = np.delete(truth[0], 2)
        low = optimize.minimize(held, start, method="BFGS", tol=1e-9).fun
        return np.sqrt(2.0 * (low + truth[1]))

    assert row.statistic == pytest.approx(np.sign(truth[0][2]) * root(0.0), abs=1e-4)
    assert root(row.conf_high) == pytest.approx(root(row.conf_low), abs=1e-3)
    assert row.df == 180 - 6 - 1


def test_satterthwaite_follows_its_definition(study):
    question = question_of(fit("y ~ x + country + (1 | site_id)", study))
    found = penalised_fit(question)
    tau = float(found.solution.sds[0])

    def variances(at):
        """Diagonal of the inverse Hessian in β with τ held, by differences."""
        best = optimize.minimize(lambda b: penalised(np.r_[b, at], study), found.params, tol=1e-10)
        hessian = np.empty((3, 3))
        for i, a in enumerate(1e-3 * np.eye(3)):
            for j, b in enumerate(1e-3 * np.eye(3)):
                ends = [
                    s * t * penalised(np.r_[best.x + s * a + t * b, at], study)
                    for s in (1, -1)
                    for t in (1, -1)
                ]
                hessian[i, j] = sum(ends) / 4e-6
        return np.diag(np.linalg.inv(hessian))

    change = (variances(1.05 * tau) - variances(0.95 * tau)) / (0.1 * tau)
    spread = found.solution.covariance[3, 3] * tau**2  # of log τ there
    expected = 2.0 * variances(tau) ** 2 / (change**2 * spread)
    assert _satterthwaite(question, found) == pytest.approx(expected, rel=0.02)
