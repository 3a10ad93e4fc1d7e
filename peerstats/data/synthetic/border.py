"""The border profile: twelve sites per unit of scale with known effects of peer support.

The stages follow time: places, women, interviews, support, outcomes, and then every item that a
questionnaire would hold, filled in so that it agrees with the outcomes. What is lost comes last and
changes nothing that was drawn before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peerstats.data.synthetic.encounters import Encounters, draw_encounters, draw_work_history
from peerstats.data.synthetic.heaping import heap
from peerstats.data.synthetic.items import item_columns
from peerstats.data.synthetic.missingness import (
    OF_VISITS,
    OF_WOMEN,
    lean,
    lose,
    lose_acts,
    lose_items,
    misreport,
    refuse_violence,
)
from peerstats.data.synthetic.outcomes import draw_outcomes
from peerstats.data.synthetic.places import Places, draw_places, screening
from peerstats.data.synthetic.prevention import condom_columns, testing_columns
from peerstats.data.synthetic.streams import Bools, Floats, Texts
from peerstats.data.synthetic.study import Synthetic
from peerstats.data.synthetic.support import Support, draw_support, support_columns
from peerstats.data.synthetic.truth import truth_of_border
from peerstats.data.synthetic.violence import (
    PERPETRATORS,
    Violence,
    aftermath_columns,
    draw_violence,
    violence_columns,
)
from peerstats.data.synthetic.women import Women, draw_women
from peerstats.data.synthetic.words import frame

Columns = Mapping[str, Texts]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Everything that is true, before it is written down or lost."""

    places: Places
    women: Women
    encounters: Encounters
    support: Support
    outcomes: Mapping[str, Bools]
    violence: Violence


def border(seed: int, *, scale: int, missing: bool) -> Synthetic:
    """Draw the border study; `scale` multiplies the number of sites."""
    drawn = _draw(seed, scale)
    size = len(drawn.encounters.woman)
    nobody = np.zeros((size, len(PERPETRATORS)), dtype=bool)
    leaning = _leaning(seed, drawn)
    refused = refuse_violence(seed, drawn.violence, leaning) if missing else nobody
    tables: dict[str, Columns] = {
        "sites": _sites(seed, drawn),
        "venues": drawn.places.venues,
        "participants": drawn.women.columns,
        "visits": _visits(seed, drawn, refused),
        "support_acts": support_columns(seed, drawn.encounters, drawn.support),
        "violence": violence_columns(seed, drawn.encounters, drawn.violence, refused),
        "work_history": _work_history(seed, drawn),
    }
    if missing:
        tables |= _lost(seed, drawn, tables)
    return Synthetic(
        profile="border",
        seed=seed,
        tables={name: frame(columns) for name, columns in _shuffled(seed, tables).items()},
        truth=truth_of_border(scale=scale, missing=missing) | {"seed": seed},
    )


def _draw(seed: int, scale: int) -> _Drawn:
    places = draw_places(seed, scale)
    women = draw_women(seed, places)
    encounters = draw_encounters(seed, places, women)
    support = draw_support(seed, places, women, encounters)
    outcomes = draw_outcomes(seed, places, women, encounters, support)
    return _Drawn(
        places=places,
        women=women,
        encounters=encounters,
        support=support,
        outcomes=outcomes,
        violence=draw_violence(seed, women, encounters, outcomes),
    )


def _leaning(seed: int, drawn: _Drawn) -> Floats:
    women = drawn.women
    return lean(seed, women.site, women.columns["interviewer_id"])[drawn.encounters.woman]


def _sites(seed: int, drawn: _Drawn) -> Columns:
    enrolled = np.bincount(drawn.women.site, minlength=len(drawn.places.mex))
    return dict(drawn.places.sites) | screening(seed, enrolled)


def _visits(seed: int, drawn: _Drawn, refused: Bools) -> Columns:
    women, encounters, support = drawn.women, drawn.encounters, drawn.support
    return (
        dict(encounters.columns)
        | item_columns(seed, drawn.places, women, encounters, support)
        | condom_columns(seed, women, encounters, drawn.outcomes)
        | testing_columns(seed, women, encounters, support, drawn.outcomes)
        | aftermath_columns(seed, drawn.violence, refused)
    )


def _work_history(seed: int, drawn: _Drawn) -> Columns:
    venue_id = drawn.places.venues["venue_id"]
    return draw_work_history(seed, drawn.women, drawn.encounters, venue_id)


def _lost(seed: int, drawn: _Drawn, tables: Mapping[str, Columns]) -> dict[str, Columns]:
    """Return the tables that have losses, with them."""
    encounters, leaning = drawn.encounters, _leaning(seed, drawn)
    women = dict(tables["participants"]) | heap(seed, drawn.women)
    visits = misreport(seed, tables["visits"], encounters, drawn.outcomes["ccu_clients"])
    visits = lose_items(seed, visits, drawn.women.site[encounters.woman])
    return {
        "participants": lose(seed, women, OF_WOMEN, leaning[encounters.first]),
        "visits": lose(seed, visits, OF_VISITS, leaning),
        "support_acts": lose_acts(seed, tables["support_acts"], leaning),
    }


def _shuffled(seed: int, tables: Mapping[str, Columns]) -> dict[str, Columns]:
    """Order women and visits by their codes, so that rows in order say nothing of date or site."""
    keys = {"participants": "participant_id", "visits": "visit_id"}
    out = dict(tables)
    for name, key in keys.items():
        order = np.argsort(tables[name][key].astype(str), kind="stable")
        out[name] = {column: texts[order] for column, texts in tables[name].items()}
    return out
