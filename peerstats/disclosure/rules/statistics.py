"""Numbers that are not counts: what few women stand behind, and what belongs to one woman alone.

A number that does not say how many women it describes cannot be checked, and is withheld: the gate
refuses what it does not know.

Several statistics together can give back every woman's answer (Derrick et al.). Of a 1 to 5 answer,
to one decimal, samples were given back so often (benchmarks/results/disclosure_samples.csv):

    women                           7     10     13     14     19     25
    mean, median                  0 %    0 %    0 %    0 %    0 %    0 %
    mean, median, quartiles      30 %   16 %    0 %    2 %    0 %    0 %
    all of these and the SD      99 %   97 %   12 %   37 %    5 %    0 %

So quartiles need more than 12 women, and an SD more than 24. Whole years of age are discrete too,
and results do not say what is, so the rule is the same for every variable. It is judged by the
smallest number of women that is printed alike; otherwise an SD that is shown would tell a larger
number from a smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from peerstats.disclosure.draft import FEW, Draft, note, with_numbers, withhold
from peerstats.disclosure.policy import Policy
from peerstats.errors import DisclosureError
from peerstats.results import Kind, Number

Treatment = Literal["rounded", "recomputed", "described", "never", "kept"]

# Every kind of number must be here; a new one that is not is refused until somebody decides.
TREATMENTS: Mapping[Kind, Treatment] = {
    "count": "rounded",
    "percent": "recomputed",
    "rate": "recomputed",
    "mean": "described",
    "sd": "described",
    "median": "described",
    "quartile": "described",
    "smd": "described",
    "reliability": "described",
    "estimate": "described",
    "ci": "described",
    "p_value": "described",
    "variance": "described",
    "icc": "described",
    "mor": "described",
    "mode": "described",
    "minimum": "never",  # one woman's value
    "maximum": "never",
    "se": "never",  # more digits of what the interval says
    "df": "never",  # the exact number of women, less a known number
    "loglik": "never",  # depends on every woman; differences between reports single one out
    "constant": "kept",
    "simulated": "described",  # power and bias follow from the estimate: shown where that is
}


def protect_statistics(draft: Draft) -> Draft:
    """Take out what is never released, and withhold what describes few women."""
    unknown = sorted({n.kind for n in draft.numbers.values()} - set(TREATMENTS))
    if unknown:
        raise DisclosureError(
            f"No rule says how to protect numbers of kind '{unknown[0]}'; add one to TREATMENTS."
        )
    never = [at for at, n in draft.numbers.items() if TREATMENTS[n.kind] == "never"]
    if any(draft.numbers[at].kind in ("minimum", "maximum") for at in never):
        draft = note(draft, "minimum and maximum left out: each is one woman's value")
    draft = with_numbers(draft, (), never)
    few = [at for at, n in draft.numbers.items() if describes_few(n, draft.policy)]
    return withhold(draft, few, FEW)


def describes_few(number: Number, policy: Policy) -> bool:
    """Whether too few women, or nobody knows how many, stand behind a statistic."""
    if TREATMENTS[number.kind] != "described":
        return False
    if number.basis is None or policy.small(number.basis):
        return True
    beyond = {"sd": policy.sd_beyond, "quartile": policy.quartiles_beyond}.get(number.kind, 0)
    return policy.lower(number.basis) <= beyond
