"""The same model with sites as fixed effects: comparisons within sites for any family.

The random effects of sites are replaced by an intercept for each site, and what is constant inside
sites leaves the model (its place is taken). Random effects of what is nested in sites, venues or
the visits of a woman, stay. The test of a coefficient is the likelihood ratio of that model against
F(1, ν), ν being the degrees of freedom of the level the coefficient is learnt from: rows, women or
venues, less sites, less coefficients (between-within; Schluchter & Elashoff 1990; for the
likelihood ratio Qiu, Cook & Bobb 2024, Stat Med 43:201).

With many sites of few women a likelihood ratio is too large: of gaussian outcomes it is about
N/(N - k) times F, k being all the parameters, because maximum likelihood makes the women of a site
more alike than they are. Ordered outcomes are measurements cut at thresholds and go the same way
(true values were outside 7 % of 95 % intervals with 30 to 120 women), so their ratio is multiplied
by (N - k)/N, which brings those to 5 %.

A site whose outcomes are all at the edge (no event at all, or all in the highest category) says
nothing about differences inside it and has no finite effect: it is left out of these fits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.lrt import ratio_of, ratio_row, reached
from peerstats.inference.method import Question
from peerstats.inference.pooled import top_level
from peerstats.inference.ratio import Ratio
from peerstats.model.columns import Column, check_columns
from peerstats.model.design import Design
from peerstats.model.engines.problem import make_problem
from peerstats.model.families import Family, find_family
from peerstats.model.fit import Fit
from peerstats.model.marginal.within import centre
from peerstats.model.penalty import CANONICAL, penalised_start, prior_of
from peerstats.model.refit import refit, take_rows, with_solution

Array = NDArray[np.float64]
SITE = "site effect"
OVERDISPERSED = ("negative_binomial", "negative_binomial1")
ORDERED = ("cumulative_logit", "cumulative_probit")  # with an edge on either side, as yes/no has


def fixed_fit(question: Question) -> Fit:
    """Return the model with sites as fixed effects, made once; ModelError where there is none."""

    def make() -> Fit:
        silent = _silent(question.fit, *_top(question))
        return _reached(_with_fixed_sites(question, silent))

    found: Fit = question.once("sites fixed", make)
    return found


def _reached(model: Fit) -> Fit:
    return with_solution(model, reached(refit(model, model.design, reml=False)))


def _top(question: Question) -> tuple[NDArray[np.intp], int]:
    top = question.where.levels[0]
    return top.codes, top.count


def _with_fixed_sites(question: Question, silent: NDArray[np.bool_]) -> Fit:
    top, fit = question.where.levels[0], question.fit
    design = fit.design
    kept = [k for k in range(len(design.columns)) if question.kinds[k].level > 0]
    kept = [k for k in kept if not question.is_site_effect(k)]
    used = np.flatnonzero(~silent[top.codes])
    present, codes = np.unique(top.codes[used], return_inverse=True)
    inside = centre(design.X[used][:, kept], codes)
    check_columns(inside, tuple(design.columns[k] for k in kept))
    dummies = (codes[:, None] == np.arange(len(present))).astype(np.float64)
    start = 1 if fit.family.thresholds is not None else 0  # thresholds are an intercept already
    sites = [
        Column(name=f"{SITE} {k}", term=SITE, variables=(top.name,)) for k in range(len(present))
    ]
    rest = tuple(term for term in fit.formula.random if not _of_sites(question, term.group))
    names = {term.group for term in rest}
    formula = replace(fit.formula, random=rest)
    base = replace(
        design,
        formula=formula,
        groups={name: group for name, group in design.groups.items() if name in names},
        random=tuple(block for block in design.random if block.group in names),
    )
    base = take_rows(base, used)
    design = replace(
        base,
        X=np.column_stack([base.X[:, kept], dummies[:, start:]]),
        columns=(*(design.columns[k] for k in kept), *sites[start:]),
    )
    design, family = _levels_left(design, fit.family)
    return replace(
        fit, formula=formula, family=family, design=design, method="laplace", nodes=1, penalty=()
    )


def _levels_left(design: Design, family: Family) -> tuple[Design, Family]:
    """Without the ordered answers that nobody gives any more: they have no threshold."""
    if family.name not in ORDERED:
        return design, family
    left, y = np.unique(design.y, return_inverse=True)
    if len(left) < 2 or len(left) == len(design.levels):
        return design, family
    levels = tuple(design.levels[int(k)] for k in left)
    make = find_family(family.name, family.link).for_outcome
    found = family if make is None else make(levels)
    return replace(design, y=y.astype(np.float64), levels=levels), found


def _of_sites(question: Question, group: str) -> bool:
    """Whether a grouping factor is that of the sites."""
    codes, top = question.fit.design.groups[group].codes, question.where.levels[0]
    pairs = np.unique(np.column_stack([codes, top.codes]), axis=0)
    return len(pairs) == top.count == len(np.unique(codes))


def _silent(fit: Fit, codes: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Sites whose outcomes are all at one edge of what the family allows."""
    y = fit.design.y
    if fit.family.outcome == "interval":
        return np.zeros(count, dtype=bool)
    edges = [y.min()] if fit.family.name not in ("binomial", *ORDERED) else [y.min(), y.max()]
    found = np.zeros(count, dtype=bool)
    for edge in edges:
        found |= np.bincount(codes, weights=y != edge, minlength=count) == 0
    return found


