"""Exact results made by hand, for every rule of the gate."""

import importlib.util
from pathlib import Path

import pytest

from peerstats.results import FitRecord, Number, Results
from peerstats.results.blocks import Item, ModelBlock, Term, TermLevel
from peerstats.results.counting import count, statistic

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "disclosure_attack.py"


@pytest.fixture(scope="session")
def attacks():
    """The attackers of the benchmark, and its builder of a Table 1."""
    found = importlib.util.spec_from_file_location("disclosure_attack", BENCHMARK)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def table_one(attacks):
    """Build a Table 1 from arrays of (levels, groups) and the sizes of the groups."""
    return attacks.table_one


@pytest.fixture(scope="session")
def of_numbers():
    """Wrap numbers and blocks as results."""

    def build(*numbers, blocks=(), fits=()):
        return Results(
            analysis="a",
            title="A study",
            synthetic=True,
            provenance="",
            numbers={n.address: n for n in numbers},
            blocks={b.key: b for b in blocks},
            fits={f.key: f for f in fits},
        )

    return build


@pytest.fixture(scope="session")
def mean():
    """A statistic with the number of women it describes."""

    def build(at, value, basis, kind="mean", style="decimal1"):
        return statistic(at, kind, value, format=style, basis=basis)

    return build


@pytest.fixture(scope="session")
def model(of_numbers):
    """A model of one yes/no covariate: n and events of No and Yes, and what was estimated."""

    def build(cells, marks=(), extra=()):
        (n0, e0), (n1, e1) = cells
        basis = min(n0 - e0, e0, n1 - e1, e1)
        parts = {name: tuple(f"m1.x.{i}.{name}" for i in (0, 1)) for name in ("n", "events")}
        numbers = [
            count("m1.x.0.n", n0),
            count("m1.x.0.events", e0),
            count("m1.x.1.n", n1),
            count("m1.x.1.events", e1),
            count("m1.n", n0 + n1, parts=parts["n"]),
            count("m1.events", e0 + e1, parts=parts["events"]),
            *(_estimates("m1.x.1", basis) + _estimates("m1.crude.x.1", basis)),
            *(_one("m1.age." + last, kind, 1.02, None) for last, kind in _ENDS),
            _one("m1.site.variance", "variance", 0.2154, min(e0 + e1, n0 + n1 - e0 - e1)),
            _one("m1.loglik", "loglik", -123.456789, None),
            Number(
                address="m1.site.groups", kind="constant", scale="count", value=7, format="count"
            ),
        ]
        block = ModelBlock(
            key="m1",
            title="Model 1",
            outcome="y",
            outcome_label="Tested",
            measure="or",
            terms=(
                Term(
                    variable="x",
                    label="Peer support",
                    levels=(
                        TermLevel(key="0", label="No", term=None),
                        TermLevel(key="1", label="Yes", term="x"),
                    ),
                ),
                Term(
                    variable="age",
                    label="Age",
                    levels=(TermLevel(key="", label="Age", term="age"),),
                ),
            ),
            factors=(Item(key="site", label="Site"),),
            fits=("m1",),
            marks=tuple(marks),
            inference=(("x", "Wald t test (28 df)"),),
        )
        return of_numbers(*numbers, *extra, blocks=[block], fits=[_record(n0 + n1)])

    return build


_ENDS = (("or", "estimate"), ("low", "ci"), ("high", "ci"), ("p", "p_value"))


def _estimates(at, basis):
    return [_one(f"{at}.{last}", kind, 1.2345678, basis) for last, kind in _ENDS]


def _one(at, kind, value, basis):
    return Number(
        address=at,
        kind=kind,
        scale="odds_ratio",
        value=value,
        format="p" if kind == "p_value" else "ratio",
        se=0.3,
        fit="m1",
        basis=basis,
    )


def _record(n):
    return FitRecord(
        key="m1",
        formula="y ~ x + age + (1 | site)",
        family="binomial",
        link="logit",
        method="laplace",
        nobs=n,
        groups=(("site", 7),),
        converged=True,
        singular=False,
        gradient=0.000123456,
        min_eigenvalue=3.14159,
        loglik=-123.456789,
        dropped=(("age .r", 2),),
        messages=("'x' has 1 level(s) with one row only.", "A second start was used."),
    )
