"""Checks of models at the gate: small cells are planted, and an attacker looks for them."""

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Field
from peerstats.data.sample import Sample
from peerstats.disclosure import policy, release
from peerstats.figures import build_figure
from peerstats.results import Results
from peerstats.results.calibration import calibration
from peerstats.results.checked import Checked
from peerstats.results.influence import influence
from peerstats.results.linearity import linearity
from peerstats.results.models import ModelRequest, model_results
from peerstats.results.residual_quantiles import residual_quantiles

SITES = 9
MAKERS = {
    "cal": calibration, "inf": influence, "qq": residual_quantiles, "lin": linearity,
}  # fmt: skip
KINDS = {"cal": "calibration", "inf": "influence", "qq": "residuals", "lin": "linearity"}
STANDARD = policy("standard")


def field(name, type="decimal"):
    return Field(name=name, table="t", label=name.upper(), type=type, column=name)


FIELDS = {
    "y": field("y", "boolean"), "x": field("x", "boolean"), "age": field("age", "integer"),
    "site_id": field("site_id", "key"),
}  # fmt: skip


def women(small=()):
    """9 sites whose cells of x by y are large; in `small` sites 3 women alone have x and y."""
    rng = np.random.default_rng(5)
    rows = []
    for k in range(SITES):
        cells = {(0, 0): 16 + k, (0, 1): 12, (1, 0): 11 + k % 3, (1, 1): 3 if k in small else 15}
        for (x, y), n in cells.items():
            rows += [(f"town_{k}", x, y, age) for age in rng.integers(18, 50, n)]
    return pd.DataFrame(rows, columns=["site_id", "x", "y", "age"])


def exact(frame, keys=("cal", "inf", "qq", "lin"), random="(1 | site_id)"):
    """Exact results of one model and its checks."""
    request = ModelRequest(
        key="m1", title="M", outcome=FIELDS["y"], exposure="x", random=random,
        covariates=(("age", "why not"),), if_not_estimable="report",
    )  # fmt: skip
    sample = Sample(frame=frame, fields=FIELDS, dropped=(), n_start=len(frame))
    answer = model_results(request, sample, sites="site_id")
    blocks, numbers = {"m1": answer.block}, dict(answer.numbers)
    for key in keys:
        found, made = MAKERS[key[:3].rstrip("2")](
            Checked(
                key=key, title=key, block=answer.block, fit=answer.fit, terms=answer.terms,
                sizes=answer.sizes, sites=answer.sites, fields=FIELDS,
            )
        )  # fmt: skip
        blocks[key] = found
        numbers |= made
    return Results(
        analysis="a", title="T", synthetic=False, provenance="", numbers=numbers, blocks=blocks,
        fits=answer.records,
    )  # fmt: skip


@functools.cache
def study(*small):
    """Exact results of all checks of the women above."""
    return exact(women(small))


def shown_sites(before, after, key, name):
    """The attacker's best case: every letter led back to its site by what is printed."""
    sites_of = {}
    for site in before.blocks[key].groups:
        for group in after.blocks[key].groups:
            old, new = before.number(f"{key}.{site.key}.{name}"), f"{key}.{group.key}.{name}"
            printed = dataclasses.replace(old, format=after.number(new).format).printed
            if printed == after.number(new).printed:
                sites_of.setdefault(group.key, []).append(site.key)
    return sites_of


def test_all_sites_are_shown_when_no_cell_is_small():
    results = study()
    after = release(results, STANDARD)
    for key in ("cal", "inf"):
        groups = after.blocks[key].groups
        assert sorted(g.key for g in groups) == list("ABCDEFGHI")
        assert [g.key for g in groups] == sorted(g.key for g in groups)
    assert [g.label for g in after.blocks["cal"].groups] == list("ABCDEFGHI")


@pytest.mark.parametrize(("small", "hidden"), [((2,), 2), ((0, 4), 3)])
def test_a_small_cell_takes_its_site_and_another_out(small, hidden):
    """Only exposure-by-outcome cells are small, not outcomes; two cells of 3 are 6, still small."""
    results = study(*small)
    after = release(results, STANDARD)
    assert len(after.blocks["cal"].groups) == SITES
    assert len(after.blocks["inf"].groups) == SITES - hidden
    assert "inf: groups left out, because of small numbers" in after.clearance.actions


def test_subtracting_all_sites_shown_finds_no_small_cell():
    """Each estimate without a site gives the site's table; what is left is the hidden sites'."""
    results = study(2)
    after = release(results, STANDARD)
    found = shown_sites(results, after, "inf", "1.or")
    shown = {sites[0] for sites in found.values() if len(sites) == 1}
    tables = {
        g.key: np.array([results.number(f"inf.{g.key}.cell.{i}").value for i in (1, 2, 3, 4)])
        for g in results.blocks["inf"].groups
    }
    assert "town_2" not in {s for sites in found.values() for s in sites if len(sites) == 1}
    assert all((tables[site] > 6).all() for site in shown)
    kept = len(after.blocks["inf"].groups)
    hidden = sorted(tables, key=lambda s: (s != "town_2", tables[s].sum()))[: SITES - kept]
    assert len(hidden) >= 2
    assert (sum(tables[site] for site in hidden) > 6).all()


