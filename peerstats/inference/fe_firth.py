"""Comparisons within sites: a site's own intercept each, and Firth's penalised likelihood ratio.

What varies inside sites can be learnt from women of the same site, whatever sites differ in. Site
intercepts take up every difference between sites, so neither their number nor a site effect that
goes along with the covariate (the venue mix of a site, say) can mislead the test; Jeffreys' penalty
keeps estimates finite and the many intercepts from biasing the slopes (Firth 1993; Heinze &
Schemper 2002). The statistic is the signed root of the profile penalised likelihood ratio, its
reference χ²_1 at every size: with 30 women at 3 sites it covers 94-98 % (benchmarks/coverage.py),
and F(1, N - J - p) only adds to what discreteness already makes too wide.

With venues in sites the intercepts are those of venues, the innermost clusters: they take up what
sites differ in as well. Five women a venue are enough, and 3 visits a woman where she is the
innermost cluster (benchmarks/coverage_extended.py).
"""

from __future__ import annotations

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.layout import Level
from peerstats.inference.method import Question
from peerstats.inference.pooled import clustered, top_level
from peerstats.inference.ratio import quantile, tail
from peerstats.inference.scale import coefficient_scale
from peerstats.model.marginal.firth import FirthFit, fit_within


def within_fit(question: Question, level: Level) -> FirthFit:
    """Return the fit within clusters, made once a question; ModelError where there is none."""
    fit = question.fit
    if (fit.family.name, fit.family.link) != ("binomial", "logit"):
        raise ModelError(
            f"it is defined for yes/no outcomes with the logit, not for {a_model(fit.family)}"
        )

    def make() -> FirthFit:
        return fit_within(clustered(question, level), fit.family, level.name, "chi2")

    found: FirthFit = question.once(f"within {level.name}", make)
    return found


def slope(question: Question, position: int) -> tuple[FirthFit, int]:
    """Return the fit within the innermost clusters and a coefficient's place among its slopes."""
    top_level(question)
    inner = question.where.levels[-1]
    if question.kinds[position].level < len(question.where.levels):
        raise ModelError(f"it is constant within every {inner.noun}")
    found = within_fit(question, inner)
    if not found.converged:
        raise ModelError("the penalised likelihood's maximum was not reached")
    return found, found.within.kept.index(position)


def _row(question: Question, position: int) -> Estimate:
    found, place = slope(question, position)
    root, critical = found.root(place), quantile(found.df, question.alpha)
    return Estimate(
        term=question.fit.design.names[position],
        estimate=float(found.params.iloc[place]),
        std_error=float(found.bse.iloc[place]),
        statistic=root,
        df=found.df,
        p_value=tail(root, found.df),
        conf_low=found.end(place, -critical),
        conf_high=found.end(place, critical),
        method=WORDS.format(noun=question.where.levels[-1].noun),
        scale=coefficient_scale(question.fit.family),
    )


WORDS = (
    "comparison within {noun}s (an intercept for each), Firth's profile penalised likelihood ratio"
)


FE_FIRTH = method_of(
    "fe_firth",
    WORDS.format(noun="site"),
    _row,
)
