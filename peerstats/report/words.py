"""The words for families, methods and measures, as a methods section uses them."""

from __future__ import annotations

from collections.abc import Iterable

from peerstats.results import Results
from peerstats.results.blocks import ModelBlock
from peerstats.results.measures import MEASURES
from peerstats.results.results import FitRecord
from peerstats.results.text import Cell, Ref

REGRESSIONS = {
    ("binomial", "logit"): "logistic regression",
    ("binomial", "log"): "log-binomial regression",
    ("binomial", "identity"): "binomial regression with identity link",
    ("poisson", "log"): "Poisson regression",
    ("gaussian", "identity"): "linear regression",
    ("binomial", "probit"): "probit regression",
    ("binomial", "cloglog"): "complementary log-log regression",
    ("negative_binomial", "log"): "negative binomial regression",
    ("negative_binomial1", "log"): "negative binomial regression with variance proportional to the "
    "mean",
    ("beta_binomial", "logit"): "beta-binomial regression",
    ("cumulative_logit", "logit"): "proportional-odds (cumulative logit) regression",
    ("cumulative_probit", "probit"): "ordered (cumulative) probit regression",
    ("zero_inflated_poisson", "log"): "zero-inflated Poisson regression",
    ("zero_inflated_negative_binomial", "log"): "zero-inflated negative binomial regression",
    ("hurdle_poisson", "log"): "hurdle Poisson regression",
    ("hurdle_negative_binomial", "log"): "hurdle negative binomial regression",
    ("interval_censored", "log"): "interval-censored Weibull regression",
}
METHODS = {
    "laplace": "maximum likelihood with the Laplace approximation",
    "agq": "maximum likelihood with adaptive Gauss–Hermite quadrature",
    "penalised_laplace": "penalised maximum likelihood (log-F on the slopes, log of the standard "
    "deviations between groups) with the Laplace approximation",
    "penalised_agq": "penalised maximum likelihood (log-F on the slopes, log of the standard "
    "deviation between groups) with adaptive Gauss–Hermite quadrature",
    "ml": "maximum likelihood",
    "reml": "restricted maximum likelihood",
    "irls": "maximum likelihood (iteratively reweighted least squares)",
    "ols": "ordinary least squares",
}


def regression(record: FitRecord) -> str:
    """Name the regression of a fit.

    >>> REGRESSIONS["poisson", "log"]
    'Poisson regression'
    """
    known = REGRESSIONS.get((record.family, record.link))
    return known or f"{record.family} regression with {record.link} link"


def estimation(results: Results, record: FitRecord) -> Cell:
    """Name how a fit was estimated, with the number of quadrature nodes where there are any."""
    words = METHODS.get(record.method, record.method)
    nodes = f"{record.key}.nodes"
    return (f"{words} (", Ref(nodes), " nodes)") if results.has(nodes) else (words,)


def measure(block: ModelBlock, side: str = "adjusted") -> str:
    """Name the measure of association: "adjusted odds ratio"."""
    return f"{side} {MEASURES[block.measure].name}"


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["age", "place", "origin"]), listed(["age"])
    ('age, place and origin', 'age')
    """
    every = list(words)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def joined(cells: Iterable[Cell], between: str) -> Cell:
    """Join cells with the same words between them."""
    out: Cell = ()
    for cell in cells:
        out = (*out, between, *cell) if out else cell
    return out


def sentence(text: str) -> str:
    """End a text with one full stop.

    >>> sentence("It failed"), sentence("It failed.")
    ('It failed.', 'It failed.')
    """
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
