"""Answers that must agree with each other: condoms, tests, windows, gates (C14–C24, C33)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import pandas as pd

from peerstats.data.checks.rule import Piece, Rule, always, implies, observed, words
from peerstats.data.derived.source import Source

WINDOWS = ("24h", "7d", "2w", "1m", "3m", "6m", "12m", "ever")  # each lies within the next
PERMIT_MONTHS = 6
NEWCOMER_YEARS, NEWCOMER_CLIENTS = 0.08, 40  # a month in the work, and clients a week
MOST_HOURS = 112  # a week, 16 a day
CLIENTS_PER_HOUR = 4


def unprotected_of_acts(view: Source) -> list[Piece]:
    """C14: no more unprotected acts than acts, and the question is not asked after no acts."""
    acts, bare = view.value("acts_7d"), view.value("unprotected_7d")
    none = acts == 0
    unasked = view.code("unprotected_7d").isin([".a", ".n"])
    return [
        implies(view, ("unprotected_7d", "acts_7d"), ~none, bare <= acts),
        implies(view, ("acts_7d",), none, unasked),
    ]


def always_condoms(view: Source) -> list[Piece]:
    """C15: consistent condom use and unprotected acts contradict each other; a rate by site."""
    given, none = view.value("ccu_clients") == 1, view.value("unprotected_7d") == 0
    return [implies(view, ("ccu_clients", "unprotected_7d"), given, none)]


def always_also_last(view: Source) -> list[Piece]:
    """C16: consistent condom use includes the last client."""
    given, last = view.value("ccu_clients") == 1, view.value("condom_last_client") == 1
    return [implies(view, ("ccu_clients", "condom_last_client"), given, last)]


def tested_at_all(view: Source) -> list[Piece]:
    """C17: a recent test is a test, and no test is later than the interview."""
    pieces = []
    for name in ("hiv_test_12m", "hiv_test_6m"):
        if view.has(name, "hiv_test_ever"):
            ever = view.value("hiv_test_ever") == 1
            pieces.append(implies(view, (name, "hiv_test_ever"), view.value(name) == 1, ever))
    if view.has("last_test_date", "date"):
        past = view.value("last_test_date").dt.normalize() <= view.value("date").dt.normalize()
        pieces.append(implies(view, ("last_test_date", "date"), always(view), past))
    return pieces


def permit_needs_test(view: Source) -> list[Piece]:
    """C18: a valid health permit goes with a test in the last 6 months."""
    valid = words(view, "health_permit") == "valid"
    screened = view.value("sti_screen_6m") == 1 if view.has("sti_screen_6m") else ~always(view)
    if view.has("hiv_test_6m"):
        tested, name = view.value("hiv_test_6m") == 1, "hiv_test_6m"
    elif view.has("months_since_test"):
        tested, name = view.value("months_since_test") <= PERMIT_MONTHS, "months_since_test"
    else:
        return []
    return [implies(view, ("health_permit", name), valid, tested | screened)]


def nested_windows(view: Source) -> list[Piece]:
    """C19: what happened in a window happened in every wider one (X_6m, X_12m, X_ever)."""
    return [
        implies(view, (near, far), view.value(near) == 1, view.value(far) == 1)
        for near, far in _nested(view)
    ]


def _nested(view: Source) -> Iterator[tuple[str, str]]:
    stems: dict[str, list[str]] = {}
    for name in view.rows.values.columns:
        match = re.fullmatch(r"(.+)_(\w+)", str(name))
        field = view.codebook.fields.get(str(name))
        if match and match[2] in WINDOWS and field is not None and field.type == "boolean":
            stems.setdefault(match[1], []).append(match[2])
    for stem, found in stems.items():
        ordered = [w for w in WINDOWS if w in found]
        for near, far in pairwise(ordered):
            yield f"{stem}_{near}", f"{stem}_{far}"


def partner_items(view: Source) -> list[Piece]:
    """C20: items about a steady partner are answered by women who have one."""
    return _gated(view, "steady_partner", lambda gate: gate == 1)


def child_items(view: Source) -> list[Piece]:
    """C21: separation from a child is answered by women with children."""
    return _gated(view, "n_children", lambda gate: gate >= 1)


def _gated(view: Source, gate: str, opens: Callable[[pd.Series], pd.Series]) -> list[Piece]:
    """Return one comparison per item whose skip rule in the codebook asks for this gate."""
    items = [
        f.name
        for f in view.codebook.fields.values()
        if f.asked_if is not None and f.asked_if.variable == gate and view.has(f.name)
    ]
    value = view.value(gate)
    return [implies(view, (item, gate), always(view), opens(value)) for item in items]


def offered_first(view: Source) -> list[Piece]:
    """C22: more money can be accepted only if it was offered."""
    columns = ("more_money_accepted_6m", "more_money_offered_6m")
    return [implies(view, columns, view.value(columns[0]) == 1, view.value(columns[1]) == 1)]


def violence_windows(view: Source) -> list[Piece]:
    """C23: violence of the last 6 months is violence ever, and a number of times means yes."""
    pieces = []
    if view.has("ever", "w6m"):
        lately, ever = view.value("w6m") == 1, view.value("ever") == 1
        pieces.append(implies(view, ("w6m", "ever"), lately, ever))
    if view.has("n_6m", "w6m"):
        times = view.value("n_6m") > 0
        pieces.append(implies(view, ("n_6m", "w6m"), times, view.value("w6m") == 1))
    return pieces


def plausible(view: Source) -> list[Piece]:
    """C24: very many clients in the first month, hours no week has, or values out of range.

    Bounds: more than 40 clients a week within the first 0.08 years in the work; more than 112
    hours a week; more than 4 clients an hour; and the codebook's low and high of each number.
    """
    pieces = [_bounds(view, name) for name in _bounded(view)]
    if view.has("years_sw", "weekly_clients"):
        given = view.value("years_sw") < NEWCOMER_YEARS
        few = view.value("weekly_clients") <= NEWCOMER_CLIENTS
        pieces.append(implies(view, ("years_sw", "weekly_clients"), given, few))
    if view.has("hours_week"):
        hours = view.value("hours_week")
        pieces.append(implies(view, ("hours_week",), always(view), hours <= MOST_HOURS))
        if view.has("weekly_clients"):
            fit = view.value("weekly_clients") <= CLIENTS_PER_HOUR * hours
            pieces.append(implies(view, ("weekly_clients", "hours_week"), hours > 0, fit))
    return pieces


def _bounded(view: Source) -> list[str]:
    return [
        f.name
        for f in view.codebook.fields.values()
        if view.has(f.name)
        and f.type in ("number", "integer", "duration")
        and not f.derived
        and (f.low is not None or f.high is not None)
    ]


def _bounds(view: Source, name: str) -> Piece:
    field, value = view.codebook.fields[name], view.value(name).astype(float)
    inside = pd.Series(True, index=value.index)
    if field.low is not None:
        inside &= value >= field.low
    if field.high is not None:
        inside &= value <= field.high
    return implies(view, (name,), always(view), inside)


def acts_need_peers(view: Source) -> list[Piece]:
    """C33: support that was received or provided involved somebody."""
    nobody = view.value("n_peers") == 0
    return [
        Piece(
            columns=(name, "n_peers"),
            applies=observed(view, name, "n_peers"),
            offends=nobody & (view.value(name) == 1),
        )
        for name in ("received", "provided")
        if view.has(name)
    ]


RULES = (
    Rule(
        id="C14",
        severity="error",
        table="unit",
        title="unprotected acts are among the acts, and not asked where there were none",
        columns=("acts_7d", "unprotected_7d"),
        find=unprotected_of_acts,
    ),
    Rule(
        id="C15",
        severity="warn",
        table="unit",
        title="consistent condom use goes with no unprotected acts",
        columns=("ccu_clients", "unprotected_7d"),
        find=always_condoms,
        metric=True,
    ),
    Rule(
        id="C16",
        severity="warn",
        table="unit",
        title="consistent condom use includes the last client",
        columns=("ccu_clients", "condom_last_client"),
        find=always_also_last,
    ),
    Rule(
        id="C17",
        severity="error",
        table="unit",
        title="a recent HIV test is a test ever, and not after the interview",
        find=tested_at_all,
    ),
    Rule(
        id="C18",
        severity="warn",
        table="unit",
        title="a valid health permit goes with a test in the last 6 months",
        columns=("health_permit",),
        find=permit_needs_test,
    ),
    Rule(
        id="C19",
        severity="error",
        table="unit",
        title="what happened in a window happened in every wider window",
        find=nested_windows,
    ),
    Rule(
        id="C20",
        severity="error",
        table="unit",
        title="partner items are answered only with a steady partner",
        columns=("steady_partner",),
        find=partner_items,
    ),
    Rule(
        id="C21",
        severity="error",
        table="participants",
        title="separation from a child is answered only by women with children",
        columns=("n_children",),
        find=child_items,
    ),
    Rule(
        id="C22",
        severity="error",
        table="unit",
        title="more money was accepted only where it was offered",
        columns=("more_money_accepted_6m", "more_money_offered_6m"),
        find=offered_first,
    ),
    Rule(
        id="C23",
        severity="error",
        table="violence",
        title="recent violence is violence ever, and a count above zero means yes",
        find=violence_windows,
    ),
    Rule(
        id="C24",
        severity="warn",
        table="unit",
        title="amounts are plausible",
        find=plausible,
    ),
    Rule(
        id="C33",
        severity="error",
        table="support_acts",
        title="acts of support involve at least one peer",
        columns=("n_peers",),
        find=acts_need_peers,
    ),
)
