"""Whoever knows how many women took part reads a table of missing values."""

import itertools

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.missing import PARTS
from peerstats.results.blocks import Item, MissingBlock
from peerstats.results.counting import percent, tally
from peerstats.results.missingness import LOST, TOTALS


@pytest.fixture
def missing(of_numbers):
    def build(**parts):
        parts = dict.fromkeys(PARTS, 0) | parts
        asked = sum(parts[name] for name in ("answered", *LOST))
        counts = {"rows": sum(parts.values()), "asked": asked, **parts}
        numbers = tally("m.v", counts, TOTALS)
        share = percent("m.v.answered_percent", numbers["answered"], numbers["asked"])
        block = MissingBlock(key="m", title="Missing", variables=(Item(key="v", label="V"),))
        return of_numbers(*numbers.values(), share, blocks=[block])

    return build


def printed(results, rule):
    """What the release shows of one variable."""
    numbers = release(results, rule).numbers
    return {at: n.printed for at, n in numbers.items()}


def test_counts_add_up_to_the_rounded_number_of_women(missing):
    shown = printed(missing(answered=31, refused=1), policy("standard"))
    assert shown["m.v.rows"] == "33"
    assert shown["m.v.asked"] == "33"
    assert (shown["m.v.answered"], shown["m.v.refused"]) == ("30", "3")
    assert shown["m.v.answered_percent"] == "91"


@pytest.mark.parametrize(
    ("profile", "women"),
    [
        (p, n)
        for p, ns in (("standard", (8, 12, 13, 14, 18, 26)), ("strict", (12, 21, 22)))
        for n in ns
    ],
)
def test_no_small_count_follows_from_the_number_of_women(missing, profile, women):
    """The attacker makes every release that this number of women can give, and compares."""
    rule = policy(profile)
    alike = {}
    for refused, skipped in itertools.product(range(women + 1), repeat=2):
        if refused + skipped <= women:
            parts = {"answered": women - refused - skipped, "refused": refused}
            results = missing(**parts, not_asked=skipped)
            key = tuple(sorted(printed(results, rule).items()))
            alike.setdefault(key, []).append((*parts.values(), skipped))
    for tables in alike.values():
        for counts in zip(*tables, strict=True):
            assert len(set(counts)) > 1 or counts[0] == 0 or counts[0] > rule.threshold
