import pytest

from peerstats.data.codebook import Codebook
from peerstats.data.study import FlowStep, Study
from peerstats.errors import DataError
from peerstats.results.flow import flow


def _study(*steps: tuple[str, int, bool]) -> Study:
    return Study(
        name="founding",
        codebook=Codebook(name="c", tables={}, fields={}, keys={}, scales={}, rules={}),
        tables={},
        findings=(),
        notes=(),
        flow=tuple(FlowStep(key=k, label=k.title(), count=n, excluded=x) for k, n, x in steps),
        synthetic=True,
        provenance="",
    )


def test_the_founding_flow_adds_up() -> None:
    study = _study(
        ("interviewed", 52, False), ("internal migrant", 21, True), ("analysed", 31, False)
    )
    block, numbers = flow("flow", "Flow", study)
    assert block.steps[1] == ("internal migrant", "Internal Migrant", True)
    assert [(n.address, n.value, n.basis, n.parts) for n in numbers] == [
        ("flow.interviewed.n", 52, 52, ("flow.internal_migrant.n", "flow.analysed.n")),
        ("flow.internal_migrant.n", 21, 21, ()),
        ("flow.analysed.n", 31, 31, ()),
    ]


def test_several_exclusions_leave_one_step() -> None:
    study = _study(
        ("approached", 100, False),
        ("refused", 30, True),
        ("under 18", 5, True),
        ("interviewed", 65, False),
        ("analysed", 65, False),
    )
    numbers = flow("f", "Flow", study)[1]
    assert numbers[0].parts == ("f.refused.n", "f.under_18.n", "f.interviewed.n")
    assert numbers[3].parts == ("f.analysed.n",)


def test_a_step_that_does_not_add_up_has_no_parts() -> None:
    study = _study(("approached", 100, False), ("refused", 30, True), ("interviewed", 65, False))
    assert flow("f", "Flow", study)[1][0].parts == ()


def test_a_study_without_a_flow_has_an_empty_block() -> None:
    block, numbers = flow("f", "Flow", _study())
    assert block.steps == ()
    assert numbers == ()


def test_a_step_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match="names the step 'a_b' twice"):
        flow("f", "Flow", _study(("a b", 3, False), ("a/b", 3, False)))


def test_a_negative_count_is_refused_without_saying_it() -> None:
    with pytest.raises(DataError, match=r"negative count at step 'refused'; check") as caught:
        flow("f", "Flow", _study(("approached", 3, False), ("refused", -17, True)))
    assert "17" not in str(caught.value)
