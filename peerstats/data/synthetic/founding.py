"""The founding profile: invented women with exactly the margins of the founding study's Table 1.

Febres-Cordero and others (PLOS ONE 2018, doi 10.1371/journal.pone.0190787) interviewed 52 migrant
women who sell sex at three sites and analysed the 31 international migrants. Only counts and means
were published. The rows below are made up so that every published count, mean, minimum and maximum
comes out; how the variables combine within a woman is invented, except where the text settles it:

- all 13 women in Mexico work informally, 10 of the 18 in Guatemala formally;
- the 8 Guatemalans are international migrants, so they work in Mexico;
- 12 women serve clients in a bar or cantina but only 10 work formally: the two are not the same;
- a woman of 20 has lived in her city for 19 years: she came as a small child;
- all 4 self-reported STIs are of women who work informally.

What the paper does not give is not collected (".x"): most of what is known of the 21 internal
migrants, and everybody's outcomes. Its groups of places are kept as one: "bar" stands for a bar or
cantina, "hotel_motel" for a hotel, motel or rented room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from peerstats.data.synthetic.streams import Ints, Texts, stream
from peerstats.data.synthetic.study import Synthetic
from peerstats.data.synthetic.words import codes, digits, frame, words
from peerstats.errors import UsageError

SITES = ("tapachula", "tecun_uman", "quetzaltenango")
INTERNAL = (9, 7, 5)  # of the 21 internal migrants; the paper gives only their sum
FIELD_START, FIELD_DAYS = np.datetime64("2012-11-05"), 440  # to January 2014

# site, country of birth, age, years in city, age at entry, ever deported, place, formality, STI
_ROWS = """
0 GTM 20 19 years  |18 0 hotel_motel     informal 0
0 GTM 47 30 years  |25 1 bar             informal 0
0 GTM 24 1 week    |23 1 hotel_motel     informal 1
0 GTM 29 7 months  |22 1 hotel_motel     informal 0
0 GTM 36 16 years  |19 0 hotel_motel     informal 0
0 GTM 22 <1 month  |20 1 hotel_motel     informal 0
0 GTM 45 3 years   |42 0 own_home        informal 0
0 GTM 27 2 years   |13 1 hotel_motel     informal 1
0 HND 34 4 years   |20 1 hotel_motel     informal 0
0 HND 38 8 years   |24 1 vehicle_trailer informal 0
0 SLV 26 1 year    |22 1 hotel_motel     informal 1
0 SLV 41 12 years  |27 0 bar             informal 0
0 NIC 30 5 months  |19 1 hotel_motel     informal 0
1 HND 35 6 years   |21 1 bar             formal   0
1 HND 37 10 years  |26 0 bar             formal   0
1 HND 33 9 years   |23 1 hotel_motel     formal   0
1 HND 28 2 years   |18 1 bar             formal   0
1 HND 31 3 years   |17 0 hotel_motel     informal 0
1 SLV 44 14 years  |30 1 bar             formal   0
1 SLV 36 7 years   |25 0 bar             formal   0
1 SLV 23 1 year    |20 1 hotel_motel     informal 1
1 SLV 25 3 months  |19 1 vehicle_trailer informal 0
1 NIC 32 5 years   |22 0 bar             informal 0
1 HND 40 11 years  |24 1 hotel_motel     informal 0
2 HND 29 4 years   |16 0 bar             formal   0
2 HND 39 8 years   |28 1 hotel_motel     formal   0
2 HND 34 6 years   |21 1 bar             formal   0
2 SLV 27 2 years   |18 0 bar             informal 0
2 SLV 43 15 years  |24 1 bar             formal   0
2 SLV 30 18 months |20 1 hotel_motel     informal 0
2 NIC 38 10 years  |16 0 hotel_motel     informal 0
"""

TABLE_1: Mapping[str, Any] = {
    "n": 31,
    "recruited": 52,
    "excluded_internal": 21,
    "site_id": {"tapachula": 13, "tecun_uman": 11, "quetzaltenango": 7},
    "age": {"mean": 33, "min": 20, "max": 47},
    "country_birth": {"HND": 11, "SLV": 9, "GTM": 8, "NIC": 3},
    "years_in_city": {"mean": 6.8, "min": 0.02, "max": 30},
    "ever_deported": 20,
    "age_entry": {"mean": 22, "min": 13, "max": 42},
    "service_place": {"hotel_motel": 16, "bar": 12, "vehicle_trailer": 2, "own_home": 1},
    "formality_now": {"formal": 10, "informal": 21},
    "sti_self_12m": 4,
}


def founding(seed: int, *, scale: int, missing: bool) -> Synthetic:
    """Return the founding study; the seed decides codes, dates and the internal migrants' ages.

    Nothing is lost at random here, so `missing` makes no difference.
    """
    if scale != 1:
        raise UsageError("The founding profile has one size: leave the scale at 1.")
    site = np.concatenate([_rows()["site"], np.repeat(np.arange(3), INTERNAL)])
    order = stream(seed, "founding", "order").permutation(len(site))
    participants, visits = _participants(seed, site), _visits(seed, site)
    tables = {
        "sites": _sites(),
        "participants": {name: texts[order] for name, texts in participants.items()},
        "visits": {name: texts[order] for name, texts in visits.items()},
    }
    truth = {
        "profile": "founding",
        "seed": seed,
        "scale": 1,
        "missing": missing,
        "outcomes": {},
        "table_1": dict(TABLE_1),
        "places": {"bar": "bar or cantina", "hotel_motel": "hotel, motel or rented room"},
    }
    return Synthetic(
        profile="founding",
        seed=seed,
        tables={name: frame(columns) for name, columns in tables.items()},
        truth=truth,
    )


def _rows() -> dict[str, Any]:
    """Read the 31 rows above into columns."""
    left = [line.split("|")[0].split() for line in _ROWS.strip().splitlines()]
    right = [line.split("|")[1].split() for line in _ROWS.strip().splitlines()]
    return {
        "site": np.array([int(part[0]) for part in left]),
        "country_birth": [part[1] for part in left],
        "age": [part[2] for part in left],
        "years_in_city": [" ".join(part[3:]) for part in left],
        "age_entry": [part[0] for part in right],
        "ever_deported": [part[1] for part in right],
        "service_place": [part[2] for part in right],
        "formality_now": [part[3] for part in right],
        "sti_self_12m": [part[4] for part in right],
    }


def _sites() -> dict[str, Texts]:
    unknown = words([".x"] * 3)
    return {
        "site_id": words(SITES),
        "site_name": words(("Tapachula", "Tecún Umán", "Quetzaltenango")),
        "country_work": words(("MEX", "GTM", "GTM")),
        "site_type": words(("border_hub", "border_crossing", "inland_city")),
        "testing_fee": words(("paid", "free", "free")),
        "clinic_access": words(("remote", "central", "central")),
        "enforcement_shock": words("100"),
        "approached": unknown,
        "eligible": unknown,
        "refused": unknown,
    }


def _and_unknown(known: list[str], code: str = ".x") -> Texts:
    return words(known + [code] * sum(INTERNAL))


def _dates(seed: int, size: int) -> Texts:
    day = stream(seed, "founding", "date").integers(0, FIELD_DAYS, size)
    return words([str(date) for date in FIELD_START + day])


def _participants(seed: int, site: Ints) -> dict[str, Texts]:
    rows, size = _rows(), len(site)
    known = len(rows["age"])
    rng = stream(seed, "founding", "internal")
    ages = digits(rng.integers(20, 46, sum(INTERNAL))).tolist()
    home = np.array(["MEX", "GTM", "GTM"])[site[known:]].tolist()
    return {
        "participant_id": codes("P", stream(seed, "founding", "id"), size),
        "site_id": words(SITES)[site],
        "sampling_mode": words(["purposive"] * size),
        "sex": words(["female"] * size),
        "age": words(rows["age"] + ages),
        "country_birth": words(rows["country_birth"] + home),
        "municipality_birth": words([".x"] * known + ["elsewhere"] * sum(INTERNAL)),
        "migrant_type": words(["international"] * known + ["internal"] * sum(INTERNAL)),
        "years_in_city": _and_unknown(rows["years_in_city"]),
        "age_entry": _and_unknown(rows["age_entry"]),
        "ever_deported": _and_unknown(rows["ever_deported"]),
        "consent": words(["1"] * size),
        "consent_date": _dates(seed, size),
    }


def _visits(seed: int, site: Ints) -> dict[str, Texts]:
    rows, size = _rows(), len(site)
    return {
        "visit_id": codes("V", stream(seed, "founding", "visit"), size),
        "participant_id": codes("P", stream(seed, "founding", "id"), size),
        "visit_no": words(["1"] * size),
        "date": _dates(seed, size),
        "exchanged_sex_1m": words(["1"] * size),
        "service_place": _and_unknown(rows["service_place"]),
        "formality_now": _and_unknown(rows["formality_now"]),
        "sti_self_12m": _and_unknown(rows["sti_self_12m"]),
    }
