from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.texts import REMARK, masked, masked_counts, plain_method, told
from peerstats.results.blocks import (
    BaselineBlock,
    BaselineVariable,
    Group,
    Item,
    Mark,
    QualityBlock,
    QualityRow,
    ReliabilityBlock,
)


@pytest.mark.parametrize(
    ("sentence", "safe"),
    [
        ("With 3 sites the variance is not reported.", None),
        ("4 women answered; n = 31.", "[c] women answered; n = [c]."),
        ("The 95% interval of 1,234 answers.", "The 95% interval of [c] answers."),
        ("100 % of events are in one level.", "[c] % of events are in one level."),
        (
            "With 14 venues nothing is told of 14 women.",
            "With 14 venues nothing is told of [c] women.",
        ),
        ("HIV-1 and m1 are names; 25 nodes.", None),
        ("with 3 sites and 1 df it cannot be tested", None),
        ("with 28 df", "with [c] df"),
        ("'site_id' has 3 levels: too short below about 40; use another.", None),
        ("Gradient 0.003 is large.", "Gradient [c] is large."),
    ],
)
def test_numbers_in_words_are_masked(sentence, safe):
    assert masked(sentence) == (safe or sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "It varies inside a single site only and is judged like a site-level covariate.",
        "'x' has 1 level(s) with one row only; their estimates rest on one person. Merge levels.",
        "The table A × B has no woman in Mexico × Formal.",
        "most groups are nearly all yes or all no",
    ],
)
def test_sentences_about_single_women_are_replaced(sentence):
    assert told(sentence) == REMARK


@pytest.mark.parametrize(
    "sentence",
    [
        "The fit did not converge, so its numbers are not shown.",
        "It is constant within every site, and with 3 sites its interval may be too narrow.",
        "The between-site variance is estimated at zero: with 7 sites this happens also where sites"
        " differ, so it does not show absence of clustering.",
    ],
)
def test_what_a_reader_must_know_of_few_sites_stays(sentence):
    assert told(sentence) == sentence


def test_limits_of_a_rule_stay():
    assert masked_counts("age below 18 in 2 of 31 rows") == "age below 18 in [c] of [c] rows"


def test_every_block_with_sentences_is_masked(of_numbers):
    variable = BaselineVariable(name="v", label="V", numeric=True, remarks=("Asked of 19 women.",))
    baseline = BaselineBlock(
        key="t1",
        title="Table 1",
        groups=(Group(key="all", label="All"),),
        variables=(variable,),
        remarks=("2 women have no site.",),
    )
    row = QualityRow(
        key="C1", rule="C1", severity="warn", table="t", columns=(), message="in 2 of 31 rows"
    )
    quality = QualityBlock(key="q", title="Q", rows=(row,), rules_run=3, notes=("5 rows read",))
    scales = ReliabilityBlock(
        key="r",
        title="R",
        scales=((Item(key="s", label="S"), ()),),
        remarks=("S: 4 women answered.",),
    )
    blocks = release(of_numbers(blocks=[baseline, quality, scales]), policy("standard")).blocks
    assert blocks["t1"].variables[0].remarks == ("Asked of [c] women.",)
    assert blocks["t1"].remarks == ("[c] women have no site.",)
    assert blocks["q"].rows[0].message == "in [c] of [c] rows"
    assert blocks["q"].notes == ("[c] rows read",)
    assert blocks["r"].remarks == ("S: [c] women answered.",)


def test_headings_that_nobody_declared_are_not_repeated(of_numbers):
    """A heading can be anything, also what a woman was called."""
    row = QualityRow(
        key="undeclared",
        rule="undeclared",
        severity="note",
        table="participants",
        columns=("maria_lopez", "age"),
        message="2 columns are not in the codebook. 'maria_lopez' was not read.",
    )
    block = QualityBlock(key="q", title="Quality", rows=(row,), rules_run=3, notes=())
    released = release(of_numbers(blocks=[block]), policy("standard"))
    assert "maria" not in repr(released.blocks["q"])


@pytest.mark.parametrize(
    ("words", "safe"),
    [
        ("t test with sites as fixed effects (9 df), for what varies within sites", False),
        ("t test with sites as fixed effects (13.5 df)", False),
        ("two stages, t test (6 df), for what is constant within sites", True),
        ("two stages, t test (28 df), for what is constant within sites", False),
    ],
)
def test_degrees_of_freedom_that_count_women_are_left_out(words, safe):
    """N = 9 + J + p, also where few are left."""
    assert ("df" in plain_method(words)) == safe


def test_nothing_stands_in_the_place_of_what_a_model_must_not_say(model):
    """A line there says that the covariate varies inside one site."""
    results = model(((60, 20), (60, 30)))
    block = replace(results.blocks["m1"], terms=results.blocks["m1"].terms[:1])
    sentence = "X: it varies inside a single site only, whose women alone are compared."
    marks = (Mark(where="m1.x", sort="warning", sentence=sentence),)
    told_of = [
        release(replace(results, blocks={"m1": replace(block, marks=m)}), policy("standard"))
        for m in ((), marks)
    ]
    assert told_of[0].blocks == told_of[1].blocks
