"""The formula of a zero part: which rows have more zeros, `zero_formula="~ mined"`."""

from __future__ import annotations

from peerstats.errors import UsageError
from peerstats.model.families import Family
from peerstats.model.formula import Formula, parse_formula

ZERO = "zero"  # the auxiliary predictor that a zero formula gives columns to


def read_zero_formula(text: str | None, formula: Formula, family: Family) -> Formula | None:
    """Return the zero part's formula, or None for a constant.

    Raises UsageError when the family has no zero part, or for a random term or an offset in it.
    """
    if text is None:
        return None
    if ZERO not in family.auxiliary:
        raise UsageError(
            f"zero_formula needs a family with a zero part (zero_inflated_poisson, "
            f"zero_inflated_negative_binomial, hurdle_poisson, hurdle_negative_binomial), not "
            f"{family.name}."
        )
    right = text.strip().removeprefix("~").strip()
    if "~" in right or not right:
        raise UsageError("zero_formula has no outcome; write '~ covariates', or '~ 1'.")
    found = parse_formula(f"{formula.outcome} ~ {right}")
    if found.random or found.offset:
        raise UsageError("zero_formula has fixed terms only: no random term and no offset.")
    if not found.fixed:
        raise UsageError("zero_formula has no terms; write '~ 1' for a constant.")
    return found
