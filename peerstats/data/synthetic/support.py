"""Peer support: a latent tendency, the 23 acts that show it, and the total analysts can see.

The latent tendency is

    L = b'x + u_site + v_venue + e,   x = formal, mex, recent, new_sw, mobile, min(years, 10)/5,

standardised over first visits. The number of acts received is L on a scale of 0 to 23, rounded;
which acts they are is drawn without replacement with weights for how common each is (the Gumbel
top-k draw: rank log weight + Gumbel noise). `ps_z` is the standardised number of acts, the very
value that `derived` computes from the table, and it alone enters the outcome models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.places import Places
from peerstats.data.synthetic.streams import Bools, Floats, Ints, Texts, expit, stream
from peerstats.data.synthetic.truth import SUPPORT
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import digits, words

# How common each act is (log weight): advice and condoms are, pooling bail money is not.
ACTS = {
    "E1": 1.6, "E2": 0.3, "E3": 1.0, "E4": 0.2, "E5": -0.4, "I1": 1.5, "I2": -0.8, "I3": 0.7,
    "I4": 0.8, "I5": 0.9, "T1": 0.0, "M1": 1.1, "M2": 0.1, "M3": -0.3, "M4": -0.2, "M5": -1.4,
    "S1": -0.9, "S2": 0.2, "S3": -0.8, "S4": 0.0, "A1": 0.5, "A2": -0.1, "B1": -0.6,
}  # fmt: skip
MEAN_ACTS, SD_ACTS = 10.0, 4.6
WOMAN_CORRELATION = 0.7  # of a woman's own part of support between two visits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """Acts received (m, 23), their standardised total (m,) and the latent tendency (m,)."""

    received: Bools
    ps_z: Floats
    latent: Floats


def draw_support(seed: int, places: Places, women: Women, encounters: Encounters) -> Support:
    """Draw latent support, then the number of acts, then which acts."""
    latent = _latent(seed, places, women, encounters)
    total = np.clip(np.rint(MEAN_ACTS + SD_ACTS * latent), 0, len(ACTS)).astype(np.int64)
    rng = stream(seed, "support_acts", "which")
    noisy = np.array(list(ACTS.values())) + rng.gumbel(size=(len(total), len(ACTS)))
    rank = np.argsort(np.argsort(-noisy, axis=1), axis=1)
    at_first = total[encounters.first]
    return Support(
        received=rank < total[:, None],
        ps_z=(total - at_first.mean()) / at_first.std(ddof=1),
        latent=latent,
    )


def _latent(seed: int, places: Places, women: Women, encounters: Encounters) -> Floats:
    rng = stream(seed, "support_acts", "latent")
    woman = encounters.woman
    site = np.sqrt(SUPPORT["site_variance"]) * rng.standard_normal(len(places.mex))
    venue = np.sqrt(SUPPORT["venue_variance"]) * rng.standard_normal(len(places.formal))
    own = rng.standard_normal(len(women.age))[woman]
    now = rng.standard_normal(len(woman))
    later = WOMAN_CORRELATION * own + np.sqrt(1 - WOMAN_CORRELATION**2) * now
    raw = (
        SUPPORT["formal"] * women.formal[woman]
        + SUPPORT["mex"] * women.mex[woman]
        + SUPPORT["recent"] * women.recent[woman]
        + SUPPORT["new_sw"] * women.new_sw[woman]
        + SUPPORT["mobile"] * encounters.mobile
        + SUPPORT["years_to_10_over_5"] * np.minimum(women.years[woman], 10) / 5
        + site[women.site[woman]]
        + venue[women.venue[woman]]
        + np.sqrt(SUPPORT["woman_variance"]) * np.where(encounters.first, own, later)
    )
    at_first = raw[encounters.first]
    return np.asarray((raw - at_first.mean()) / at_first.std(), dtype=np.float64)


def support_columns(seed: int, encounters: Encounters, support: Support) -> dict[str, Texts]:
    """Return the long table: per visit and act, received, provided, and with how many peers."""
    rng = stream(seed, "support_acts", "provided")
    shape = support.received.shape
    lean = np.array(list(ACTS.values())) - 1.2 + 0.8 * support.latent[:, None]
    provided = rng.random(shape) < expit(lean + 1.0 * support.received)
    peers = np.where(support.received | provided, 1 + rng.poisson(1.2, shape), 0)
    visits = np.repeat(np.arange(shape[0]), shape[1])
    return {
        "participant_id": encounters.columns["participant_id"][visits],
        "visit_id": encounters.columns["visit_id"][visits],
        "act": np.tile(words(list(ACTS)), shape[0]),
        "received": digits(support.received.ravel()),
        "provided": digits(provided.ravel()),
        "n_peers": digits(_ravel(peers)),
    }


def _ravel(counts: Ints) -> Ints:
    return np.asarray(counts, dtype=np.int64).ravel()
