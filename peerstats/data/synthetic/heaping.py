"""Round answers: ages and durations that women give to the nearest 1 or 5.

A rounded answer is used only where it leaves every derived stage as it was (in the city 1 and 5
years; in sex work 1 and 3) and every order true (entry before age, years in the city within age).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from peerstats.data.synthetic.streams import Bools, Floats, Texts, stream
from peerstats.data.synthetic.women import Women
from peerstats.data.synthetic.words import decimals

AGE_SHARE, WHOLE_SHARE, FIVE_SHARE = 0.10, 0.55, 0.15


def heap(seed: int, women: Women) -> dict[str, Texts]:
    """Return age, age at entry and years in the city as told, some of them rounded."""
    rng = stream(seed, "missing", "heaping")
    size = len(women.age)
    age = women.age.copy()
    wanted = 5 * np.rint(age / 5)
    rows = (rng.random(size) < AGE_SHARE) & (np.abs(wanted - age) <= 1.2) & (wanted >= 18)
    rows &= (wanted >= women.years) & _same_work_stage(women, wanted, women.age_entry)
    age[rows] = wanted[rows]
    entry = women.age_entry.copy()
    wanted = np.rint(entry)
    rows = (rng.random(size) < WHOLE_SHARE) & _same_work_stage(women, age, wanted)
    entry[rows] = wanted[rows]
    return {
        "age": decimals(age),
        "age_entry": decimals(entry),
        "years_in_city": _years(rng, women, age),
    }


def _years(rng: np.random.Generator, women: Women, age: Floats) -> Texts:
    """Round durations given in years to whole years, and some longer ones to fives."""
    texts: Mapping[str, Texts] = women.columns
    years = women.years
    size = len(years)
    wanted = np.where(
        (years >= 7) & (rng.random(size) < FIVE_SHARE), 5 * np.rint(years / 5), np.rint(years)
    )
    rows = (years >= 2) & (rng.random(size) < WHOLE_SHARE)
    rows &= ((wanted >= 5) == (years >= 5)) & (wanted >= 2) & (wanted <= age)
    told = np.where(rows, wanted, years)
    return np.where(rows, decimals(told) + " years", texts["years_in_city"]).astype(object)


def _same_work_stage(women: Women, age: Floats, entry: Floats) -> Bools:
    """Whether a new age and age at entry leave the stage in sex work, away from its limits."""
    before = np.rint((women.age - women.age_entry) * 10)
    after = np.rint((age - entry) * 10)
    same = (np.digitize(before, (10, 30)) == np.digitize(after, (10, 30))) & (after > 0)
    return np.asarray(same & (after != 10) & (after != 30), dtype=np.bool_)
