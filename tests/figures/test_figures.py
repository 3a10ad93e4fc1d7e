"""Every kind of figure from fixed numbers: drawn twice the same, and readable without seeing it."""

import dataclasses
import re
import subprocess
import sys

import pytest

from peerstats.errors import UsageError
from peerstats.figures import FIGURES, build_figure
from peerstats.figures.canvas import shorten, style, text_width
from peerstats.results.text import plain

BLOCKS = {
    "approximation": "agq",
    "calibration": "cal",
    "caterpillar": "cat",
    "distributions": "t1",
    "forest": "m1",
    "influence": "inf",
    "linearity": "lin",
    "missingness": "miss",
    "residuals": "qq",
}
CHECKS = ("approximation", "calibration", "influence", "linearity", "residuals")


def test_the_blocks_here_cover_every_kind():
    assert set(BLOCKS) == set(FIGURES)


@pytest.mark.parametrize("kind", sorted(FIGURES))
@pytest.mark.parametrize("released", [False, True])
def test_contract(fixed, kind, released):
    results = fixed.results(released=released, groups=12, checked=12)
    figure = build_figure(results, kind, BLOCKS[kind])
    assert figure.png.startswith(b"\x89PNG")
    assert b"Software" not in figure.png
    assert b"tEXt" not in figure.png
    assert figure.drawn
    alt = plain(results, figure.alt)
    assert 30 < len(alt) < 500
    assert alt.endswith(".")
    assert figure.refs, "the alternative text reads numbers out"
    for at in (*figure.refs, *figure.drawn):
        results.number(at)
    again = build_figure(results, kind, BLOCKS[kind])
    assert again.png == figure.png


def test_withheld_numbers_are_named_and_explained(fixed):
    results = fixed.results(released=True, groups=12, checked=12)
    for kind, block in BLOCKS.items():
        words = " ".join(plain(results, note) for note in build_figure(results, kind, block).notes)
        assert "[c] withheld: fewer than 6 women." in words


def test_a_withheld_group_changes_nothing_in_the_picture(fixed):
    """The picture may depend on what is shown only, not on the value that was hidden."""
    results = fixed.results(released=True, groups=12, checked=12)
    numbers = {
        at: dataclasses.replace(number, value=3.5) if number.withheld else number
        for at, number in results.numbers.items()
    }
    other = dataclasses.replace(results, numbers=numbers)
    for kind, block in BLOCKS.items():
        assert build_figure(results, kind, block).png == build_figure(other, kind, block).png


def test_a_label_is_text_and_never_mathematics(fixed):
    hostile = fixed.results(hostile=True, groups=12, checked=12)
    for kind, block in BLOCKS.items():
        assert build_figure(hostile, kind, block).png


def test_letters_the_fonts_lack_do_not_stop_a_report(study):
    block = study.blocks["cat"]
    groups = tuple(dataclasses.replace(g, label="ঢাকা 東京") for g in block.groups[:3])
    blocks = {"cat": dataclasses.replace(block, groups=groups)}
    assert build_figure(dataclasses.replace(study, blocks=blocks), "caterpillar", "cat").png


@pytest.mark.parametrize("groups", [3, 26, 150])
def test_caterpillar_at_any_number_of_groups(fixed, groups):
    figure = build_figure(fixed.results(groups=groups), "caterpillar", "cat")
    assert figure.height < 1400


def test_forest_without_any_estimate_lists_the_terms(study):
    results = dataclasses.replace(study, numbers={})
    figure = build_figure(results, "forest", "m1")
    assert figure.drawn == ()
    assert "–" in plain(results, figure.alt)


def test_only_synthetic_data_are_watermarked(study):
    real = dataclasses.replace(study, synthetic=False)
    assert build_figure(real, "forest", "m1").png != build_figure(study, "forest", "m1").png


def test_unknown_kinds_are_named(study):
    with pytest.raises(UsageError, match="Did you mean 'forest'"):
        build_figure(study, "forrest", "m1")


def test_shortened_labels_fit():
    assert shorten("short", 2.0) == "short"
    cut = shorten("a very long label " * 10, 1.5)
    assert cut.endswith("…")
    assert text_width([cut]) <= 1.5


def test_settings_are_restored():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before


