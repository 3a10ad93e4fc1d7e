"""Plans of studies: every mistake at once, each with its line."""

from pathlib import Path

import pytest

from peerstats.errors import UsageError
from peerstats.resources import shipped
from peerstats.spec.power import PowerPlan, read_plan, risks

GOOD = """\
title = "A plan"
[design]
sites = [4, 8]
women_per_venue = [30]
[outcome]
prevalence = 0.3
[exposure]
level = "site"
[effect]
values = [1.5]
"""


def mistakes(folder: Path, text: str) -> list[tuple[int | None, str]]:
    path = folder / "plan.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_plan(path)
    return [(problem.line, problem.message) for problem in refused.value.problems]


def test_the_shipped_plan_can_be_read():
    for path in (shipped("analyses") / "plans").glob("*.toml"):
        assert read_plan(path).design.sites


def test_all_mistakes_are_told_with_their_lines(tmp_path: Path):
    text = GOOD.replace("prevalence = 0.3", "prevalence = 3").replace('"site"', '"sites"')
    found = mistakes(tmp_path, text.replace("women_per_venue", "women_per_venu"))
    assert [line for line, _ in sorted(found, key=lambda f: f[0] or 0)] == [2, 4, 6, 8]
    told = " ".join(message for _, message in found)
    assert "unknown key 'women_per_venu'. Did you mean 'women_per_venue'?" in told
    assert "'women_per_venue' is missing" in told
    assert "Did you mean 'site'?" in told
    assert "less than 1" in told


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("[1.5]", "[1.5, 1.0]", 10, "an effect of 1 is no effect"),
        ("prevalence = 0.3", "prevalence = 0.9", 10, "gives a risk above 0.98"),
        ('"site"', '"venue"', 2, "two venues a site or more"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    old: str, new: str, line: int, said: str, tmp_path: Path
):
    ((place, message),) = mistakes(tmp_path, GOOD.replace(old, new))
    assert (place, said in message) == (line, True)


def test_a_missing_plan_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="There is no plan"):
        read_plan(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("measure", ["pr", "or"])
def test_risks_give_the_prevalence_and_the_effect(measure: str):
    plan = PowerPlan.model_validate(
        {
            "title": "A plan",
            "design": {"sites": [4], "women_per_venue": [10]},
            "outcome": {"prevalence": 0.35},
            "exposure": {"prevalence": 0.2},
            "effect": {"measure": measure, "values": [1.8]},
        }
    )
    low, high = risks(plan, 1.8)
    assert 0.8 * low + 0.2 * high == pytest.approx(0.35)
    ratio = high / low if measure == "pr" else high / (1 - high) / (low / (1 - low))
    assert ratio == pytest.approx(1.8)
