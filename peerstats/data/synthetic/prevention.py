"""Condom, testing and STI items of a visit that agree with the drawn outcomes.

The outcomes come first, from `outcomes`; the items a woman is asked are filled in round them, so
`ccu_clients` or `hiv_test_12m`, derived from the items again, are the drawn ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.streams import Bools, Ints, Texts, choose, pick, stream
from peerstats.data.synthetic.support import Support
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import asked, digits, names, words

ALWAYS = 5
UNPROTECTED_SHARE = np.array([0.0, 0.90, 0.60, 0.35, 0.12, 0.0])  # by condom_freq_clients 1 to 5
STI_TYPES = ("gonorrhoea", "chlamydia", "syphilis", "trichomonas", "hpv", "herpes", "other")


def condom_columns(
    seed: int, women: Women, encounters: Encounters, outcomes: Mapping[str, Bools]
) -> dict[str, Texts]:
    """Return the condom items: always (5) exactly where `ccu_clients` is true."""
    rng = stream(seed, "visits", "condoms")
    size, seen = len(encounters.woman), encounters.clients > 0
    often = np.where(outcomes["ccu_clients"], ALWAYS, 1 + pick(rng, (8, 14, 33, 45), size))
    acts = rng.poisson(encounters.clients * 1.0)
    unprotected = rng.binomial(acts, UNPROTECTED_SHARE[often])
    partner = women.partner[encounters.woman]
    offered = rng.random(size) < np.where(outcomes["client_refusal_6m"], 0.85, 0.45)
    accepted = rng.random(size) < np.where(outcomes["ccu_clients"], 0.04, 0.45)
    return {
        "condom_freq_clients": asked(seen, digits(often)),
        "condom_last_client": asked(seen, digits(outcomes["condom_last_client"])),
        "acts_7d": digits(acts),
        "unprotected_7d": asked(acts > 0, digits(unprotected)),
        "condom_partner_freq": asked(partner, digits(1 + pick(rng, (48, 14, 14, 8, 16), size))),
        "client_refusal_6m": asked(seen, digits(outcomes["client_refusal_6m"])),
        "more_money_offered_6m": digits(offered),
        "more_money_accepted_6m": asked(offered, digits(accepted)),
        "condom_first_clients": digits(rng.random(size) < 0.45),
        "condom_broke_1m": digits(seen & (rng.random(size) < 0.11)),
        "condom_confiscated_6m": digits(rng.random(size) < 0.07),
    }


def testing_columns(
    seed: int,
    women: Women,
    encounters: Encounters,
    support: Support,
    outcomes: Mapping[str, Bools],
) -> dict[str, Texts]:
    """Return the testing and STI items; months since the last test agree with `hiv_test_12m`."""
    rng = stream(seed, "visits", "testing")
    size, formal = len(encounters.woman), women.formal[encounters.woman]
    year = outcomes["hiv_test_12m"]
    half = year & (rng.random(size) < 0.6)
    ever = year | (rng.random(size) < 0.55)
    months = _months(rng, half, year)
    went_together = support.received[:, 10]
    reason = choose(
        rng, ((14, 30, 12, 24, 20), (52, 12, 14, 10, 12), (10, 20, 40, 16, 14)),
        np.where(went_together, 2, formal.astype(np.int64)),
    )  # fmt: skip
    permit = np.where(half & (rng.random(size) < np.where(formal, 0.75, 0.2)), 2, 0)
    permit = np.where((permit == 0) & (rng.random(size) < 0.2), 1, permit)
    voluntary = rng.random(size) < np.where(reason == 0, 0.45, 0.93)
    status = np.where(ever, pick(rng, (96, 2, 2), size), 2)
    sti = outcomes["sti_self_12m"]
    return {
        "hiv_test_ever": digits(ever),
        "months_since_test": asked(ever, _in_words(months)),
        "sti_screen_6m": digits(rng.random(size) < np.where(half, 0.75, 0.15)),
        "test_reason": asked(
            ever, names(("permit", "symptoms", "peer", "pregnancy", "ngo"), reason)
        ),
        "test_voluntary": asked(ever, digits(voluntary)),
        "health_permit": names(("none", "expired", "valid"), permit),
        "hiv_status_self": names(("neg", "pos", "unknown"), status),
        "sti_self_12m": digits(sti),
        "sti_type": asked(sti, names(STI_TYPES, pick(rng, (26, 24, 18, 14, 10, 4, 4), size))),
        "sti_symptoms_6m": digits(rng.random(size) < np.where(sti, 0.55, 0.10)),
    }


def _months(rng: np.random.Generator, half: Bools, year: Bools) -> Ints:
    """Draw months since the test, never on 6 or 12, where a window could be read either way."""
    size = len(year)
    drawn = np.where(year, rng.integers(7, 12, size), rng.integers(13, 61, size))
    return np.asarray(np.where(half, rng.integers(0, 6, size), drawn), dtype=np.int64)


def _in_words(months: Ints) -> Texts:
    spoken = ["<1 month", "1 month", *(f"{i} months" for i in range(2, 61))]
    for years in (2, 3, 4, 5):
        spoken[12 * years] = f"{years} years"
    return np.asarray(words(spoken)[months], dtype=object)
