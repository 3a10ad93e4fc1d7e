"""How fits went: sizes rounded, diagnostics to one digit, messages without numbers.

A log-likelihood or an eigenvalue in full precision is a fingerprint of the data: who knows all
rows but one can try values for that one until the fingerprint agrees.

How many women a fit left out and how many it has make up all women, a number that is known. Of 32
women 31 and 1 would follow from 33 and 3. So the women of a fit are printed as the rounded number
of all women less those printed as left out, which tells no more than these; reasons that hold for
few women are taken together. A count of the model that is no sum of shown ones is printed alike.
"""

from __future__ import annotations

import math
from dataclasses import replace

from peerstats.disclosure.draft import Draft, with_numbers
from peerstats.disclosure.policy import Policy
from peerstats.disclosure.rules.models import of_women
from peerstats.disclosure.rules.texts import REMARK, told
from peerstats.results import FitRecord, Number, address
from peerstats.results.blocks import Block, ModelBlock


def protect_fits(draft: Draft) -> Draft:
    """Make every record of a fit safe to write beside the results."""
    exact = draft.results.fits
    fits = {key: protected(fit, draft.policy) for key, fit in exact.items()}
    draft = replace(draft, results=replace(draft.results, fits=fits))
    for block in draft.results.blocks.values():
        record = next((fits[key] for key in _main(block) if key in fits), None)
        if isinstance(block, ModelBlock) and record is not None:
            own = draft.policy.rounded(exact[record.key].nobs)  # else it counts women, not visits
            sizes = [n for n in _sizes(draft, block) if n.value == own and not _is_sum(draft, n)]
            draft = with_numbers(draft, [replace(n, value=float(record.nobs)) for n in sizes])
    return draft


def _main(block: Block) -> tuple[str, ...]:
    """Return the keys of fits that have all women of a model."""
    return (block.key, *block.fits) if isinstance(block, ModelBlock) else ()


def _sizes(draft: Draft, block: ModelBlock) -> list[Number]:
    """Return the numbers of all women of a model: its own, and those beside measurements."""
    whole = [t.variable for t in block.terms if [v.key for v in t.levels] == [""]]
    places = [address(block.key, *variable, "n") for variable in ((), *((v,) for v in whole))]
    return [draft.numbers[at] for at in places if at in draft.numbers]


def _is_sum(draft: Draft, number: Number) -> bool:
    """Whether a count was printed as the sum of counts that are shown."""
    parts = [draft.numbers.get(part) for part in number.parts]
    return bool(parts) and all(part is not None and part.withheld is None for part in parts)


def protected(fit: FitRecord, policy: Policy) -> FitRecord:
    """Return one record; numbers of groups stay where they count no women."""
    dropped = _left_out(fit, policy)
    everybody = policy.rounded(fit.nobs + sum(n for _, n in fit.dropped))
    nobs = max(everybody - sum(n for _, n in dropped), policy.rounded(1))
    return replace(
        fit,
        nobs=math.ceil(nobs),
        groups=tuple(
            (factor, math.ceil(policy.rounded(n)) if of_women(factor) else n)
            for factor, n in fit.groups
        ),
        gradient=one_digit(fit.gradient),
        min_eigenvalue=one_digit(fit.min_eigenvalue),
        loglik=math.nan,
        dropped=dropped,
        messages=tuple(text for text in map(told, fit.messages) if text != REMARK),
    )


def _left_out(fit: FitRecord, policy: Policy) -> tuple[tuple[str, int], ...]:
    """Round the numbers of women left out; reasons that hold for few women become one."""
    many = [(why, n) for why, n in fit.dropped if not policy.small(n)]
    few = sum(n for _, n in fit.dropped if policy.small(n))
    found = (*many, ("other", few)) if few else tuple(many)
    return tuple((why, math.ceil(policy.rounded(n))) for why, n in found)


def one_digit(value: float | None) -> float | None:
    """Return a diagnostic to one significant digit.

    >>> one_digit(0.0123456), one_digit(None)
    (0.01, None)
    """
    return value if value is None else float(f"{value:.1g}")
