"""Scores worked out by hand, and reliabilities whose population value is known exactly."""

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Scale
from peerstats.data.scales import (
    cronbach_alpha,
    omega_total,
    one_factor,
    reliability,
    score,
)
from peerstats.errors import DataError

FOUR = Scale(name="four", label="Four items", items=("a", "b", "c", "d"), low=1, high=5)


def frames(rows, codes=None):
    values = pd.DataFrame(rows, columns=list("abcd"), dtype=float)
    if codes is None:
        codes = [["" if v == v else ".m" for v in row] for row in values.to_numpy()]
    return values, pd.DataFrame(codes, columns=list("abcd"), dtype=object)


def exact(covariance, n=400):
    """A sample whose covariance matrix is exactly the one asked for."""
    x = np.random.default_rng(1).normal(size=(n, len(covariance)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return pd.DataFrame(white @ np.linalg.cholesky(np.asarray(covariance, dtype=float)).T)


def congeneric(loadings, uniques):
    return np.outer(loadings, loadings) + np.diag(uniques)


def test_reversed_items_and_the_half_rule():
    nan = np.nan
    values, codes = frames(
        [[1, 2, 3, 5], [1, 2, nan, nan], [5, nan, nan, nan]],
        [["", "", "", ""], ["", "", ".r", ".d"], ["", ".d", ".r", ".m"]],
    )
    total, why = score(values, codes, FOUR, reversed={"d"})
    assert total.tolist()[:2] == [1 + 2 + 3 + 1, 1.5 * 4]
    assert np.isnan(total[2])
    assert why.tolist() == ["", "", ".r"]


def test_half_rule_follows_the_scale():
    strict = Scale(name="s", label="S", items=("a", "b"), low=1, high=5, least_share=1.0)
    values, codes = frames([[1, np.nan, 0, 0], [1, 4, 0, 0]])
    assert score(values, codes, strict)[0].isna().tolist() == [True, False]


def test_a_scale_that_was_not_asked_is_structural():
    values, codes = frames([[np.nan] * 4], [[".a"] * 4])
    assert score(values, codes, FOUR)[1].tolist() == [".a"]


def test_an_absent_item_is_named():
    values, codes = frames([[1, 2, 3, 4]])
    with pytest.raises(DataError, match=r"Scale 'four' needs the column\(s\) d"):
        score(values.drop(columns="d"), codes, FOUR)


def test_parallel_items_follow_spearman_brown():
    # k parallel items with reliability r each: k r / (1 + (k-1) r); here 5 * .4 / 2.6
    s = congeneric([1.0] * 5, [1.5] * 5)
    assert cronbach_alpha(s) == pytest.approx(2 / 2.6, abs=1e-12)
    assert omega_total(s, one_factor(s)[0]) == pytest.approx(2 / 2.6, abs=1e-9)


def test_tau_equivalent_items_have_alpha_equal_to_omega():
    # (Σλ)² = 9 · .49 · 4; Σψ = 1.0 + 0.5 + 2.0 + 0.3; equal loadings, unequal unique variances
    s = congeneric([0.7] * 4, [1.0, 0.5, 2.0, 0.3])
    truth = 2.8**2 / (2.8**2 + 3.8)
    found = reliability(exact(s))
    assert found.alpha == pytest.approx(truth, abs=1e-9)
    assert found.omega == pytest.approx(truth, abs=1e-8)
    assert found.loadings == pytest.approx([0.7] * 4, abs=1e-8)


def test_congeneric_items_have_alpha_below_omega():
    loadings, uniques = np.array([1.2, 0.9, 0.5, 0.3]), np.array([0.4, 0.6, 1.1, 0.9])
    s = congeneric(loadings, uniques)
    truth = loadings.sum() ** 2 / (loadings.sum() ** 2 + uniques.sum())
    found = reliability(exact(s))
    assert found.omega == pytest.approx(truth, abs=1e-8)
    assert found.alpha == pytest.approx(4 / 3 * (1 - np.trace(s) / s.sum()), abs=1e-9)
    assert found.alpha < found.omega
    assert found.heywood == ()


def test_three_items_have_the_closed_solution():
    # one factor, three items: λ1² = s12 s13 / s23
    s = np.array([[2.0, 0.6, 0.5], [0.6, 1.0, 0.4], [0.5, 0.4, 1.5]])
    truth = np.sqrt([0.6 * 0.5 / 0.4, 0.6 * 0.4 / 0.5, 0.5 * 0.4 / 0.6])
    assert one_factor(s)[0] == pytest.approx(truth, abs=1e-8)


def test_minimum_residuals_are_a_minimum():
    # no one-factor matrix: no small step in any direction gives smaller off-diagonal residuals
    x = np.random.default_rng(5).normal(size=(60, 5)) + np.random.default_rng(6).normal(
        size=(60, 1)
    )
    r = np.corrcoef(x, rowvar=False)
    best, _ = one_factor(r)
    off = ~np.eye(5, dtype=bool)

    def residual(loading):
        return np.sum((r - np.outer(loading, loading))[off] ** 2)

    for step in np.random.default_rng(7).normal(size=(200, 5)) * 1e-3:
        assert residual(best + step) >= residual(best)


def test_a_heywood_case_is_capped_and_named():
    # λ1² = .9 · .9 / .5 > 1
    s = pd.DataFrame([[1, 0.8, 0.7], [0.8, 1, 0.5], [0.7, 0.5, 1]])
    found = reliability(exact(s))
    assert found.heywood == ("0",)
    assert found.loadings[0] == pytest.approx(1.0, abs=1e-9)
    # with λ1 = 1: the others solve λ2 = (.8 + .5 λ3)/(1 + λ3²), λ3 = (.7 + .5 λ2)/(1 + λ2²)
    _, second, third = found.loadings
    assert second == pytest.approx((0.8 + 0.5 * third) / (1 + third**2), abs=1e-9)
    assert third == pytest.approx((0.7 + 0.5 * second) / (1 + second**2), abs=1e-9)


def test_item_rest_means_floor_and_ceiling():
    values, _ = frames([[1, 1, 1, 5], [5, 5, 5, 1], [1, 2, 3, 3], [2, 4, np.nan, 1], [1, 1, 1, 5]])
    found = reliability(values, FOUR, reversed={"d"})
    assert (found.n, found.n_complete) == (5, 4)
    assert found.floor == 0.5
    assert (found.mean, found.sd) == (
        pytest.approx(37 / 4),
        pytest.approx(np.std([4, 20, 9, 4], ddof=1)),
    )
    assert found.ceiling == 0.25
    assert found.item_means == pytest.approx((2.0, 2.6, 2.5, 3.0))
    x = np.array([[1, 1, 1, 1], [5, 5, 5, 5], [1, 2, 3, 3], [1, 1, 1, 1]], dtype=float)
    by_hand = np.corrcoef(x[:, 0], x[:, 1:].sum(axis=1))[0, 1]
    assert found.item_rest[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([[1, 2, 3, 4]] * 2, "fewer than three complete answers"),
        ([[1, 2, 3, 4], [1, 3, 2, 4], [1, 4, 2, 3]], "an item does not vary"),
        ([[1, 5, 2, 4], [5, 1, 4, 2], [2, 4, 3, 3]], "the score does not vary"),
    ],
)
def test_what_cannot_be_had_is_missing_with_its_reason(rows, note):
    found = reliability(frames(rows)[0])
    assert found.note == note
    assert np.isnan([found.alpha, found.omega]).all()


def test_two_items_have_alpha_but_no_omega():
    found = reliability(exact([[1.0, 0.5], [0.5, 1.0]]))
    assert found.alpha == pytest.approx(2 / 3)
    assert np.isnan(found.omega)
    assert found.note == "omega needs at least three items"