def test_importing_figures_does_not_import_matplotlib():
    code = "import sys, peerstats.figures, peerstats.report; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_variance_of_zero_is_said_under_its_plot(fixed):
    results = fixed.results(groups=12)
    flat = {
        at: dataclasses.replace(n, value=0.0) if ".mode" in at else n
        for at, n in results.numbers.items()
    }
    figure = build_figure(dataclasses.replace(results, numbers=flat), "caterpillar", "cat")
    assert "estimated at zero" in plain(results, figure.notes[0])
    assert "zero" not in plain(results, build_figure(results, "caterpillar", "cat").notes[0])


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.3, 6.0, ["0.5", "1", "2", "4", "5"]),
        (0.63, 2.8, ["0.75", "1", "1.5", "2"]),
        (0.8, 1.25, ["0.8", "0.9", "1", "1.1", "1.25"]),
    ],
)
def test_ticks_reach_over_the_axis(low, high, labels):
    from matplotlib.figure import Figure

    from peerstats.figures.forest import _ticks

    axes = Figure().subplots()
    axes.set_xscale("log")
    _ticks(axes, low, high, log=True)
    assert [label.get_text() for label in axes.get_xticklabels()] == labels


def test_an_interval_without_an_estimate_is_drawn_and_read_out(study):
    """The number of sites allows an interval of country and no more; withheld, it is not drawn."""
    hollow = {at: n for at, n in study.numbers.items() if at != "m1.ps.or"}
    drawn = build_figure(dataclasses.replace(study, numbers=hollow), "forest", "m1")
    assert "Peer support, per standard deviation – (1.31 to 2.05)" in plain(
        study, drawn.alt
    ).replace("\u00a0", " ")
    assert {"m1.ps.low", "m1.ps.high"} <= set(drawn.drawn)
    none = {at: n for at, n in hollow.items() if at not in ("m1.ps.low", "m1.ps.high")}
    empty = build_figure(dataclasses.replace(study, numbers=none), "forest", "m1")
    assert drawn.png != empty.png
    whole = build_figure(study, "forest", "m1")
    assert drawn.png != whole.png


@pytest.mark.parametrize("kind", CHECKS)
def test_a_check_reads_itself_out_in_one_sentence(fixed, kind):
    results = fixed.results(checked=12)
    figure = build_figure(results, kind, BLOCKS[kind])
    said = plain(results, figure.reading)
    assert said in plain(results, figure.alt)
    assert len(re.findall(r"\.(?:\s|$)", said)) == 1


def test_what_checks_say(fixed):
    results = fixed.results(checked=12)
    said = {k: plain(results, build_figure(results, k, BLOCKS[k]).reading) for k in CHECKS}
    assert {k: words.replace("\u00a0", " ") for k, words in said.items()} == {
        "calibration": "In 10 of 12 sites the observed proportion of consistent condom use lies "
        "within the 95% limits of what the model expects.",
        "residuals": "Of 12 quantiles of the residuals 10 lie within the band that holds them all "
        "in 95% of studies drawn from the model.",
        "influence": "Leaving out one site at a time, the odds ratio for “Peer support, per "
        "standard deviation” lies between 1.60 (without Site 1) and 1.82 (without Site 12); with "
        "all sites it is 1.64 (95% CI 1.31 to 2.05).",
        "approximation": "Laplace’s approximation and quadrature with 25 nodes differ most for "
        "“Age, per year”, by −0.310 standard errors.",
        "linearity": "Likelihood-ratio tests of a curve against the straight line: “Peer support, "
        "per standard deviation” p = 0.332; “Age, per year” p = 0.010.",
    }


@pytest.mark.parametrize("sites", [5, 26, 130])
def test_calibration_at_any_number_of_groups(fixed, sites):
    figure = build_figure(fixed.results(checked=sites), "calibration", "cal")
    assert figure.height < 1400


def test_checks_of_which_everything_is_withheld_say_so(fixed):
    results = fixed.results(checked=12)
    hidden = ("cal.", "qq.", "inf.", "agq.", "lin.")
    numbers = {
        at: dataclasses.replace(n, withheld="small numbers") if at.startswith(hidden) else n
        for at, n in results.numbers.items()
    }
    results = dataclasses.replace(results, numbers=numbers)
    for kind in CHECKS:
        figure = build_figure(results, kind, BLOCKS[kind])
        assert "[c] withheld: small numbers." in plain(results, figure.notes[0])
        assert not re.search(r"\d\.\d+ \(without", plain(results, figure.reading))
