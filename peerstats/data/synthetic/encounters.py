"""The interviews of the border profile: who was seen when, and her work around that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.places import OUTDOOR, VENUE_TYPES, Places
from peerstats.data.synthetic.streams import (
    Bools,
    Ints,
    Texts,
    at_least_one,
    expit,
    pick,
    stream,
)
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import codes, days, decimals, digits, names

SECOND_VISIT_SHARE = 0.30
MOBILE_PARTS = (0.45, 0.50, 0.35)  # crossed a border, moved to avoid police, three or more venues


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encounters:
    """One entry per visit (m,), all first visits before all second ones.

    `woman` indexes `Women`; `moves` is (m, 3), the parts of mobility in the order of MOBILE_PARTS.
    """

    woman: Ints
    first: Bools
    day: Ints
    mobile: Bools
    moves: Bools
    n_venues: Ints
    clients: Ints  # per week
    columns: Mapping[str, Texts]


def draw_encounters(seed: int, places: Places, women: Women) -> Encounters:
    """Draw a first visit for every woman and a second one, half a year later, for 30 %."""
    size = len(women.age)
    again = np.flatnonzero(stream(seed, "visits", "second").random(size) < SECOND_VISIT_SHARE)
    woman = np.concatenate([np.arange(size), again])
    first = np.arange(len(woman)) < size
    later = stream(seed, "visits", "gap").integers(165, 230, len(woman))
    day = women.day[woman] + np.where(first, 0, later)
    rng = stream(seed, "visits", "mobile")
    informal, recent = ~women.formal[woman], women.recent[woman]
    mobile = rng.random(len(woman)) < expit(-0.8 + 0.6 * informal + 0.4 * recent)
    moves = at_least_one(rng, MOBILE_PARTS, mobile)
    n_venues = np.where(
        moves[:, 2], 3 + rng.poisson(0.7, len(woman)), 1 + (rng.random(len(woman)) < 0.15)
    )
    rng = stream(seed, "visits", "clients")
    clients = rng.poisson(rng.gamma(3.0, 4.5, len(woman))) * (rng.random(len(woman)) >= 0.02)
    keys = {
        "visit_id": codes("V", stream(seed, "visits", "id"), len(woman)),
        "participant_id": women.columns["participant_id"][woman],
        "visit_no": digits(1 + ~first),
        "date": days(day),
        "exchanged_sex_1m": digits(first | (clients > 0)),
        "n_venues_6m": digits(n_venues),
        "moved_work_police_6m": digits(moves[:, 1]),
        "crossed_border_6m": digits(moves[:, 0]),
        "weekly_clients": digits(clients),
    }
    return Encounters(
        woman=woman,
        first=first,
        day=day,
        mobile=mobile,
        moves=moves,
        n_venues=n_venues.astype(np.int64),
        clients=clients,
        columns=keys
        | _places_of_work(seed, places, women.venue[woman])
        | _work(seed, moves[:, 0], clients),
    )


def _places_of_work(seed: int, places: Places, venue: Ints) -> dict[str, Texts]:
    """Solicit where she was recruited; serve there too, or in a room, mostly so from outdoors."""
    rng = stream(seed, "visits", "places")
    kind, size = places.venue_type[venue], len(venue)
    rooms = np.array([VENUE_TYPES.index(name) for name in ("hotel_motel", "rented_room")])
    room = rooms[pick(rng, (65, 35), size)]
    outdoor = np.isin(kind, [VENUE_TYPES.index(name) for name in OUTDOOR])
    elsewhere = rng.random(size) < np.where(outdoor, 0.8, 0.3)
    return {
        "solicit_place": names(VENUE_TYPES, kind),
        "service_place": names(VENUE_TYPES, np.where(elsewhere, room, kind)),
        "formality_now": names(("informal", "formal"), places.formal[venue].astype(np.int64)),
    }


def _work(seed: int, crossed: Bools, clients: Ints) -> dict[str, Texts]:
    rng = stream(seed, "visits", "work")
    size = len(clients)
    trips = rng.poisson(np.where(crossed, 2.5, 0.8), size)
    income = np.rint(clients * rng.gamma(8.0, 1.2, size)) * 10
    return {
        "n_trips_home_12m": digits(trips),
        "hours_week": digits(np.clip(np.rint(rng.normal(38, 12, size)), 4, 84).astype(np.int64)),
        "income_week": digits(income.astype(np.int64)),
        "financial_need": digits(1 + pick(rng, (8, 30, 40, 22), size)),
    }


def draw_work_history(
    seed: int, women: Women, encounters: Encounters, venue_id: Texts
) -> dict[str, Texts]:
    """Return the periods of work before each first visit, one row per venue she worked at.

    Shares of working time sum to 1. The venue of recruitment comes last and has at least half; the
    other venues, for women who worked at several, are of the same site and follow one another.
    """
    count = np.minimum(encounters.n_venues[encounters.first], 5)
    woman = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(woman)) - np.repeat(np.cumsum(count) - count, count)
    last = place == count[woman] - 1
    tenths = np.where(count[woman] == 1, 10, np.where(last, 10 - (count[woman] - 1), 1))
    weeks_ago = np.where(last, 0, (count[woman] - 1 - place) * 3)
    home = women.venue[woman]
    base = home - home % 10
    # Steps of 1 to 9 venues round the site's ten never lead back to the venue of recruitment.
    shift = stream(seed, "work_history").integers(0, 9, len(count))[woman]
    other = base + (home % 10 + 1 + (shift + place) % 9) % 10
    end = women.day[woman] - weeks_ago * 7
    start = np.maximum(end - np.where(last & (count[woman] == 1), 26, 3) * 7, 0)
    return {
        "participant_id": women.columns["participant_id"][woman],
        "venue_id": venue_id[np.where(last, home, other)],
        "period_start": days(start),
        "period_end": days(end),
        "work_share": decimals(tenths / 10),
    }
