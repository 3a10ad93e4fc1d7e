"""Sites and venues of the border profile.

Twelve sites per unit of scale, half in Guatemala and half in Mexico, with ten venues each. Sites
have neutral codes, not names of towns: nothing here was observed in any place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.streams import Bools, Ints, Texts, choose, pick, stream
from peerstats.data.synthetic.words import asked, decimals, digits, names, words

SITES_PER_COUNTRY = 6
VENUES_PER_SITE = 10
FORMAL_SHARE = (0.62, 0.22)  # Guatemala, Mexico

VENUE_TYPES = (
    "bar", "cantina", "nightclub", "brothel_house", "hotel_motel", "rented_room", "street", "park",
    "vehicle_trailer", "own_home", "online_phone",
)  # fmt: skip
# Informal, then formal. An informal bar exists (it raises a remark); a formal street does not.
VENUE_TYPE_SHARES = (
    (6, 5, 0, 4, 18, 14, 34, 10, 4, 2, 3),
    (36, 34, 20, 10, 0, 0, 0, 0, 0, 0, 0),
)
OUTDOOR = ("street", "park", "vehicle_trailer")
MANAGER_SHARE = (0.15, 0.85)
MANAGER_PRACTICES: Mapping[str, tuple[float, float]] = {
    "mgr_condoms": (0.35, 0.70),
    "mgr_training": (0.10, 0.35),
    "mgr_clinic_days": (0.15, 0.65),
    "mgr_security": (0.20, 0.60),
    "mgr_rules_client": (0.25, 0.60),
    "mgr_violence": (0.30, 0.55),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Sites (S,) and venues (V,) with what the women's data depend on, and their two tables."""

    mex: Bools  # (S,) in Mexico
    venue_site: Ints  # (V,) index of the venue's site
    formal: Bools  # (V,)
    manager: Bools  # (V,) a manager is present
    practices: Mapping[str, Bools]  # (V,) each; what the manager does
    venue_type: Ints  # (V,) index into VENUE_TYPES
    sites: Mapping[str, Texts]
    venues: Mapping[str, Texts]


def draw_places(seed: int, scale: int) -> Places:
    """Draw the sites and venues of the border profile."""
    per_country = SITES_PER_COUNTRY * scale
    mex = np.repeat([False, True], per_country)
    venue_site = np.repeat(np.arange(2 * per_country), VENUES_PER_SITE)
    rng = stream(seed, "venues", "formality")
    formal = rng.random(len(venue_site)) < np.where(mex[venue_site], *FORMAL_SHARE[::-1])
    kind = choose(stream(seed, "venues", "type"), VENUE_TYPE_SHARES, formal.astype(np.int64))
    rng = stream(seed, "venues", "manager")
    manager = rng.random(len(formal)) < np.where(formal, *MANAGER_SHARE[::-1])
    practices = {
        name: manager & (rng.random(len(formal)) < np.where(formal, *shares[::-1]))
        for name, shares in MANAGER_PRACTICES.items()
    }
    site_id = words(
        [f"{country}_{i:02d}" for country in ("gtm", "mex") for i in range(1, per_country + 1)]
    )
    return Places(
        mex=mex,
        venue_site=venue_site,
        formal=formal,
        manager=manager,
        practices=practices,
        venue_type=kind,
        sites=_site_columns(seed, site_id, mex),
        venues=_venue_columns(seed, site_id[venue_site], formal, kind)
        | {"mgr_present": digits(manager)}
        | {name: asked(manager, digits(does)) for name, does in practices.items()},
    )


def _site_columns(seed: int, site_id: Texts, mex: Bools) -> dict[str, Texts]:
    rng = stream(seed, "sites")
    size = len(site_id)
    central = rng.random(size) < np.where(mex, 0.3, 0.8)
    return {
        "site_id": site_id,
        "site_name": words([f"Synthetic site {i}" for i in range(1, size + 1)]),
        "country_work": names(("GTM", "MEX"), mex.astype(np.int64)),
        "site_type": names(
            ("border_crossing", "border_hub", "inland_city"), pick(rng, (4, 3, 5), size)
        ),
        "testing_fee": names(("free", "paid"), mex.astype(np.int64)),
        "clinic_distance_km": decimals(np.where(central, 0.5, 6.0) + rng.gamma(2.0, 1.0, size)),
        "clinic_access": names(("remote", "central"), central.astype(np.int64)),
        "permit_required": names(("formal_only", "all"), (rng.random(size) < 0.2).astype(int)),
        "enforcement_shock": digits(rng.random(size) < np.where(mex, 0.5, 0.1)),
        "n_ngo_outreach": digits(rng.poisson(1.5, size)),
        "migrant_share": words([f"{share:.2f}" for share in rng.beta(20, 8, size).tolist()]),
    }


def _venue_columns(seed: int, site_id: Texts, formal: Bools, kind: Ints) -> dict[str, Texts]:
    rng = stream(seed, "venues", "columns")
    size = len(site_id)
    number = np.arange(size) % VENUES_PER_SITE + 1
    checks = choose(rng, ((55, 35, 8, 2), (5, 20, 45, 30)), formal.astype(np.int64))
    outdoor = np.isin(kind, [VENUE_TYPES.index(name) for name in OUTDOOR])
    return {
        "venue_id": words([f"{s}_v{n:02d}" for s, n in zip(site_id, number.tolist(), strict=True)]),
        "site_id": site_id,
        "venue_type": names(VENUE_TYPES, kind),
        "formality": names(("informal", "formal"), formal.astype(np.int64)),
        "indoor": digits(~outdoor),
        "permit_check_freq": names(("never", "rare", "monthly", "weekly"), checks),
        "n_workers": digits(20 + rng.poisson(np.where(formal, 8.0, 4.0))),
        "police_visits_1m": digits(rng.poisson(np.where(formal, 1.0, 2.0))),
        "dist_main_strip_m": digits(np.rint(rng.gamma(1.5, 300.0, size)).astype(np.int64)),
    }


def screening(seed: int, enrolled: Ints) -> dict[str, Texts]:
    """Return each site's approached, eligible and refused counts, given how many took part."""
    rng = stream(seed, "sites", "screening")
    refused = rng.binomial(np.maximum(enrolled // 4, 1), 0.5)
    eligible = enrolled + refused
    return {
        "approached": digits(eligible + rng.binomial(np.maximum(eligible // 3, 1), 0.5)),
        "eligible": digits(eligible),
        "refused": digits(refused),
    }