def test_sizes_names_and_cells_leave_no_number():
    results = study(2)
    after = release(results, STANDARD)
    parts = {part for at in after.numbers for part in at.split(".")}
    assert not parts & {"cell", "outside"}
    assert not [at for at in after.numbers if "town" in at]
    assert not [
        at for at in after.numbers if at.startswith("cal.") and at.endswith((".n", ".events"))
    ]
    assert all(n.basis is None and n.se is None for n in after.numbers.values())


def test_letters_differ_from_figure_to_figure():
    """By chance alone 1 in 9! agree."""
    before, after = study(), release(study(), STANDARD)
    cal = shown_sites(before, after, "cal", "expected")
    inf = shown_sites(before, after, "inf", "1.low")
    assert any(set(cal[letter]).isdisjoint(inf[letter]) for letter in cal)


def test_observed_percentages_are_of_rounded_counts():
    """Whatever the exact counts, a dot is at one of the values of rounded ones."""
    results = study()
    after = release(results, STANDARD)
    possible = set()
    for site in results.blocks["cal"].groups:
        events, n = (round(results.number(f"cal.{site.key}.{p}").value) for p in ("events", "n"))
        possible.add(int(np.floor(100 * STANDARD.rounded(events) / STANDARD.rounded(n) + 0.5)))
    found = {after.number(f"cal.{g.key}.observed").value for g in after.blocks["cal"].groups}
    assert found == possible


def test_limits_are_wider_by_the_rounding_and_counted_from_what_is_printed():
    results = study()
    after = release(results, STANDARD)
    inside = 0
    for group in after.blocks["cal"].groups:
        at = f"cal.{group.key}"
        low, dot, high = (after.number(f"{at}.{p}").value for p in ("low", "observed", "high"))
        inside += low <= dot <= high
        assert high == round(high)
    assert after.number("cal.inside").value == inside
    assert after.number("cal.groups").value == SITES
    widths = [
        results.number(f"cal.{g.key}.high").value - results.number(f"cal.{g.key}.low").value
        for g in results.blocks["cal"].groups
    ]
    wider = [
        after.number(f"cal.{g.key}.high").value - after.number(f"cal.{g.key}.low").value
        for g in after.blocks["cal"].groups
    ]
    least = 100 * 6 / max(STANDARD.rounded(round(results.number(f"cal.{g.key}.n").value))
                          for g in results.blocks["cal"].groups)  # fmt: skip
    assert np.mean(wider) - np.mean(widths) >= least - 1


def test_few_sites_are_no_figure():
    frame = women()
    after = release(exact(frame[frame["site_id"] < "town_4"]), STANDARD)
    assert set(after.blocks) == {"m1", "qq", "lin"}
    assert not [at for at in after.numbers if at.startswith(("cal", "inf"))]


def test_outer_quantiles_go_and_a_small_study_has_no_plot():
    results = study()
    after = release(results, STANDARD)
    n = len(women())
    kept = [item.key for item in after.blocks["qq"].quantiles]
    assert "q1" not in kept
    assert "q99" not in kept
    for item in results.blocks["qq"].quantiles:
        share = float(item.label[:-1]) / 100
        beyond = int(n * min(share, 1 - share))
        assert (item.key in kept) == (STANDARD.lower(beyond) > 12)
    assert after.number("qq.quantiles").value == len(kept)
    few = women().groupby("site_id").head(3)
    few = few.assign(y=np.arange(len(few)) % 2, x=np.arange(len(few)) // 2 % 2)
    assert "qq" not in release(exact(few, ("qq",)), STANDARD).blocks


def test_a_curve_ends_where_more_than_a_few_women_are():
    results = study()
    at = "lin.age.outside"
    few = dataclasses.replace(results.number(at), value=4.0, basis=4)
    results = dataclasses.replace(results, numbers={**results.numbers, at: few})
    after = release(results, STANDARD)
    assert "lin" not in after.blocks
    assert not [at for at in after.numbers if at.startswith("lin")]


def test_checks_of_a_withheld_model_leave_no_trace():
    """The outcome is rare: nothing of the model is shown, and no action speaks of its checks."""
    frame = women()
    frame["y"] = 0
    frame.loc[frame.index[::60], "y"] = 1
    after = release(exact(frame, ("cal", "qq")), STANDARD)
    assert set(after.blocks) == {"m1"}
    assert not [words for words in after.clearance.actions if words.startswith(("cal", "qq"))]


def test_one_figure_of_leaving_out_an_estimate():
    after = release(exact(women(), ("inf", "inf2")), STANDARD)
    assert "inf" in after.blocks
    assert "inf2" not in after.blocks


def test_the_public_profile_keeps_names_and_values():
    results = study(2)
    after = release(results, policy("public", "teaching data"))
    assert after.numbers == results.numbers
    assert after.blocks == results.blocks


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_released_checks_are_drawn_and_nobody_is_named(profile):
    after = release(study(2), policy(profile))
    for key in [key for key in KINDS if key in after.blocks]:
        figure = build_figure(after, KINDS[key], key)
        assert figure.drawn
        assert all(after.has(at) for at in (*figure.drawn, *figure.refs))
    assert "town" not in repr(after.blocks)
