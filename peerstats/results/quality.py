"""Data quality: what the consistency checks found, and how often answers contradict by site."""

from __future__ import annotations

from peerstats.data.study import Finding, Study
from peerstats.results.answers import name_levels
from peerstats.results.blocks import Group, QualityBlock, QualityRow
from peerstats.results.counting import constant, count, distinct, percent, within
from peerstats.results.number import Number, address


def quality(
    key: str, title: str, study: Study, rules_run: int | None = None
) -> tuple[QualityBlock, tuple[Number, ...]]:
    """Return the findings of a study with B.R.count and B.R.checked, and rates by site.

    A check that found nothing has no row. R is the rule's id, followed by a number from the second
    finding of the same rule on. A finding with sites has B.R.site.S.count, .checked and .percent
    (100 count / checked); its own count and checked name the sites' as parts where these add up.
    `rules_run`, at B.rules_run, is the number of rules that were on; by default the number of
    different rules in the findings. Messages and notes are printed as they are, so they must not
    repeat a count: the gate rounds numbers, not words.
    """
    ran = len({f.rule for f in study.findings}) if rules_run is None else rules_run
    found = [finding for finding in study.findings if finding.count]
    keys = _row_keys(found)
    numbers = [constant(address(key, "rules_run"), ran)]
    for row_key, finding in zip(keys, found, strict=True):
        numbers += _numbers(address(key, row_key), finding, _sensitive(study, finding))
    names = _site_names(study)
    block = QualityBlock(
        key=key,
        title=title,
        rows=tuple(_row(k, f) for k, f in zip(keys, found, strict=True)),
        rules_run=ran,
        notes=study.notes,
        site_rates=tuple(
            (row_key, Group(key=site, label=names.get(site, site.replace("_", " "))))
            for row_key, finding in zip(keys, found, strict=True)
            for site, _, _ in finding.by_site
        ),
    )
    return block, distinct(numbers)


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
        message=finding.message,
    )


def _numbers(at: str, finding: Finding, sensitive: int) -> list[Number]:
    """Return the counts of one finding and of its sites; `at` is B.R."""
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
