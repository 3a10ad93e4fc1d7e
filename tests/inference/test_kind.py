import numpy as np
import pytest

from peerstats.inference.kind import (
    between_share,
    between_within_df,
    fixed_clusters,
    in_words,
    kinds,
)
from peerstats.inference.layout import Layout, Level


def level(name, codes, random=True):
    codes = np.asarray(codes)
    return Level(name=name, codes=codes, count=int(codes.max()) + 1, random=random)


def layout_of(*levels, rows):
    return Layout(levels=levels, rows=rows)


@pytest.fixture
def nested():
    """3 sites of 4 venues of 5 women."""
    site = level("site_id", np.repeat([0, 1, 2], 20))
    venue = level("site_id:venue_id", np.repeat(np.arange(12), 5))
    return layout_of(site, venue, rows=60)


def test_a_column_is_judged_by_where_it_varies(nested):
    woman = np.tile([0.0, 1.0, 0.0, 1.0, 1.0], 12)
    venue = np.repeat(np.tile([0.0, 0.0, 1.0, 1.0], 3), 5)
    site = np.repeat([0.0, 0.0, 1.0], 20)
    X = np.column_stack([np.ones(60), woman, venue, site])
    found = kinds(X, nested)
    assert [k.level for k in found] == [0, 2, 1, 0]
    assert [k.variation for k in found] == ["constant", "within", "clustered", "constant"]


def test_a_column_that_varies_in_every_site_but_mostly_between_them_is_clustered():
    codes = np.repeat([0, 1, 2], 20)
    shares = {0: 18, 1: 2, 2: 18}
    column = np.concatenate([[1.0] * shares[j] + [0.0] * (20 - shares[j]) for j in range(3)])
    (kind,) = kinds(column[:, None], layout_of(level("site_id", codes), rows=60))
    assert kind.variation == "clustered"
    assert kind.level == 1
    assert kind.share > 0.5


def test_a_column_that_varies_in_one_site_only_is_learnt_from_its_women():
    codes = np.repeat([0, 1, 2], 4)
    column = np.zeros(12)
    column[:2] = 1.0
    (kind,) = kinds(column[:, None], layout_of(level("site_id", codes), rows=12))
    assert (kind.level, kind.only_one) == (1, True)


def test_a_column_that_varies_in_one_venue_only_is_judged_like_one_of_venues():
    venues, sites = np.repeat(np.arange(6), 4), np.repeat([0, 1], 12)
    column = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 4)
    column[0] = 1.0
    where = layout_of(level("site_id", sites), level("venue_id", venues), rows=24)
    (kind,) = kinds(column[:, None], where)
    assert (kind.level, kind.only_one) == (1, False)


def test_with_one_site_everything_that_varies_varies_within_it():
    column = np.array([0.0, 1.0, 0.0])
    (kind,) = kinds(column[:, None], layout_of(level("site_id", [0, 0, 0]), rows=3))
    assert (kind.level, kind.only_one) == (1, False)


def test_large_values_are_not_taken_for_variation():
    codes = np.repeat([0, 1], 3)
    column = 1e9 + np.array([0.0, 1e-4, 2e-4, 7.0, 7.0, 7.0]) * 1e-9
    (kind,) = kinds(column[:, None], layout_of(level("site_id", codes), rows=6))
    assert kind.level == 0


def test_without_clusters_every_column_is_within_and_df_are_residual():
    where = layout_of(rows=10)
    found = kinds(np.column_stack([np.ones(10), np.arange(10.0)]), where)
    assert {k.variation for k in found} == {"within"}
    assert between_within_df(found, where) == (8.0,)


def test_share_between_groups_matches_the_anova_by_hand():
    # Groups (1, 2, 3) and (3, 4, 5): MSB = 6, MSW = 1, n0 = 3, so (6 - 1)/(6 + 2) = 0.625.
    site = level("site_id", [0, 0, 0, 1, 1, 1])
    assert between_share(np.array([1.0, 2, 3, 3, 4, 5]), site) == pytest.approx(0.625)
    assert between_share(np.array([1.0, 1, 1, 2, 2, 2]), site) == pytest.approx(1.0)
    assert between_share(np.ones(6), site) == 0.0


def test_between_within_df_of_one_level():
    # N = 60, J = 6; intercept + one site-level column + two women-level columns.
    codes = np.repeat(np.arange(6), 10)
    rng = np.random.default_rng(1)
    site_column = np.repeat([0.0, 1, 0, 1, 0, 1], 10)
    X = np.column_stack([np.ones(60), site_column, rng.normal(size=(60, 2))])
    where = layout_of(level("site_id", codes), rows=60)
    assert between_within_df(kinds(X, where), where) == (6 - 2, 60 - 6 - 2)


def test_between_within_df_of_nested_levels_match_nlme(nested):
    # As nlme counts: 3 - 1 sites, 12 - 3 - 1 venues, 60 - 12 - 1 women.
    woman = np.tile([0.0, 1.0, 0.0, 1.0, 1.0], 12)
    venue = np.repeat(np.tile([0.0, 0.0, 1.0, 1.0], 3), 5)
    X = np.column_stack([np.ones(60), woman, venue])
    assert between_within_df(kinds(X, nested), nested) == (2.0, 8.0, 47.0)


def test_fixed_site_effects_use_up_the_sites():
    codes = np.repeat([0, 1, 2], 4)
    where = layout_of(level("site_id", codes, random=False), rows=12)
    dummies = np.column_stack([np.ones(12), codes == 1, codes == 2]).astype(float)
    assert fixed_clusters(kinds(dummies, where), where, 0)
    assert not fixed_clusters(kinds(dummies[:, :2], where), where, 0)


def test_kinds_in_words(nested):
    rng = np.random.default_rng(2)
    site, venue = (nested.levels[k].codes for k in (0, 1))
    columns = [rng.normal(size=60), (venue % 2).astype(float), (site == 0).astype(float)]
    columns.append(site + 0.1 * rng.normal(size=60))
    assert [in_words(kind, nested) for kind in kinds(np.column_stack(columns), nested)] == [
        "varies within venues",
        "is constant within venues and varies within sites",
        "is constant within sites",
        "varies within venues and clusters in sites",
    ]
