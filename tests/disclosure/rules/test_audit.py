"""The audit of a model leaves the building only where the model's estimates do."""

import dataclasses

import pytest

from peerstats.disclosure import policy, release
from peerstats.results import Number, Results
from peerstats.results.blocks import AuditBlock, AuditLevel, Item, ModelBlock, Term, TermLevel

AT = "m1.support.audit.fitted.chosen"


def number(at: str, kind: str, value: float, basis: int | None = None) -> Number:
    formats = {"count": "count", "simulated": "percent1", "p_value": "p"}
    return Number(
        address=at, kind=kind, scale="none", value=value, format=formats.get(kind, "ratio"),
        basis=basis, fit="m1",
    )  # type: ignore[arg-type]  # fmt: skip


def study(women: int, events: int) -> Results:
    cell = min(events, women - events)
    base = "m1.support"
    numbers = [
        number("m1.n", "count", women, women),
        number("m1.events", "count", events, events),
        number(f"{base}.n", "count", women, women),
        number(f"{base}.events", "count", events, events),
        number(f"{base}.or", "estimate", 1.51, cell),
        number(f"{base}.low", "ci", 1.02, cell),
        number(f"{base}.high", "ci", 2.33, cell),
        number(f"{base}.p", "p_value", 0.03, cell),
        number(f"{AT}.coverage", "simulated", 95.06, cell),
        number(f"{AT}.power", "simulated", 61.24, cell),
    ]
    term = Term(
        variable="support",
        label="Support",
        exposure=True,
        levels=(TermLevel(key="", label="Support", term="support"),),
    )
    model = ModelBlock(
        key="m1", title="Model", outcome="y", outcome_label="Y", measure="or", terms=(term,),
        factors=(), fits=("m1",),
    )  # fmt: skip
    audit = AuditBlock(
        key="m1.audit",
        model="m1",
        title="Model",
        levels=(AuditLevel(label="Support", base=base),),
        scenarios=(Item(key="fitted", label="as fitted"),),
        methods=(Item(key="chosen", label="the method of this report"),),
    )
    return Results(
        analysis="a", title="A", synthetic=True, provenance="", fits={},
        numbers={n.address: n for n in numbers}, blocks={"m1": model, "m1.audit": audit},
    )  # fmt: skip


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_it_is_released_with_the_estimate(profile: str):
    released = release(study(200, 90), policy(profile))
    assert released.number("m1.support.or").shown
    power = released.number(f"{AT}.power")
    assert (power.value, power.basis) == (61.2, None)
    assert "m1.audit" in released.blocks


@pytest.mark.parametrize(("women", "events"), [(200, 5), (200, 196), (12, 6)])
def test_it_is_withheld_with_the_estimate(women: int, events: int):
    released = release(study(women, events), policy("standard"))
    assert not released.number("m1.support.or").shown
    assert "m1.audit" not in released.blocks
    assert not any(".audit." in at for at in released.numbers)


def test_a_hidden_model_looks_the_same_with_and_without_an_audit():
    exact = study(200, 5)
    bare = dataclasses.replace(
        exact,
        numbers={at: n for at, n in exact.numbers.items() if ".audit." not in at},
        blocks={"m1": exact.blocks["m1"]},
    )
    one, other = (release(results, policy("standard")) for results in (exact, bare))
    assert dict(one.numbers) == dict(other.numbers)
    assert dict(one.blocks) == dict(other.blocks)
    assert one.clearance == other.clearance
