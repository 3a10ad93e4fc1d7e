"""The long violence table, filled in round the drawn outcomes, and what follows from violence.

`client_phys_sex_6m`, `client_verbal_6m`, `authority_any_6m` and `peer_any_6m` were drawn from their
models; the cells below are drawn given them, so that "any" taken over the cells gives them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.encounters import Encounters
from peerstats.data.synthetic.streams import (
    Bools,
    Ints,
    Texts,
    at_least_one,
    pick,
    stream,
)
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import asked, digits, names, words

# Perpetrator, type, and the share among women with the outcome the cell belongs to.
CELLS: tuple[tuple[str, str, float], ...] = (
    ("client", "physical", 0.70), ("client", "sexual", 0.55), ("client", "verbal", 1.0),
    ("client", "psychological", 0.10), ("client", "economic", 0.14),
    ("police", "physical", 0.12), ("police", "sexual", 0.10), ("police", "verbal", 0.35),
    ("police", "economic", 0.45), ("police", "threat_deport", 0.30),
    ("immigration", "verbal", 0.20), ("immigration", "economic", 0.20),
    ("immigration", "threat_deport", 0.35),
    ("health_inspector", "verbal", 0.10), ("health_inspector", "economic", 0.12),
    ("manager", "physical", 0.01), ("manager", "verbal", 0.05), ("manager", "economic", 0.04),
    ("peer", "physical", 0.35), ("peer", "verbal", 0.70), ("peer", "economic", 0.30),
    ("partner", "physical", 0.10), ("partner", "sexual", 0.06), ("partner", "psychological", 0.16),
)  # fmt: skip
PERPETRATORS = tuple(dict.fromkeys(cell[0] for cell in CELLS))
AUTHORITIES = ("police", "immigration", "health_inspector")
PLACES = ("bar", "hotel_motel", "rented_room", "street", "park", "vehicle_trailer", "own_home")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Violence:
    """What happened in six months, (m, cells), and which cells apply: partner's need a partner."""

    happened: Bools
    applies: Bools


def _cells(*perpetrators: str, types: tuple[str, ...] = ()) -> Ints:
    return np.array(
        [i for i, c in enumerate(CELLS) if c[0] in perpetrators and (not types or c[1] in types)]
    )


def draw_violence(
    seed: int, women: Women, encounters: Encounters, outcomes: Mapping[str, Bools]
) -> Violence:
    """Draw the cells given the outcomes; the rest (manager, partner, …) have their own shares."""
    rng = stream(seed, "violence", "cells")
    shares = [cell[2] for cell in CELLS]
    happened = rng.random((len(encounters.woman), len(CELLS))) < np.array(shares)
    groups = {
        "client_phys_sex_6m": _cells("client", types=("physical", "sexual")),
        "client_verbal_6m": _cells("client", types=("verbal",)),
        "authority_any_6m": _cells(*AUTHORITIES),
        "peer_any_6m": _cells("peer"),
    }
    for name, cells in groups.items():
        happened[:, cells] = at_least_one(rng, [shares[c] for c in cells], outcomes[name])
    applies = np.ones_like(happened)
    applies[:, _cells("partner")] = women.partner[encounters.woman][:, None]
    return Violence(happened=happened & applies, applies=applies)


def refused_cells(refused: Bools) -> Bools:
    """Spread refusals by perpetrator (m, perpetrators) over the cells (m, cells)."""
    owner = np.array([PERPETRATORS.index(cell[0]) for cell in CELLS])
    return np.asarray(refused[:, owner], dtype=np.bool_)


def violence_columns(
    seed: int, encounters: Encounters, violence: Violence, refused: Bools
) -> dict[str, Texts]:
    """Return the long table, one row per visit and applicable cell; refused ones hold ".r".

    `refused` is (m, perpetrators): a woman refuses all questions on a perpetrator or none.
    """
    rng = stream(seed, "violence", "details")
    visit, cell = np.nonzero(violence.applies)
    w6m, lost = violence.happened[visit, cell], refused_cells(refused)[visit, cell]
    size = len(visit)
    ever = w6m | (rng.random(size) < 0.08)
    times = np.where(w6m, 1 + rng.poisson(0.8, size), 0)
    client = np.isin(cell, _cells("client"))
    negotiating = np.where(client, digits(rng.random(size) < 0.4), ".n")
    happened = {
        "context_condom": negotiating.astype(object),
        "context_intox": digits(rng.random(size) < np.where(client, 0.55, 0.15)),
        "place": names(PLACES, pick(rng, (22, 24, 14, 24, 4, 9, 3), size)),
    }
    told = {"ever": digits(ever), "w6m": digits(w6m), "n_6m": digits(times)}
    told |= {name: asked(w6m, texts) for name, texts in happened.items()}
    return {
        "participant_id": encounters.columns["participant_id"][visit],
        "visit_id": encounters.columns["visit_id"][visit],
        "perpetrator": words([c[0] for c in CELLS])[cell],
        "type": words([c[1] for c in CELLS])[cell],
    } | {name: asked(~lost, texts, ".r") for name, texts in told.items()}


def aftermath_columns(seed: int, violence: Violence, refused: Bools) -> dict[str, Texts]:
    """Return the items asked after any violence she told of; unknown where she refused to tell."""
    rng = stream(seed, "violence", "aftermath")
    hidden = refused_cells(refused) & violence.applies
    told = (violence.happened & ~hidden).any(axis=1)
    unknown = ~told & hidden.any(axis=1)
    size = len(violence.happened)
    reported = rng.random(size) < 0.08
    reasons = ("fear_deportation", "fear_retaliation", "distrust", "shame", "not_serious", "other")
    answers = {
        "help_sought_after_violence": digits(rng.random(size) < 0.32),
        "reported_to_authority": digits(reported),
        "reason_not": asked(
            ~reported, names(reasons, pick(rng, (28, 22, 22, 10, 12, 6), size)), ".n"
        ),
    }
    otherwise = np.where(unknown, ".m", ".a")
    return {
        name: np.where(told, texts, otherwise).astype(object) for name, texts in answers.items()
    }
