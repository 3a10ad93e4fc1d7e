"""Designs: columns as patsy names and fills them, rows counted, groups coded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import patsy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.design import build_design


def women(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "y": rng.integers(0, 2, n),
            "x": rng.normal(size=n),
            "z": rng.uniform(1, 3, n),
            "k": rng.choice(["a", "b", "c"], n),
            "u": rng.choice(["no", "yes"], n),
            "b": rng.choice([True, False], n),
            "s": rng.choice(["s1", "s2", "s3"], n),
            "v": rng.choice(["v1", "v2"], n),
        }
    )


@pytest.mark.parametrize(
    "right",
    [
        "x",
        "k + x",
        "0 + k + u",
        "k:u - 1",
        "k * u * x",
        "x:z + k:x",
        "C(k, Treatment('c')) + x",
        "C(k, Treatment(reference='b')) * x",
        "I(x ** 2 + 2 * z) + scale(x):k",
        "bs(x, df=4) + u:bs(z, df=5)",
        "center(z) * b",
        "(k + u + x) ** 2",
        "k / x",
        "standardize(x)",
    ],
)
def test_columns_are_those_of_patsy(right: str) -> None:
    data = women()
    theirs = patsy.dmatrix(right, data)
    ours = build_design("y ~ " + right, data)
    assert ours.names == theirs.design_info.column_names
    np.testing.assert_allclose(ours.X, np.asarray(theirs), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["x", "z", "k", "u", "b"]), min_size=1, max_size=3, unique=True),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_random_terms_are_coded_as_patsy_codes_them(terms: list[list[str]], one: bool) -> None:
    data = women()
    right = ("" if one else "0 + ") + " + ".join(":".join(term) for term in terms)
    theirs = patsy.dmatrix(right, data)
    ours = build_design(f"y ~ {right}", data)
    assert ours.names == theirs.design_info.column_names
    np.testing.assert_allclose(ours.X, np.asarray(theirs), atol=1e-12)


def test_columns_say_which_level_they_stand_for() -> None:
    design = build_design("y ~ k * u + x", women())
    levels = {column.name: column.levels for column in design.columns}
    assert levels["k[T.b]"] == (("k", "b"),)
    assert levels["k[T.c]:u[T.yes]"] == (("k", "c"), ("u", "yes"))
    assert levels["x"] == ()
    assert dict(design.recipe.references) == {"k": "a", "u": "no"}
    assert design.recipe.categories["k"] == ("a", "b", "c")


def test_categories_keep_their_order_and_unused_ones_go() -> None:
    data = women()
    data["k"] = pd.Categorical(data["k"], ["c", "unused", "a", "b"])
    design = build_design("y ~ k", data)
    assert design.names == ["Intercept", "k[T.a]", "k[T.b]"]
    assert design.recipe.references["k"] == "c"
    codes = data.assign(k=data["k"].cat.codes.astype(float))
    assert build_design("y ~ C(k)", codes).names == ["Intercept", "C(k)[T.2]", "C(k)[T.3]"]


def test_nullable_columns_are_read() -> None:
    data = women().astype({"x": "Float64", "y": "Int64", "b": "boolean", "k": "string"})
    data.loc[3, ["x", "b"]] = pd.NA
    design = build_design("y ~ x + b + k", data)
    assert design.names == ["Intercept", "b[T.True]", "k[T.b]", "k[T.c]", "x"]
    assert design.dropped == (("x", 1),)


def test_a_name_in_backquotes_and_a_hostile_name_are_only_names() -> None:
    data = women().rename(columns={"x": "two words", "z": '__import__("os")'})
    design = build_design('y ~ `two words`:k + `__import__("os")`', data)
    assert design.names[-1] == '__import__("os")'
    assert "two words:k[a]" in design.names or "k[a]:two words" in design.names


def test_rows_are_dropped_and_counted_once_each() -> None:
    data = women(20)
    data.loc[[0, 1], "y"] = np.nan
    data.loc[[1, 2, 3], "x"] = np.nan
    data.loc[[3, 4], "s"] = None
    design = build_design("y ~ x + (1 | s)", data)
    assert design.dropped == (("y", 2), ("x", 2), ("s", 1))
    assert design.n + sum(count for _, count in design.dropped) == design.n_start == 20
    assert design.rows.tolist() == list(range(5, 20))


def test_grouping_factors_are_coded_with_their_labels() -> None:
    data = women(40)
    data["number"] = np.arange(40) % 12
    design = build_design("y ~ (1 | s/v) + (1 | number)", data)
    assert list(design.groups) == ["s", "s:v", "number"]
    nested = design.groups["s:v"]
    rebuilt = [nested.levels[code] for code in nested.codes]
    assert rebuilt == (data["s"] + ":" + data["v"]).tolist()
    assert design.groups["number"].levels == tuple(str(i) for i in range(12))
    assert nested.sizes.sum() == 40


def test_groups_that_read_the_same_are_refused() -> None:
    data = pd.DataFrame({"y": [0, 1, 1], "a": ["p", "p:q", "r"], "b": ["q:r", "r", "r"]})
    with pytest.raises(DataError, match="Two groups of 'a:b' read the same"):
        build_design("y ~ (1 | a:b)", data)


def test_trials_become_proportions() -> None:
    data = pd.DataFrame({"yes": [1, 0, 3], "no": [1, 2, 1], "size": [1.0, 2.0, 4.0]})
    design = build_design("cbind(yes, no) ~ offset(log(size))", data)
    assert design.y.tolist() == [0.5, 0.0, 0.75]
    assert design.trials is not None
    assert design.trials.tolist() == [2.0, 2.0, 4.0]
    np.testing.assert_allclose(design.offset, np.log([1, 2, 4]))


def test_mappings_and_samples_are_data_too() -> None:
    class Sample:
        frame = women()

    assert build_design("y ~ x", Sample()).n == 120
    assert build_design("y ~ frame", women().rename(columns={"x": "frame"})).n == 120
    assert build_design("y ~ x", {"y": [0, 1, 1], "x": [1.0, 2.0, 4.0]}).n == 3
    with pytest.raises(UsageError, match="a mapping of columns or a Sample, not list"):
        build_design("y ~ x", [1, 2])


REFUSED = {
    "log of zero": ("y ~ log(x)", lambda d: d.assign(x=0.0), r"'log\(x\)' is not a finite number"),
    "text in arithmetic": ("y ~ log(k)", lambda d: d, "'k' holds categories where a number"),
    "scaling a constant": ("y ~ scale(x)", lambda d: d.assign(x=2.0), "values are all the same"),
    "dates": ("y ~ x", lambda d: d.assign(x=pd.Timestamp("2020-01-01")), "holds dates"),
    "complex": ("y ~ x", lambda d: d.assign(x=d["x"] + 0j), "holds complex numbers"),
    "text offset": ("y ~ x + offset(k)", lambda d: d, "categories where a number"),
    "text trials": ("cbind(k, y) ~ x", lambda d: d, "text or categories"),
    "mixed types": (
        "y ~ x",
        lambda d: d.assign(x=[1, "a"] * 60),
        "mixes text and numbers",
    ),
    "same name for two levels": (
        "y ~ k",
        lambda d: d.assign(k=pd.Categorical([1, "1"] * 60, [1, "1"])),
        "read the same",
    ),
    "spline on two values": (
        "y ~ bs(x, df=9)",
        lambda d: d.assign(x=[0.0, 1.0] * 60),
        "cannot be told apart|more distinct values|constant|zero",
    ),
    "reference that is no level": ("y ~ C(k, ref='q')", lambda d: d, "not among its levels"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_columns_are_refused_in_a_sentence(case: str) -> None:
    formula, change, message = REFUSED[case]
    with pytest.raises((DataError, ModelError), match=message):
        build_design(formula, change(women()))


def test_weights_are_checked() -> None:
    with pytest.raises(UsageError, match="3 values for 120 rows"):
        build_design("y ~ x", women(), weights=[1, 2, 3])
    with pytest.raises(DataError, match="not negative"):
        build_design("y ~ x", women().assign(w=-1.0), weights="w")
    design = build_design("y ~ x", women().assign(w=[0.0] * 20 + [2.0] * 100), weights="w")
    assert design.n == 100
    assert design.dropped == (("weights", 20),)


def test_two_columns_of_one_name_are_refused() -> None:
    data = women()
    data.columns = ["x" if name == "z" else name for name in data.columns]
    with pytest.raises(UsageError, match="in the data 2 times"):
        build_design("y ~ x", data)


def test_levels_with_one_row_are_told() -> None:
    data = women()
    data.loc[0, "k"] = "rare"
    design = build_design("y ~ k", data)
    assert "'k' has 1 level(s) with one row only" in design.messages[0]


def test_dates_far_from_zero_are_not_collinear_with_the_intercept() -> None:
    data = women().assign(x=np.arange(120) + 2e9)
    assert build_design("y ~ x", data).names == ["Intercept", "x"]


def test_the_design_prints_without_data() -> None:
    assert repr(build_design("y ~ x", women())) == "<Design: y ~ x; 120 of 120 rows, 2 columns>"


def test_near_collinear_columns_are_refused_where_r_drops_one() -> None:
    # R's lm() keeps z = x + 1e-6 e and drops z = x + 1e-8 e (tolerance 1e-7), in any units.
    data = women()
    noise = np.random.default_rng(5).normal(size=len(data))
    for unit in (1.0, 1e8):
        near = data.assign(z=unit * (data["x"] + 1e-6 * noise))
        assert build_design("y ~ x + z", near).names == ["Intercept", "x", "z"]
        nearer = data.assign(z=unit * (data["x"] + 1e-8 * noise))
        with pytest.raises(ModelError, match="'z' cannot be told apart from 'x'"):
            build_design("y ~ x + z", nearer)
