"""The women of the border profile at enrolment: age, migration, entry into sex work.

Every duration is drawn first and then written the way a questionnaire holds it ("7 months",
"4.5 years"). The stages that enter the outcome models are taken from what is written, so reading
the table back gives the same stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.places import Places
from peerstats.data.synthetic.streams import (
    Bools,
    Floats,
    Ints,
    Texts,
    choose,
    expit,
    pick,
    stream,
)
from peerstats.data.synthetic.words import (
    SEPARATOR,
    asked,
    codes,
    days,
    decimals,
    digits,
    names,
    words,
)

LEAST_PER_VENUE, MOST_PER_VENUE = 5, 19  # mean 12
FIELD_DAYS = 420  # the interviews of first visits spread over 14 months
ORIGINS = ("HND", "SLV", "GTM", "NIC", "MEX")
ORIGIN_SHARES = ((45, 36, 0, 15, 4), (20, 16, 56, 8, 0))  # in Guatemala, in Mexico
DOCUMENTS = (
    "none", "ca4_entry", "regional_visitor_card", "work_permit", "refuge", "residence", "other",
)  # fmt: skip
# A CA-4 entry needs one of the other three countries and work in Guatemala; the visitor card needs
# a Guatemalan in Mexico.
DOCUMENT_SHARES = (
    (34, 42, 0, 3, 4, 11, 6),  # CA-4 nationals in Guatemala
    (45, 0, 0, 5, 2, 38, 10),  # Mexicans in Guatemala
    (36, 0, 36, 5, 4, 14, 5),  # Guatemalans in Mexico
    (62, 0, 0, 5, 14, 13, 6),  # others in Mexico
)
WEEKS = ("<1 month", "1 week", "2 weeks", "3 weeks")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Women:
    """One entry per woman (n,): what later draws depend on, and the participants table."""

    venue: Ints
    site: Ints
    formal: Bools
    mex: Bools
    age: Floats
    age_entry: Floats
    years: Floats  # in the city, as written
    recent: Bools
    new_sw: Bools
    deported: Bools
    partner: Bools
    day: Ints  # of the first interview, since the epoch
    columns: Mapping[str, Texts]


def draw_women(seed: int, places: Places) -> Women:
    """Draw everybody at enrolment: 5 to 19 women per venue."""
    per_venue = stream(seed, "participants", "number").integers(
        LEAST_PER_VENUE, MOST_PER_VENUE + 1, len(places.venue_site)
    )
    venue = np.repeat(np.arange(len(per_venue)), per_venue)
    site = places.venue_site[venue]
    mex = places.mex[site]
    age, entry = _ages(seed, len(venue))
    years, years_text = _years_in_city(seed, age)
    rng = stream(seed, "participants", "deported")
    deported = rng.random(len(venue)) < expit(0.45 + 0.02 * (age - 33) + 0.25 * mex)
    partner = stream(seed, "participants", "partner").random(len(venue)) < 0.45
    day = stream(seed, "participants", "day").integers(60, 60 + FIELD_DAYS, len(venue))
    return Women(
        venue=venue,
        site=site,
        formal=places.formal[venue],
        mex=mex,
        age=age,
        age_entry=entry,
        years=years,
        recent=years < 1,
        new_sw=np.rint((age - entry) * 10) < 10,
        deported=deported,
        partner=partner,
        day=day,
        columns=_keys(seed, places, venue)
        | {"age": decimals(age), "age_entry": decimals(entry), "years_in_city": years_text}
        | _migration(seed, mex, deported)
        | _journey(seed, age, entry, years)
        | _household(seed, partner)
        | {"consent": words(["1"] * len(venue)), "consent_date": days(day)},
    )


def _keys(seed: int, places: Places, venue: Ints) -> dict[str, Texts]:
    """Return who she is, where she was recruited and how."""
    size = len(venue)
    site_id = places.venues["site_id"][venue]
    weight = 0.5 + stream(seed, "participants", "weight").gamma(4, 0.25, size)
    return {
        "participant_id": codes("P", stream(seed, "participants", "id"), size),
        "site_id": site_id,
        "venue_id": places.venues["venue_id"][venue],
        "interviewer_id": _interviewers(seed, site_id),
        "sampling_mode": words(["tls"] * size),
        "tls_weight": decimals(weight),
        "sex": words(["female"] * size),
    }


def _ages(seed: int, size: int) -> tuple[Floats, Floats]:
    """Return age and age at entry in years with one decimal; entry is at least 0.1 y ago.

    Nobody is exactly 1 or 3 years in sex work: the difference of two decimals could fall on either
    side of a stage's limit.
    """
    rng = stream(seed, "participants", "age")
    age = np.floor(np.clip(rng.normal(33, 7.5, size), 18, 55) * 10) / 10
    entry = np.minimum(13 + rng.gamma(2.3, 4.3, size), age - 0.1)
    tenths = np.floor(entry * 10 + 1e-9)
    lived = np.rint(age * 10) - tenths
    return age, (tenths - ((lived == 10) | (lived == 30))) / 10


def _years_in_city(seed: int, age: Floats) -> tuple[Floats, Texts]:
    """Return years in the city and how they are written: weeks, months or years."""
    rng = stream(seed, "participants", "years_in_city")
    years = np.minimum(np.exp(np.log(3.8) + 1.25 * rng.standard_normal(len(age))), 30)
    years = np.minimum(years, age)
    months = np.maximum(np.floor(years * 12), 1).astype(np.int64)
    weeks = rng.integers(0, len(WEEKS), len(age))
    tenths = np.rint(years * 10) / 10
    in_weeks, in_months = years < 1 / 12, years < 2
    month_words = words(["", "1 month", *(f"{i} months" for i in range(2, 25))])
    year_words = np.where(tenths == 1, "1 year", decimals(tenths) + " years")
    text = np.where(in_months, month_words[np.minimum(months, 24)], year_words)
    text = np.where(in_weeks, words(WEEKS)[weeks], text).astype(object)
    value = np.where(in_months, months / 12, tenths)
    return np.where(in_weeks, (weeks + 0.5 * (weeks == 0)) / 52, value), text


def _interviewers(seed: int, site_id: Texts) -> Texts:
    number = stream(seed, "participants", "interviewer").integers(1, 4, len(site_id))
    return np.asarray(site_id + names(("", "_i1", "_i2", "_i3"), number), dtype=object)


def _migration(seed: int, mex: Bools, deported: Bools) -> dict[str, Texts]:
    """Origin, documents and deportations; nobody is deported from her own country."""
    rng = stream(seed, "participants", "migration")
    origin = choose(rng, ORIGIN_SHARES, mex.astype(np.int64))
    guatemalan, mexican = origin == ORIGINS.index("GTM"), origin == ORIGINS.index("MEX")
    document = choose(rng, DOCUMENT_SHARES, np.where(mex, 3 - guatemalan, mexican.astype(int)))
    deepest = choose(
        rng, ((55, 20, 15, 10), (75, 0, 25, 0), (0, 70, 30, 0)), guatemalan + 2 * mexican
    )
    countries = ("MEX", "GTM", "USA", SEPARATOR.join(("MEX", "USA")))
    # A Guatemalan's fourth choice has share 0, and so has a Mexican's first.
    return {
        "country_birth": names(ORIGINS, origin),
        "migrant_type": words(["international"] * len(mex)),
        "migration_doc": names(DOCUMENTS, document),
        "ever_deported": digits(deported),
        "n_deport": asked(deported, digits(1 + rng.poisson(0.6, len(mex)))),
        "deported_from": asked(deported, names(countries, deepest)),
    }


def _journey(seed: int, age: Floats, entry: Floats, years: Floats) -> dict[str, Texts]:
    """First migration comes before arrival in the city; entry is placed against it."""
    rng = stream(seed, "participants", "journey")
    size = len(age)
    arrival = np.maximum(age - years, 0)
    first = np.floor(np.maximum(arrival - rng.exponential(1.5, size), 0) * 10) / 10
    order = np.where(entry < first, 2, np.where(entry < arrival, 1, 0))
    coerced = rng.random(size) < np.where(entry < 18, 0.22, 0.07)
    reasons: tuple[str, ...] = ("economic", "family_need", "coercion", "friend", "other")
    reasons += (SEPARATOR.join(("economic", "family_need")),)
    return {
        "age_first_migration": decimals(first),
        "entry_vs_migration": names(("after", "during_transit", "before"), order),
        "entry_reason": names(
            reasons,
            choose(rng, ((40, 18, 0, 15, 5, 22), (10, 8, 70, 6, 2, 4)), coerced.astype(int)),
        ),
        "entry_coerced": digits(coerced),
        "travelled_with": names(
            ("alone", "friend", "partner", "family", "smuggler_group"),
            pick(rng, (38, 26, 10, 16, 10), size),
        ),
    }


def _household(seed: int, partner: Bools) -> dict[str, Texts]:
    rng = stream(seed, "participants", "household")
    size = len(partner)
    children = np.minimum(rng.poisson(1.9, size), 9)
    indigenous = rng.random(size) < 0.12
    marital = choose(rng, ((48, 4, 0, 40, 8), (34, 12, 44, 8, 2)), partner.astype(np.int64))
    return {
        "education_yrs": digits(np.clip(np.rint(rng.normal(6, 3, size)), 0, 16).astype(np.int64)),
        "marital": names(("single", "married", "union", "separated", "widowed"), marital),
        "steady_partner": digits(partner),
        "n_children": digits(children),
        "child_separated": asked(children > 0, digits(rng.random(size) < 0.62)),
        "indigenous": digits(indigenous),
        "language": names(
            ("spanish", "indigenous"), (indigenous & (rng.random(size) < 0.5)).astype(int)
        ),
        "disclosure_family": names(("none", "some", "all"), pick(rng, (62, 30, 8), size)),
        "childhood_abuse": digits(rng.random(size) < 0.35),
        "prior_ipv": digits(rng.random(size) < 0.45),
        "gang_violence_home": digits(rng.random(size) < 0.30),
    }
