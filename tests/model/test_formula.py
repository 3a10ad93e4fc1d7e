"""The closed grammar: what it accepts, what it refuses, and that hostile text never runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patsy import ModelDesc

from peerstats.errors import UsageError
from peerstats.model.formula import Formula, parse_formula, term_name
from peerstats.model.transforms import evaluate

HOSTILE = [
    "y ~ x + I(x*(__import__('os').system('id > /tmp/pwned')))",
    "y ~ __import__('os').system('id')",
    "y ~ center.__init__.__globals__['__builtins__']['eval']('1')",
    "y ~ I(x*0 + len(open('/etc/hostname').read()))",
    "y ~ {__import__('os')}",
    "y ~ Q('x')",
    "y ~ np.log(x)",
    "y ~ x if True else z",
    "y ~ [x for x in (1,)]",
    "y ~ lambda: 0",
    "y ~ x; import os",
    "y ~ @pd.io.common.os.system('id')",
    "y ~ exec(x)",
    "y ~ I(eval('x'))",
    "y ~ C(x, Treatment(reference=open('f')))",
    "y ~ bs(x, df=open('f'))",
    "y ~ bs(x, knots=[1, 2])",
    "y ~ `x",
    "y ~ log(x, base=2)",
    "y ~ 'text'",
    "y ~ x\x00",
    "y ~ x ** 99",
    "y ~ x ** z",
    "y ~ a.b",
    "y ~ " + "(" * 10_000 + "x" + ")" * 10_000,
    "y ~ " + "(" * 70 + "x" + ")" * 70,
    "y ~ I(" + "-" * 70 + "x)",
    "y ~ " + "+".join(f"x{i}" for i in range(100_000)),
    "y ~ " + "+".join("x" for _ in range(700)),
    "y ~ (a+b+c+d+e+f+g+h+i+j+k+l+m+n+o)**8",
    "y ~ a:b:c:d:e:f:g:h:i",
    "",
    "~",
    "y ~",
    "~ x",
    "y ~ x ~ z",
    "y ~ x +",
    "y ~ 2",
    "y ~ 1e999",
    "y ~ I(1e999*x)",
    "y ~ I(3)",
    "y ~ 0:x",
    "y ~ x * (1 | g)",
    "y ~ x - (1 | g)",
    "y ~ (1 | g + h)",
    "y ~ (1 | log(g))",
    "y ~ (0 | g)",
    "y ~ (1 | g) + (1 | g)",
    "y ~ (1 | g:g)",
    "y ~ x | g",
    "y ~ offset(x):z",
    "y ~ log(offset(x))",
    "y ~ C(log(x))",
    "y ~ C(x, ref=2)",
    "y ~ C(x, ref='a', ref='b')",
    "y ~ C(x, Treatment)",
    "y ~ C(x, Treatment())",
    "y ~ C(x, Treatment(2))",
    "y ~ C(x, Treatment('a', 'b'))",
    "y ~ C(x, Treatment(ref='a'))",
    "y ~ C(x, Treatment(Treatment('a')))",
    "y ~ C(x, reference='a')",
    "y ~ C(x, Sum)",
    "y ~ Treatment('a')",
    "cbind(a) ~ x",
    "a + b ~ x",
    "scale(y) ~ x",
    "y ~ y + x",
    "y ~ cr(x, df=0)",
    "y ~ cr(x, df=400)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Formula: "):
        parse_formula(text)


def test_text_is_required() -> None:
    with pytest.raises(UsageError, match="a formula is text, not int"):
        parse_formula(3)  # type: ignore[arg-type]


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="yxg01 ~+-*/:^()|,='\"`_.[]{}@;Cloginsf\n\\²é", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        formula = parse_formula(text)
    except UsageError:
        return
    assert isinstance(formula, Formula)
    assert formula.variables
    # What was read says the same thing when read again.
    assert parse_formula(formula.text) == formula


NAMES = st.sampled_from(["a", "b", "c", "d"])
ALGEBRA = st.recursive(
    NAMES,
    lambda inner: st.builds(
        lambda left, sign, right: f"({left} {sign} {right})",
        inner,
        st.sampled_from(["+", "*", ":", "/", "-"]),
        inner,
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(ALGEBRA)
def test_terms_are_those_of_patsy(algebra: str) -> None:
    ours = {frozenset(str(f) for f in term) for term in parse_formula(f"y ~ {algebra}").fixed}
    theirs = ModelDesc.from_formula(f"y ~ {algebra}").rhs_termlist
    assert ours == {frozenset(f.name() for f in term.factors) for term in theirs}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("y ~ x", ["Intercept", "x"]),
        ("y ~ x - 1", ["x"]),
        ("y ~ 0 + x", ["x"]),
        ("y ~ 1", ["Intercept"]),
        ("y ~ (a + b)^2", ["Intercept", "a", "b", "a:b"]),
        ("y ~ a*b - a:b", ["Intercept", "a", "b"]),
        ("y ~ C(x, 'b')", ["Intercept", "C(x, Treatment('b'))"]),
        ('y ~ C(x, ref="b")', ["Intercept", "C(x, Treatment('b'))"]),
        ("y ~ C(x, Treatment('b'))", ["Intercept", "C(x, Treatment('b'))"]),
        ("y ~ C(x,Treatment( reference='b' ))", ["Intercept", "C(x, Treatment(reference='b'))"]),
        ("y ~ I(x**2)+log( x )", ["Intercept", "I(x ** 2)", "log(x)"]),
        ("y ~ bs(x,df=5,degree=3)", ["Intercept", "bs(x, df=5, degree=3)"]),
        ("y ~ `two words`:a", ["Intercept", "two words:a"]),
        ("y ~ größe + возраст", ["Intercept", "größe", "возраст"]),
    ],
)
def test_terms_are_named_as_patsy_names_them(text: str, names: list[str]) -> None:
    assert [term_name(t) for t in parse_formula(text).fixed] == names


def test_random_terms_follow_lme4() -> None:
    formula = parse_formula("y ~ x + (1 + x | site/venue) + (x || rater) + (1 | a:b)")
    assert [str(r) for r in formula.random] == [
        "(1 + x | site)",
        "(1 + x | site:venue)",
        "(1 + x || rater)",
        "(1 | a:b)",
    ]
    assert [r.intercept_only for r in formula.random] == [False, False, False, True]
    assert formula.variables == ("y", "x", "site", "venue", "rater", "a", "b")


def test_trials_and_offset() -> None:
    formula = parse_formula("cbind(cases, healthy) ~ offset(log(size)) + period")
    assert formula.outcome == "cbind(cases, healthy)"
    assert formula.trials
    assert [str(node) for node in formula.offset] == ["log(size)"]
    assert formula.variables == ("cases", "healthy", "period", "size")


def test_message_names_the_place_and_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"'lgo\(\.\.\.\)' at character 5 .* Did you mean 'log'\?"):
        parse_formula("y ~ lgo(x)")


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("y ~ factor(x)", "write C(x)"),
        ("y ~ as.factor(x)", "write C(x)"),
        ("y ~ poly(x, 2)", "x + I(x**2)"),
        ("y ~ .", "name the covariates"),
        ("y ~ np.log(x)", "write log(x)"),
        ("y ~ np.where(x)", "column of it in the data"),
        ("y ~ x.score", "in backquotes: `x.score`"),
        ("y ~ x.1", "in backquotes: `x.1`"),
        ("s/t ~ x", "cbind(s, t - s)"),
        ("y ~ us(1 + x | g)", "(x | group)"),
        ("y ~ diag(x | g)", "(x || group)"),
        ("y ~ ar1(week + 0 | g)", "(time | group)"),
        ("y ~ a %in% b", "(1 | a/b)"),
        ("y ~ I(x > 0)", "column of it in the data"),
        ("y ~ I(x == 1)", "column of it in the data"),
        ("y ~ x | g", "(1 | group)"),
        ("y ~ data$x", "without 'data$'"),
    ],
)
def test_habits_from_elsewhere_are_refused_with_the_way_out(text, way_out):
    with pytest.raises(UsageError) as refused:
        parse_formula(text)
    assert way_out in str(refused.value)
    assert "Did you mean" not in str(refused.value)


def test_logarithms_of_other_bases_are_read():
    data = {"x": [1.0, 2.0, 3.0, 8.0, 5.0], "y": [1.0, 2.0, 4.0, 3.0, 2.0]}
    formula = parse_formula("y ~ log2(x) + log10(x) + log1p(x)")
    for (factor,), expected in zip(formula.fixed[1:], (np.log2, np.log10, np.log1p), strict=True):
        columns = {"x": np.array(data["x"])}
        np.testing.assert_allclose(evaluate(factor, columns, {}, True), expected(data["x"]))
