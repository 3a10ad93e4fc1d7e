"""Outcome families: one file each, and the registry that names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from peerstats.errors import UsageError, did_you_mean
from peerstats.model.families import beta_binomial as _beta
from peerstats.model.families import binomial as _binomial
from peerstats.model.families import cumulative as _cumulative
from peerstats.model.families import gaussian as _gaussian
from peerstats.model.families import hurdle as _hurdle
from peerstats.model.families import interval_censored as _interval
from peerstats.model.families import negative_binomial as _nb2
from peerstats.model.families import negative_binomial1 as _nb1
from peerstats.model.families import poisson as _poisson
from peerstats.model.families import two_parts as _two
from peerstats.model.families import zero_inflated as _zeros
from peerstats.model.families.family import Family

# Name -> the function that makes the family, and its links with the default first.
FAMILIES: Mapping[str, tuple[Callable[..., Family], tuple[str, ...]]] = {
    "binomial": (_binomial.binomial, tuple(_binomial.LINKS)),
    "gaussian": (_gaussian.gaussian, _gaussian.LINKS),
    "poisson": (_poisson.poisson, _poisson.LINKS),
    "negative_binomial": (_nb2.negative_binomial, _nb2.LINKS),
    "negative_binomial1": (_nb1.negative_binomial1, _nb1.LINKS),
    "beta_binomial": (_beta.beta_binomial, _beta.LINKS),
    "cumulative_logit": (_cumulative.cumulative_logit, ("logit",)),
    "cumulative_probit": (_cumulative.cumulative_probit, ("probit",)),
    "zero_inflated_poisson": (_zeros.zero_inflated_poisson, _two.LINKS),
    "zero_inflated_negative_binomial": (_zeros.zero_inflated_negative_binomial, _two.LINKS),
    "hurdle_poisson": (_hurdle.hurdle_poisson, _two.LINKS),
    "hurdle_negative_binomial": (_hurdle.hurdle_negative_binomial, _two.LINKS),
    "interval_censored": (_interval.interval_censored, _interval.LINKS),
}


def find_family(family: str | Family, link: str | None = None) -> Family:
    """Return the family of that name and link (its default link when None).

    Raises UsageError with the nearest known name.

    >>> find_family("binomial").link
    'logit'
    """
    if isinstance(family, Family):
        if link not in (None, family.link):
            raise UsageError(f"The family already has the link '{family.link}'; leave link out.")
        return family
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UsageError(
            f"Unknown family '{family}' (known: {known}).{did_you_mean(family, FAMILIES)}"
        )
    make, links = FAMILIES[family]
    if link is not None and link not in links:
        raise UsageError(
            f"Family '{family}' has no link '{link}' (known: {', '.join(links)})."
            f"{did_you_mean(link, links)}"
        )
    return _made(make, link or links[0])


@cache
def _made(make: Callable[..., Family], link: str) -> Family:
    return make(link)


__all__ = ["FAMILIES", "Family", "find_family"]
