"""Where a woman comes from, where she works, and what papers that allows (C07–C13, C25, C31)."""

from __future__ import annotations

import pandas as pd

from peerstats.data.checks.rule import Piece, Rule, always, implies, observed, words
from peerstats.data.derived.source import Source
from peerstats.data.linked import positions

CA4 = ("HND", "SLV", "NIC", "GTM")  # whose nationals may enter Guatemala under the CA-4 agreement
VISITOR_CARD = ("GTM", "BLZ")  # whose nationals may have Mexico's regional visitor card
LICENSED = ("bar", "cantina", "nightclub")


def international(view: Source) -> list[Piece]:
    """C07: an international migrant was born in another country than she works in."""
    given = words(view, "migrant_type") == "international"
    other = words(view, "country_birth") != words(view, "country_work")
    return [implies(view, ("migrant_type", "country_birth", "country_work"), given, other)]


def internal(view: Source) -> list[Piece]:
    """C08: an internal migrant was born in the same country, and not in the same place."""
    given = words(view, "migrant_type") == "internal"
    same = words(view, "country_birth") == words(view, "country_work")
    pieces = [implies(view, ("migrant_type", "country_birth", "country_work"), given, same)]
    if view.has("municipality_birth"):
        born = _place(view, "municipality_birth")
        for site in ("site_id", "site_name"):
            if view.has(site):
                columns = ("migrant_type", "municipality_birth", site)
                pieces.append(implies(view, columns, given, born != _place(view, site)))
    return pieces


def _place(view: Source, name: str) -> pd.Series:
    return words(view, name).astype(str).str.replace("_", " ").str.strip().str.casefold()


def informal_in_mexico(view: Source) -> list[Piece]:
    """C09: in Mexico every place of work is informal (the founding study's design)."""
    given = words(view, "country_work") == "MEX"
    return [
        implies(view, ("country_work", name), given, words(view, name) == "informal")
        for name in ("formality", "formality_now")
        if view.has(name)
    ]


def licensed_place(view: Source) -> list[Piece]:
    """C10: service in a bar, cantina or nightclub is rarely informal."""
    name = "formality_now" if view.has("formality_now") else "formality"
    if not view.has(name):
        return []
    given = words(view, "service_place").isin(LICENSED)
    return [implies(view, ("service_place", name), given, words(view, name) != "informal")]


def venue_at_site(view: Source) -> list[Piece]:
    """C11: her venue lies at her site."""
    venues = view.tables.get("venues")
    if venues is None or not {"venue_id", "site_id"} <= set(venues.values.columns):
        return []
    at = positions(venues.values["venue_id"], view.value("venue_id"))
    known = at.ge(0)
    site = pd.Series(venues.values["site_id"].astype(object).to_numpy()[at], index=at.index)
    return [implies(view, ("venue_id", "site_id"), known, site == words(view, "site_id"))]


def deported_from_somewhere(view: Source) -> list[Piece]:
    """C12: deported from somewhere, at least once, exactly if ever deported."""
    ever, pieces = view.value("ever_deported"), []
    if view.has("deported_from"):
        some = words(view, "deported_from").fillna("").astype(str).str.strip().ne("")
        pieces.append(implies(view, ("ever_deported", "deported_from"), ever == 1, some))
        pieces.append(implies(view, ("ever_deported", "deported_from"), ever == 0, ~some))
    if view.has("n_deport"):
        times = view.value("n_deport")
        pieces.append(implies(view, ("ever_deported", "n_deport"), ever == 1, times >= 1))
        pieces.append(implies(view, ("ever_deported", "n_deport"), ever == 0, times == 0))
    return pieces


def deported_from_home(view: Source) -> list[Piece]:
    """C13: nobody is deported from the country she was born in."""
    columns = ("deported_from", "country_birth")
    applies = observed(view, *columns)
    pairs = zip(words(view, columns[0]), words(view, columns[1]), strict=True)
    home = [isinstance(places, str) and born in places.split(";") for places, born in pairs]
    return [implies(view, columns, applies, ~pd.Series(home, index=applies.index, dtype=bool))]


def papers(view: Source) -> list[Piece]:
    """C25: who may have a CA-4 entry (in Guatemala) and a regional visitor card (in Mexico)."""
    columns = ("migration_doc", "country_birth", "country_work")
    doc, born, work = (words(view, name) for name in columns)
    return [
        implies(view, columns, doc == "ca4_entry", born.isin(CA4) & (work == "GTM")),
        implies(
            view, columns, doc == "regional_visitor_card", born.isin(VISITOR_CARD) & (work == "MEX")
        ),
    ]


def lonely_venue(view: Source) -> list[Piece]:
    """C31: a venue with fewer than two participants says nothing about differences within venues.

    Counts venues; without a venue table, the participants who are alone at theirs.
    """
    women = view.tables["participants"].values
    if "venue_id" not in women.columns:
        return []
    size = (
        view.value("venue_id").astype(object).map(women["venue_id"].astype(object).value_counts())
    )
    return [implies(view, ("venue_id",), always(view), size.fillna(0) >= 2)]


BORN = ("migrant_type", "country_birth", "country_work")
RULES = (
    Rule(
        id="C07",
        severity="error",
        table="participants",
        title="international migrants were born in another country than they work in",
        columns=BORN,
        find=international,
    ),
    Rule(
        id="C08",
        severity="error",
        table="participants",
        title="internal migrants were born in the country they work in, at another place",
        columns=BORN,
        find=internal,
    ),
    Rule(
        id="C09",
        severity="off",  # a study turns it on in its codebook: it is a fact of one design
        table="unit",
        title="all work in Mexico is informal",
        columns=("country_work",),
        find=informal_in_mexico,
    ),
    Rule(
        id="C10",
        severity="warn",
        table="unit",
        title="service in a bar, cantina or nightclub is not informal (confirm the coding)",
        columns=("service_place",),
        find=licensed_place,
    ),
    Rule(
        id="C11",
        severity="error",
        table="participants",
        title="the venue lies at the participant's site",
        columns=("venue_id", "site_id"),
        find=venue_at_site,
    ),
    Rule(
        id="C12",
        severity="error",
        table="participants",
        title="countries and number of deportations are given exactly if ever deported",
        columns=("ever_deported",),
        find=deported_from_somewhere,
    ),
    Rule(
        id="C13",
        severity="warn",
        table="participants",
        title="nobody was deported from her country of birth",
        columns=("deported_from", "country_birth"),
        find=deported_from_home,
    ),
    Rule(
        id="C25",
        severity="error",
        table="participants",
        title="CA-4 entries and regional visitor cards belong to the countries that have them",
        columns=("migration_doc", "country_birth", "country_work"),
        find=papers,
    ),
    Rule(
        id="C31",
        severity="warn",
        table="venues",
        title="venues have two or more participants",
        columns=("venue_id",),
        find=lonely_venue,
    ),
)
