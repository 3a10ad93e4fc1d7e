"""Ages and durations that must fit one life (C02, C03, C04, C28, C34).

Heaping (C28). Ages from 23 to 62 hold each last digit equally often, so a fifth of them should end
in 0 or 5; Whipple's index is five times their share, in percent. Whole years in the city are read
in the window 3 to 32, in which every multiple of five stands in the middle of its five years, so
that a steady decline leaves a fifth as well. The rule speaks when the index is above 150 (the upper
part of what the United Nations call rough data) and the excess is beyond 3 standard errors
of a binomial share; the women who gave a multiple of five are counted.
"""

from __future__ import annotations

import numpy as np

from peerstats.data.checks.rule import Piece, Rule, always, implies
from peerstats.data.derived.source import Source, interval

TOLERANCE = 1.0  # years; age and time in the city are each rounded
CHILD = 12  # years: who arrived younger came as a child
WHIPPLE = 150.0
STANDARD_ERRORS = 3.0
WINDOWS = (("age", 23, 62), ("years_in_city", 3, 32))
MOST_NETWORK = 27  # LSNS-6 of 0–30: "nine or more" or "five to eight" in every answer
MOST_TRUSTED = 30  # peers trusted by a woman who arrived within the year


def older_than_entry(view: Source) -> list[Piece]:
    """C02: age is at least age at entry into sex work."""
    older = view.value("age") >= view.value("age_entry")
    return [implies(view, ("age", "age_entry"), always(view), older)]


def lived_no_longer_than_age(view: Source) -> list[Piece]:
    """C03: years in the city (an interval: at least) do not exceed age by more than one."""
    low, _ = interval(view, "years_in_city")
    applies = low.notna() & view.value("age").notna()
    offends = applies & (low > view.value("age") + TOLERANCE)
    return [Piece(columns=("years_in_city", "age"), applies=applies, offends=offends)]


def arrived_as_child(view: Source) -> list[Piece]:
    """C04: a woman in the city since she was younger than 12 is legal, but to be confirmed."""
    low, _ = interval(view, "years_in_city")
    applies = low.notna() & view.value("age").notna()
    offends = applies & (low > view.value("age") - CHILD)
    return [Piece(columns=("years_in_city", "age"), applies=applies, offends=offends)]


def heaped(view: Source) -> list[Piece]:
    """C28: ages or years in the city pile up on multiples of five."""
    pieces = []
    for name, first, last in WINDOWS:
        if not view.has(name):
            continue
        value = view.value(name).astype(float)
        applies = value.between(first, last) & (np.floor(value) == value)
        if name == "age":  # completed years: the decimals of an exact age do not matter
            applies = value.between(first, last + 1, inclusive="left")
        round_ = applies & (np.floor(value) % 5 == 0)
        n, share = int(applies.sum()), float(round_.sum() / max(1, applies.sum()))
        excess = (share - 0.2) / np.sqrt(0.2 * 0.8 / max(1, n))
        heap = 500 * share > WHIPPLE and excess > STANDARD_ERRORS
        pieces.append(Piece(columns=(name,), applies=applies, offends=round_ & heap))
    return pieces


def newcomer_with_many_ties(view: Source) -> list[Piece]:
    """C34: a recent arrival with nearly the highest network score, or over 30 trusted peers."""
    recent = view.value("migration_stage").astype(object) == "recent"
    bounds = (("network_score", MOST_NETWORK - 1), ("n_peers_trust", MOST_TRUSTED))
    return [
        implies(view, ("migration_stage", name), recent, view.value(name) <= most)
        for name, most in bounds
        if view.has(name)
    ]


RULES = (
    Rule(
        id="C02",
        severity="error",
        table="participants",
        title="age is not below age at entry into sex work",
        columns=("age", "age_entry"),
        find=older_than_entry,
    ),
    Rule(
        id="C03",
        severity="error",
        table="participants",
        title="years in the city do not exceed age by more than one",
        columns=("years_in_city", "age"),
        find=lived_no_longer_than_age,
    ),
    Rule(
        id="C04",
        severity="warn",
        table="participants",
        title="age on arrival in the city was 12 or more (a child migrant is possible: confirm)",
        columns=("years_in_city", "age"),
        find=arrived_as_child,
    ),
    Rule(
        id="C28",
        severity="warn",
        table="participants",
        title="ages and years in the city do not pile up on multiples of five",
        find=heaped,
    ),
    Rule(
        id="C34",
        severity="warn",
        table="unit",
        title="recent arrivals do not report nearly the largest possible network",
        columns=("migration_stage",),
        find=newcomer_with_many_ties,
    ),
)
