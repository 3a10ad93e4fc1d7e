"""Data quality: what the consistency checks found, and how often answers contradict by site.

The checks say how many rows fail within their messages, which is right for a terminal. Here counts
are numbers with addresses, which the gate rounds; a sentence that repeated them would undo that. So
a rule is printed as its title, what is expected,, and other messages lose their counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from peerstats.data.checks import RULES
from peerstats.data.study import Finding, Study
from peerstats.results.answers import name_levels
from peerstats.results.blocks import Group, QualityBlock, QualityRow
from peerstats.results.counting import constant, count, distinct, percent, within
from peerstats.results.number import Number, address

# "7 of 40" rows, "12 values": what a sentence must not repeat.
_COUNTS = re.compile(r"\b\d[\d,]* of \d[\d,]*\b|\b\d[\d,]*(?= (?:values|rows|women|columns)\b)")
_OF_COLUMNS = ("undeclared",)  # findings about headings: no woman stands behind their counts


def quality(key: str, title: str, study: Study) -> tuple[QualityBlock, tuple[Number, ...]]:
    """Return the findings of a study with B.R.count and B.R.checked, and rates by site.

    A check that found nothing has no row, unless it has rates by site, which are published always.
    R is the rule's id, followed by a number from the second finding of the same rule on. A finding
    with sites has B.R.site.S.count, .checked and .percent (100 count / checked); its own count and
    checked name the sites' as parts where these add up. B.rules_run is the number of rules that
    are on and that the study's tables allow.
    """
    ran = len(study.rules_run)
    found = [finding for finding in study.findings if finding.count or finding.by_site]
    keyed = tuple(zip(_row_keys(found), found, strict=True))
    numbers = [constant(address(key, "rules_run"), ran)]
    for row_key, finding in keyed:
        numbers += _numbers(address(key, row_key), finding, _sensitive(study, finding))
    block = QualityBlock(
        key=key,
        title=title,
        rows=tuple(_row(row_key, finding) for row_key, finding in keyed),
        rules_run=ran,
        notes=tuple(_without_counts(note) for note in study.notes),
        site_rates=_site_rates(keyed, _site_names(study)),
    )
    return block, distinct(numbers)


def _site_rates(
    keyed: tuple[tuple[str, Finding], ...], names: Mapping[str, str]
) -> tuple[tuple[str, Group], ...]:
    """Return each row with a rate and its sites, in the finding's order."""
    return tuple(
        (row_key, Group(key=site, label=names.get(site, site.replace("_", " "))))
        for row_key, finding in keyed
        for site, _, _ in finding.by_site
    )


def _without_counts(text: str) -> str:
    """Return a sentence that says "some" where it said how many.

    >>> _without_counts("12 of 960 values look like codes (such as 999).")
    'Some values look like codes (such as 999).'
    """
    plain = _COUNTS.sub("some", text)
    return plain[:1].upper() + plain[1:] if plain.startswith("some") else plain


def _row_keys(findings: list[Finding]) -> list[str]:
    """Return a key for each finding: C19, C19_2, C19_3 for three findings of one rule."""
    seen: dict[str, int] = {}
    keys = []
    for finding in findings:
        seen[finding.rule] = seen.get(finding.rule, 0) + 1
        again = seen[finding.rule]
        keys.append(finding.rule if again == 1 else f"{finding.rule}_{again}")
    return keys


def _row(key: str, finding: Finding) -> QualityRow:
    return QualityRow(
        key=key,
        rule=finding.rule,
        severity=finding.severity,
        table=finding.table,
        columns=finding.columns,
        message=_message(finding),
    )


def _message(finding: Finding) -> str:
    """Say what a finding is about; a rule's title says how the rows should have been."""
    if finding.rule in RULES:
        return f"Expected: {RULES[finding.rule].title}"
    return _without_counts(finding.message)


def _numbers(at: str, finding: Finding, sensitive: int) -> list[Number]:
    """Return the counts of one finding and of its sites; `at` is B.R."""
    if finding.rule in _OF_COLUMNS:
        totals = {"count": finding.count, "checked": finding.checked}
        return [constant(within(at, name), total) for name, total in totals.items()]
    sites: list[Number] = []
    addends: dict[str, list[Number]] = {"count": [], "checked": []}
    for site, hits, checked in finding.by_site:
        place = within(at, "site", site)
        above = count(within(place, "count"), hits, sensitive=sensitive)
        below = count(within(place, "checked"), checked, sensitive=sensitive)
        addends["count"].append(above)
        addends["checked"].append(below)
        sites += [above, below, percent(within(place, "percent"), above, below)]
    totals = {"count": finding.count, "checked": finding.checked}
    own = []
    for name, total in totals.items():
        parts = addends[name]
        adds_up = bool(parts) and sum(n.value for n in parts) == total
        addresses = tuple(n.address for n in parts) if adds_up else ()
        own.append(count(within(at, name), total, parts=addresses, sensitive=sensitive))
    return own + sites


def _sensitive(study: Study, finding: Finding) -> int:
    """A contradiction about a sensitive variable is as sensitive as the variable."""
    fields = study.codebook.fields
    return max((fields[c].sensitive for c in finding.columns if c in fields), default=0)


def _site_names(study: Study) -> dict[str, str]:
    """Return the sites' names by their keys, as far as the study gives them."""
    keys = study.codebook.keys.get("sites", ())
    return {lv.value: lv.label for lv in name_levels(study, keys[0]).levels} if keys else {}
