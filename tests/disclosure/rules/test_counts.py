import pytest

from peerstats.disclosure import policy, release
from peerstats.results.blocks import FlowBlock
from peerstats.results.counting import constant, count, percent

STANDARD = policy("standard")


def test_the_founding_flow_adds_up_after_rounding(of_numbers):
    steps = (("in", "Interviewed", False), ("out", "Internal", True), ("left", "Analysed", False))
    released = release(
        of_numbers(
            count("f.in.n", 52, parts=("f.out.n", "f.left.n")),
            count("f.out.n", 21),
            count("f.left.n", 31),
            blocks=[FlowBlock(key="f", title="Flow", steps=steps)],
        ),
        STANDARD,
    )
    printed = [released.number(f"f.{step}.n").printed for step in ("in", "out", "left")]
    assert printed == ["54", "21", "33"]


def test_zero_stays_and_counts_round_to_their_midpoints(of_numbers):
    released = release(of_numbers(*(count(f"b.n{n}", n) for n in (0, 1, 6, 7, 1934))), STANDARD)
    printed = [released.number(f"b.n{n}").printed for n in (0, 1, 6, 7, 1934)]
    assert printed == ["0", "3", "3", "9", "1,935"]


def test_constants_are_not_rounded(of_numbers):
    assert (
        release(of_numbers(constant("m.site.groups", 5)), STANDARD).number("m.site.groups").printed
        == "5"
    )


def test_a_total_that_does_not_add_up_is_rounded_on_its_own(of_numbers):
    released = release(
        of_numbers(count("b.all", 40, parts=("b.a", "b.b")), count("b.a", 10), count("b.b", 20)),
        STANDARD,
    )
    assert released.number("b.all").printed == "39"


def test_a_total_with_an_addend_that_is_not_there_is_rounded_on_its_own(of_numbers):
    released = release(
        of_numbers(count("b.all", 31, parts=("b.a", "b.gone")), count("b.a", 10)), STANDARD
    )
    assert released.number("b.all").printed == "33"
    assert released.number("b.all").parts == ("b.a",)


@pytest.mark.parametrize(("n", "of", "printed"), [(20, 31, "64"), (7, 12, "100"), (1, 300, "1")])
def test_percentages_are_whole_and_made_of_rounded_counts(of_numbers, n, of, printed):
    above, below = count("b.n", n), count("b.of", of)
    released = release(of_numbers(above, below, percent("b.p", above, below)), STANDARD)
    assert released.number("b.p").printed == printed


def test_a_percentage_of_few_or_of_unknown_counts_is_withheld(of_numbers):
    above, below = count("b.n", 3), count("b.of", 5)
    few = release(of_numbers(above, below, percent("b.p", above, below)), STANDARD)
    assert few.number("b.p").withheld == "small numbers"
    alone = percent("b.p", count("b.n", 30), count("b.of", 50))
    unknown = release(of_numbers(alone), STANDARD)
    assert unknown.number("b.p").withheld == "the counts behind it are not known"
