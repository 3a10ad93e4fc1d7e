"""Run the consistency rules over a study's tables; each rule is one registry line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from peerstats.data.checks import answers, eligibility, lifetime, patterns, places
from peerstats.data.checks.rule import Piece, Rule
from peerstats.data.codebook import Codebook
from peerstats.data.derived.source import Source
from peerstats.data.linked import link, unit
from peerstats.data.study import Finding, Table
from peerstats.errors import UsageError, did_you_mean

RULES: Mapping[str, Rule] = {
    rule.id: rule
    for rule in sorted(
        (
            *eligibility.RULES,
            *lifetime.RULES,
            *places.RULES,
            *answers.RULES,
            *patterns.RULES,
        ),
        key=lambda rule: rule.id,
    )
}


def check(tables: Mapping[str, Table], codebook: Codebook) -> tuple[Finding, ...]:
    """Return what the rules found, in the order of their ids; a rule that found nothing is silent.

    C15 is a metric: it is returned even when no row fails, with its rate by site. A message holds
    the rule, the table, the columns and the count, never a value. Raises UsageError when the
    codebook sets a severity for a rule that does not exist.
    """
    return check_all(tables, codebook)[1]


def check_all(
    tables: Mapping[str, Table], codebook: Codebook
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the ids of the rules that these tables allow and are on, and what they found."""
    ran, found = [], []
    for rule, view, pieces in _ran(tables, codebook):
        ran.append(rule.id)
        applies, offends = _merged(view, pieces)
        if offends.any() or (rule.metric and applies.any()):
            found.append(_finding(rule, codebook, view, pieces))
    return tuple(ran), tuple(found)


def offenders(tables: Mapping[str, Table], codebook: Codebook, rule: str) -> frozenset[str]:
    """Return the ids of the participants with a row that fails the rule, for exclusion in memory.

    A rule that is off or cannot be run has none. For a rule about venues they are the women
    recruited there. Raises UsageError for a rule that does not exist.
    """
    _known([rule])
    for _, view, pieces in _ran(tables, codebook, only=rule):
        rows = _merged(view, pieces)[1]
        if view.has("participant_id"):
            return frozenset(view.value("participant_id")[rows].dropna().astype(str))
        women = tables["participants"].values
        there = women["venue_id"].astype(object).isin(set(view.value("venue_id")[rows]))
        return frozenset(women["participant_id"][there].astype(str))
    return frozenset()


def _ran(
    tables: Mapping[str, Table], codebook: Codebook, only: str | None = None
) -> Iterator[tuple[Rule, Source, list[Piece]]]:
    """Yield each rule that is on and can be run, with the rows it read and its comparisons."""
    _known(codebook.rules)
    views: dict[str, Source] = {}
    for rule in RULES.values():
        if (only and rule.id != only) or codebook.rules.get(rule.id, rule.severity) == "off":
            continue
        for name in _places(tables, rule):
            if name not in views:
                views[name] = _view(tables, codebook, name)
            pieces = rule.find(views[name]) if views[name].has(*rule.columns) else []
            if pieces:
                yield rule, views[name], pieces
                break


def _view(tables: Mapping[str, Table], codebook: Codebook, name: str) -> Source:
    """Return the rows of a table; a long table brings only its keys, since it has many rows."""
    long = name in ("support_acts", "violence")
    own = set(tables[name].values.columns) if long else None
    return Source(tables=tables, codebook=codebook, rows=link(tables, name, own))


def _places(tables: Mapping[str, Table], rule: Rule) -> list[str]:
    """Return where to look: the rule's table, else where a smaller study keeps its columns."""
    wanted = {
        "unit": [unit(tables)],
        "participants": ["participants", unit(tables)],
        "venues": ["venues"] if "venues" in tables else ["participants"],
    }.get(rule.table, [rule.table])
    return [name for name in wanted if name in tables]


def _merged(view: Source, pieces: list[Piece]) -> tuple[pd.Series, pd.Series]:
    index = view.rows.values.index
    applies, offends = pd.Series(False, index=index), pd.Series(False, index=index)
    for piece in pieces:
        applies, offends = applies | piece.applies, offends | piece.offends
    return applies, offends


def _finding(rule: Rule, codebook: Codebook, view: Source, pieces: list[Piece]) -> Finding:
    applies, offends = _merged(view, pieces)
    failing = [p for p in pieces if p.offends.any()] or pieces
    columns = tuple(dict.fromkeys(c for p in failing for c in p.columns))
    count, checked = int(offends.sum()), int(applies.sum())
    severity = codebook.rules.get(rule.id, rule.severity)
    names = ", ".join(f"'{c}'" for c in columns)
    plural = "column" if len(columns) == 1 else "columns"
    return Finding(
        rule=rule.id,
        severity=severity,  # type: ignore[arg-type]
        table=view.rows.name,
        columns=columns,
        count=count,
        checked=checked,
        message=f"{rule.id}: {rule.title}; {count} of {checked} rows fail in table "
        f"'{view.rows.name}', {plural} {names}",
        by_site=_by_site(view, applies, offends) if rule.metric else (),
    )


def _by_site(
    view: Source, applies: pd.Series, offends: pd.Series
) -> tuple[tuple[str, int, int], ...]:
    if not view.has("site_id"):
        return ()
    site = view.value("site_id").astype(object)
    counts = pd.DataFrame({"count": offends, "checked": applies}).groupby(site).sum()
    return tuple(
        (str(name), int(row["count"]), int(row["checked"])) for name, row in counts.iterrows()
    )


def _known(rules: Mapping[str, str] | list[str]) -> None:
    for name in rules:
        if name not in RULES:
            raise UsageError(f"Unknown rule '{name}'.{did_you_mean(name, RULES)}")
