"""The audit as numbers: of the exposure, standing on as many women as the estimate."""

from peerstats.inference.audit.plan import Scenario
from peerstats.inference.audit.rows import Audit, AuditRow
from peerstats.results import Number
from peerstats.results.audit import audit_results
from peerstats.results.blocks import ModelBlock, Term, TermLevel

BLOCK = ModelBlock(
    key="m1",
    title="Place and tests",
    outcome="test",
    outcome_label="Test",
    measure="or",
    terms=(
        Term(
            variable="place",
            label="Place",
            exposure=True,
            levels=(
                TermLevel(key="bar", label="Bar", term=None),
                TermLevel(key="street", label="Street", term="place[T.street]"),
            ),
        ),
        Term(variable="age", label="Age", levels=(TermLevel(key="", label="Age", term="age"),)),
    ),
    factors=(),
    fits=("m1",),
)


def count(at: str, value: int) -> Number:
    return Number(address=at, kind="count", scale="count", value=float(value), format="count")


COUNTS = {
    n.address: n
    for n in (
        count("m1.place.bar.n", 60),
        count("m1.place.bar.events", 20),
        count("m1.place.street.n", 40),
        count("m1.place.street.events", 31),
    )
}


def row(term: str, **more: object) -> AuditRow:
    given = {"coverage": 0.951, "coverage_error": 0.01, "type1": 0.049, "type1_error": 0.011}
    return AuditRow(
        scenario="fitted", term=term, method="chosen", replicates=400, **{**given, **more}
    )  # type: ignore[arg-type]


def made(*rows: AuditRow):
    scenarios = (Scenario(key="fitted", words="as fitted (site SD 0.31)"),)
    return audit_results(BLOCK, COUNTS, Audit(model="m1", scenarios=scenarios, rows=rows))


def test_the_exposures_numbers_stand_on_its_smallest_cell():
    block, numbers = made(row("place[T.street]"), row("age"))
    assert block.key == "m1.audit"
    assert [level.label for level in block.levels] == ["Place: Street"]
    coverage = numbers["m1.place.street.audit.fitted.chosen.coverage"]
    assert (coverage.value, coverage.printed, coverage.basis) == (95.1, "95.1", 9)
    assert coverage.kind == "simulated"
    assert not any(at.startswith("m1.age") for at in numbers)


def test_a_refused_test_is_marked_and_has_no_rate():
    block, numbers = made(row("place[T.street]", type1=float("nan"), reason="with 3 sites …"))
    assert not block.levels[0].tested
    assert not any(at.endswith("type1") for at in numbers)


def test_no_number_of_the_study_stands_in_words():
    block, _ = made(row("place[T.street]"))
    assert [scenario.label for scenario in block.scenarios] == ["as fitted"]
