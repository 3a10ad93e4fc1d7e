"""Scales and single items of a visit, drawn from latent traits that depend on support.

An item of a scale is a cut normal score, loading * trait + sqrt(1 - loading^2) * noise, so a scale
has the reliability its loading implies. Items worded against their scale are turned round, as a
woman would answer them. No outcome model is claimed for these; only directions are meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.places import Places
from peerstats.data.synthetic.streams import Bools, Floats, Texts, choose, expit, stream
from peerstats.data.synthetic.support import Support
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import asked, digits, names


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSet:
    """The items of one scale: `cuts` are of the standard normal score, `low` the first answer."""

    prefix: str
    count: int
    low: int
    cuts: tuple[float, ...]
    loading: float
    reversed_items: tuple[int, ...]
    effects: Mapping[str, float]  # on the trait, whose remaining variance makes the total 1


SCALES = (
    ItemSet(
        prefix="coh_", count=9, low=0, cuts=(-1.3, -0.6, 0.2, 1.0), loading=0.72,
        reversed_items=(8, 9), effects={"support": 0.60},
    ),
    ItemSet(
        prefix="ten_", count=6, low=1, cuts=(-0.8, 0.0, 0.7, 1.4), loading=0.65,
        reversed_items=(6,), effects={"support": -0.30, "informal": 0.15, "new_sw": 0.20},
    ),
    ItemSet(
        prefix="lon_", count=3, low=1, cuts=(-0.2, 0.9), loading=0.75,
        reversed_items=(), effects={"support": -0.35, "recent": 0.30, "deported": 0.10},
    ),
    ItemSet(
        prefix="net_", count=6, low=0, cuts=(-1.35, -0.65, 0.05, 0.75, 1.45), loading=0.70,
        reversed_items=(), effects={"support": 0.40, "recent": -0.65},
    ),
    ItemSet(
        prefix="stig_int_", count=4, low=1, cuts=(-0.9, 0.0, 0.9), loading=0.68,
        reversed_items=(4,), effects={"support": -0.20, "new_sw": 0.20},
    ),
    ItemSet(
        prefix="stig_enacted_", count=4, low=1, cuts=(-0.4, 0.5, 1.3), loading=0.66,
        reversed_items=(), effects={"mex": 0.15, "informal": 0.20},
    ),
)  # fmt: skip
SUPPORTIVE_PRACTICES = ("mgr_condoms", "mgr_clinic_days", "mgr_security", "mgr_training")


def item_columns(
    seed: int, places: Places, women: Women, encounters: Encounters, support: Support
) -> dict[str, Texts]:
    """Return every scale item and single item of the visits table that is not an outcome."""
    woman = encounters.woman
    x = {
        "support": support.latent,
        "informal": (~women.formal[woman]).astype(np.float64) - 0.5,
        "mex": women.mex[woman].astype(np.float64) - 0.5,
        "recent": women.recent[woman].astype(np.float64),
        "new_sw": women.new_sw[woman].astype(np.float64),
        "deported": women.deported[woman].astype(np.float64) - 0.5,
    }
    columns: dict[str, Texts] = {}
    for scale in SCALES:
        columns |= _scale_columns(seed, scale, x)
    practices = {name: places.practices[name][women.venue[woman]] for name in SUPPORTIVE_PRACTICES}
    return (
        columns
        | _peers(seed, support, practices)
        | _wellbeing(seed, x)
        | _knowledge(seed, x, support)
        | _devices(seed, support)
    )


def _scale_columns(seed: int, scale: ItemSet, x: Mapping[str, Floats]) -> dict[str, Texts]:
    rng = stream(seed, "visits", scale.prefix)
    explained = np.sum([b * x[name] for name, b in scale.effects.items()], axis=0)
    rest = np.sqrt(1 - explained.var())
    trait = explained + rest * rng.standard_normal(len(explained))
    columns = {}
    for item in range(1, scale.count + 1):
        noise = rng.standard_normal(len(trait))
        score = scale.loading * trait + np.sqrt(1 - scale.loading**2) * noise
        answer = np.searchsorted(np.array(scale.cuts), score)
        if item in scale.reversed_items:
            answer = len(scale.cuts) - answer
        columns[f"{scale.prefix}{item}"] = digits(scale.low + answer)
    return columns


def _peers(seed: int, support: Support, practices: Mapping[str, Bools]) -> dict[str, Texts]:
    rng = stream(seed, "visits", "peers")
    wanted = {"n_peers_trust": 0.7, "n_peers_help_money": 0.3, "n_peers_call_danger": 0.5}
    columns = {
        name: digits(np.minimum(rng.poisson(np.exp(mean + 0.35 * support.latent)), 50))
        for name, mean in wanted.items()
    }
    for number, does in enumerate(practices.values(), start=1):
        columns[f"mgr_support_{number}"] = digits(rng.random(len(does)) < np.where(does, 0.8, 0.03))
    return columns


def _wellbeing(seed: int, x: Mapping[str, Floats]) -> dict[str, Texts]:
    """Distress does not fade with years in the city; support lowers it a little."""
    rng = stream(seed, "visits", "wellbeing")
    size = len(x["support"])
    trait = -0.25 * x["support"] + rng.standard_normal(size)
    return {
        "distress": digits(rng.binomial(12, expit(-0.8 + 0.8 * trait))),
        "suicidal_thoughts": digits(rng.random(size) < expit(-2.6 + 0.9 * trait)),
        "alcohol_audit_c": digits(rng.binomial(12, expit(-1.2 + 0.9 * rng.standard_normal(size)))),
        "drug_use_1m": digits(rng.random(size) < 0.14),
    }


def _knowledge(seed: int, x: Mapping[str, Floats], support: Support) -> dict[str, Texts]:
    rng = stream(seed, "visits", "knowledge")
    size = len(support.ps_z)
    skill = 0.25 * support.ps_z - 0.4 * x["new_sw"]
    first = choose(
        rng, ((34, 4, 22, 14, 8, 8, 10), (24, 18, 30, 12, 5, 6, 5)), (x["informal"] < 0).astype(int)
    )
    return {
        "condom_self_efficacy": digits(
            rng.binomial(10, expit(0.9 + skill + 0.5 * rng.standard_normal(size)))
        ),
        "hiv_knowledge": digits(
            rng.binomial(18, expit(0.8 + skill + 0.4 * rng.standard_normal(size)))
        ),
        "condom_demo_ever": digits(support.received[:, 6] | (rng.random(size) < 0.35)),
        "source_first_info": names(
            ("peer", "manager", "clinic", "ngo", "family", "media", "none"), first
        ),
    }


def _devices(seed: int, support: Support) -> dict[str, Texts]:
    rng = stream(seed, "visits", "devices")
    size = len(support.ps_z)
    phone = rng.random(size) < 0.84
    credit, safety = rng.random(size) < 0.60, rng.random(size) < expit(-0.6 + 0.6 * support.latent)
    return {
        "phone": digits(phone),
        "phone_credit": asked(phone, digits(credit)),
        "phone_peer_safety": asked(phone, digits(safety)),
    }