def site_effects(question: Question) -> Array:
    """Return each site's effect (J,); ModelError where some site has none."""
    question = as_poisson(question)
    top, family = top_level(question), question.fit.family
    if (family.name, family.link) in CANONICAL:
        found = _with_fixed_sites(question, np.zeros(top.count, dtype=bool))
        beta = _by_jeffreys(found)
    else:
        found = fixed_fit(question)
        beta = found.solution.beta
    pairs = zip(beta, found.design.columns, strict=True)
    values = [float(value) for value, column in pairs if column.term == SITE]
    if family.thresholds is not None:
        values = [0.0, *values]
    if len(values) < top.count:
        raise ModelError(f"a {top.noun} where all outcomes are alike has no finite effect")
    return np.array(values)


def as_poisson(question: Question) -> Question:
    """Return the question of negative binomial counts asked of a Poisson model; others as is.

    Rates and their ratios are the same, and what is made of them has an error of its own.
    """
    if question.fit.family.name not in OVERDISPERSED:
        return question

    def make() -> Question:
        poisson = replace(question.fit, family=find_family("poisson"))
        return replace(question, fit=poisson, made={})

    found: Question = question.once("as Poisson", make)
    return found


def _by_jeffreys(model: Fit) -> Array:
    if model.formula.random:
        return _reached(replace(model, penalty=("firth",))).solution.beta
    problem = make_problem(model.design, model.family)
    return penalised_start(prior_of(problem, model.design, ("firth",)))


def site_ratio(question: Question, position: int) -> tuple[Ratio, float]:
    """Return the likelihood of one coefficient and its degrees of freedom; ModelError without."""
    df = freedom(question, position)
    found, name = fixed_fit(question), question.fit.design.names[position]
    ratio = ratio_of(found, found.design.names.index(name))
    if found.family.name in ORDERED:
        return ratio.shrunk(1.0 - len(found.params) / found.nobs), df
    return ratio, df


def freedom(question: Question, position: int) -> float:
    """Between-within degrees of freedom of what varies inside sites; ModelError without any."""
    top = top_level(question)
    if question.kinds[position].level == 0:
        raise ModelError(f"it is constant within every {top.noun}")
    df = question.between_within_df(position)
    if df < 1:
        raise ModelError("no between-within degrees of freedom are left for this coefficient")
    return df


def _row(question: Question, position: int) -> Estimate:
    if question.fit.family.has_dispersion:
        raise ModelError("gaussian outcomes have an exact t test: site_fixed_t")
    ratio, df = site_ratio(question, position)
    return ratio_row(question, position, ratio, df)


SITE_FIXED = method_of(
    "site_fixed",
    "likelihood ratio with sites as fixed effects, F test with between-within degrees of freedom",
    _row,
)
