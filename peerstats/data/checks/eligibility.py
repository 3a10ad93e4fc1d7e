"""Who may be in the study: age, work, consent, and one woman only once (C01, C05, C06, C29)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from peerstats.data.checks.rule import Piece, Rule, always, implies, observed, words
from peerstats.data.derived.source import Source
from peerstats.data.linked import first_visits

ADULT = 18


def adult(view: Source) -> list[Piece]:
    """C01: age is at least 18."""
    return [implies(view, ("age",), always(view), view.value("age") >= ADULT)]


def in_sex_work(view: Source) -> list[Piece]:
    """C05: at enrolment she exchanged sex for money in the last month."""
    yes = view.value("exchanged_sex_1m") == 1
    return [implies(view, ("exchanged_sex_1m",), first_visits(view.rows), yes)]


def consented(view: Source) -> list[Piece]:
    """C06: consent was given, and not after the interview."""
    pieces = [implies(view, ("consent",), always(view), view.value("consent") == 1)]
    if view.has("consent_date", "date"):
        day = view.value("date").dt.normalize()
        before = view.value("consent_date").dt.normalize() <= day
        pieces.append(implies(view, ("consent_date", "date"), always(view), before))
    return pieces


def once_only(view: Source) -> list[Piece]:
    """C29: no two participants share birth year, country of birth and pseudonym code.

    Without a birth year it is the year of consent minus the age in whole years.
    """
    used: tuple[str, ...]
    if view.has("birth_year"):
        born, used = view.value("birth_year"), ("birth_year",)
    elif view.has("age", "consent_date"):
        born = view.value("consent_date").dt.year - np.floor(view.value("age"))
        used = ("age", "consent_date")
    else:
        return []
    columns = ("pseudonym_code", "country_birth", *used)
    applies = observed(view, *columns)
    who = pd.DataFrame(
        {
            "code": words(view, "pseudonym_code").astype(str).str.strip().str.casefold(),
            "country": words(view, "country_birth"),
            "born": born,
        }
    )
    twice = who[applies].duplicated(keep=False).reindex(who.index, fill_value=False)
    return [Piece(columns=columns, applies=applies, offends=twice)]


RULES = (
    Rule(
        id="C01",
        severity="error",
        table="participants",
        title="participants are 18 or older",
        columns=("age",),
        find=adult,
    ),
    Rule(
        id="C05",
        severity="error",
        table="unit",
        title="at enrolment, sex was exchanged for money in the last month",
        columns=("exchanged_sex_1m",),
        find=in_sex_work,
    ),
    Rule(
        id="C06",
        severity="error",
        table="unit",
        title="consent was given, on or before the day of the interview",
        columns=("consent",),
        find=consented,
    ),
    Rule(
        id="C29",
        severity="error",
        table="participants",
        title="no two participants share birth year, country of birth and pseudonym code",
        columns=("pseudonym_code", "country_birth"),
        find=once_only,
    ),
)
