"""The rule that decides, for each coefficient, which method answers or why nothing can.

For each coefficient the data decide its kind (`inference.kind`), and the kind, the number of sites
and the family decide the method. The first of a row's methods that applies is taken:

    learnt from                     sites     methods
    women inside sites              any       fe_firth (yes/no, logit), site_fixed, penalised_lrt,
                                              wald
      counts                        any       quasi_likelihood, site_fixed, penalised_lrt
    venues inside sites             any       two_stage (yes/no), site_fixed, penalised_lrt, wald
    sites (constant inside them)    < 30      two_stage, penalised_wald, wald
                                    >= 30     penalised_wald, two_stage, wald
    effects that differ by site     any       site_slopes, wald
    gaussian, with random effects   < 30      site_fixed_t or two_stage, kenward_roger, wald
                                    >= 30     kenward_roger, wald

With venues in sites (or visits of women) what varies inside venues is compared inside venues, by an
intercept for each: that keeps its level with 5 women a venue and 3 visits a woman. An exposure of
venues is compared between the venues of a site by two stages, whose level is nominal from 12 venues
on; the likelihood ratio with venues at random rests on their estimated variance, is a point or two
short with few venues, and answers other outcomes and an exposure of women with 2 or 3 visits. A
log-tau penalty of the venue variance makes 12 venues' intervals hold the truth in 99 of 100
samples, so there is none.

Gaussian outcomes of few sites are not given to Kenward and Roger's test: with 3 sites the variance
between them is often estimated at zero, where it has nothing to work with and what is left counts
women instead of sites; with 5, and still with 12 where sites hardly differ, its intervals are too
wide. Sites as fixed effects have an exact t.

Counts mostly vary more than Poisson counts, and negative binomial counts of few women have their
dispersion underestimated, often at zero; Pearson's within sites is not, so rate ratios are compared
by quasi-likelihood.

"wald" is Wald's t with between-within degrees of freedom where the model has random effects; it is
no way out below 12 sites, or below 30 for what is constant inside them: if no other method answers
there, the coefficient is refused. Without sites it is z, or t with N - p degrees of freedom for
gaussian outcomes.

Two refusals hold for every method. Fewer than 3 degrees of freedom for what is learnt from sites
(or venues): no p-value. With 3 sites a test that holds its level has next to no power, and tests
that seem to have some reject true nulls far more often than they say; the interval is shown, whose
width says the same. A model without any effect of site cannot test what is constant inside sites,
because it counts women where it should count sites.

The evidence is `benchmarks/coverage.py`, `benchmarks/coverage_extended.py` and docs/inference.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from peerstats.errors import UsageError, did_you_mean
from peerstats.inference.estimates import NONE, Estimate, Estimates, as_frame
from peerstats.inference.kind import Kind, in_words, inseparable, kinds
from peerstats.inference.layout import Layout, Level, layout, random_slopes
from peerstats.inference.method import Question
from peerstats.inference.methods import METHODS
from peerstats.inference.quasi_likelihood import FAMILIES as COUNTS
from peerstats.inference.remarks import FEW_FOR_CLUSTERED, FEW_FOR_SITE_LEVEL, remarks

if TYPE_CHECKING:
    import pandas as pd

    from peerstats.model.fit import Fit

LEAST_DF = 3  # below this a cluster-level coefficient has no p-value
MANY_SITES = 30  # from here on a mixed model's site-level test beats two stages


def infer(
    fit: Fit,
    *,
    sites: str | pd.Series | None = None,
    alpha: float = 0.05,
    rule: str = "default",
    replicates: int = 999,
    seed: int = 1,
) -> Estimates:
    """Return estimates on the link scale with intervals, p-values or the reason there are none.

    `sites` names the site's grouping factor or is a Series of site labels on the data's index; by
    default the outermost grouping factor of the fit. `rule` is "default" or the name of one method
    for every coefficient; the refusals hold for every rule, because no method can lift them.
    Thresholds of ordered outcomes are no coefficients and have no row. `replicates` and `seed` are
    for methods that resample.

    Raises UsageError for an unknown rule or a level outside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError("alpha lies between 0 and 1; 0.05 gives 95% intervals.")
    if rule != "default" and rule not in METHODS:
        known = ", ".join(("default", *METHODS))
        raise UsageError(f"Unknown inference rule '{rule}' ({known}).{did_you_mean(rule, METHODS)}")
    question = question_of(fit, sites, alpha=alpha, replicates=replicates, seed=seed)
    rows = [row_of(question, position, rule) for position in range(len(fit.design.columns))]
    return Estimates(
        frame=as_frame(rows),
        alpha=alpha,
        remarks=remarks(question, rows),
        kinds=tuple(kind_words(question, position) for position in range(len(rows))),
    )


def kind_words(question: Question, position: int) -> str:
    """Say what the rule saw of one coefficient, which is why it chose its method."""
    if question.is_site_effect(position):
        return "compares these sites"
    return in_words(question.kinds[position], question.where)


def question_of(fit: Fit, sites: str | pd.Series | None = None, **choices: Any) -> Question:
    """Return a fit with its sites and the kind of every coefficient, for the methods to answer."""
    where = layout(fit, sites)
    chosen = {"alpha": 0.05, **choices}
    return Question(fit=fit, where=where, kinds=_kinds(fit, where), **chosen)


def _kinds(fit: Fit, where: Layout) -> tuple[Kind, ...]:
    """The kind of every column, and of the thresholds' own, which use up one df of sites."""
    columns = fit.design.X
    if fit.family.thresholds is not None:
        columns = np.column_stack([columns, np.ones(fit.design.n)])
    found = kinds(columns, where)
    slopes = random_slopes(fit, where)
    return tuple(
        replace(kind, slope=slopes.get(k)) if k in slopes else kind for k, kind in enumerate(found)
    )


def row_of(question: Question, position: int, rule: str = "default") -> Estimate:
    """Return what a rule answers for one coefficient: its row, or the reason there is none."""
    names = candidates(question, position) if rule == "default" else (rule,)
    reason = refusal(question, position)
    if reason is not None:
        return _without_test(question, position, reason)
    reasons = []
    for name in names:
        reason = METHODS[name].why_not(question, position)
        if reason is None:
            return METHODS[name].estimate(question, position)
        reasons.append(reason)
    # That a method is for other outcomes says nothing of these data.
    telling = [reason for reason in reasons if not reason.startswith("it is defined for")]
    return _bare(question, position, (telling or reasons)[0])


def candidates(question: Question, position: int) -> tuple[str, ...]:
    """Names of the methods that suit a coefficient which is not refused, best first.

    Wald's tests are no way out where sites are too few for them: there they reject true nulls.
    """
    names, levels = _by_kind(question, position), question.where.levels
    site_level = question.kinds[position].level == 0
    enough = FEW_FOR_SITE_LEVEL if site_level else FEW_FOR_CLUSTERED
    if names[0].startswith("wald") or levels[0].count >= enough:
        return names
    return tuple(name for name in names if not name.startswith("wald"))


def _by_kind(question: Question, position: int) -> tuple[str, ...]:
    kind, where, family = question.kinds[position], question.where, question.fit.family
    if not where.levels or not question.models(0) or question.is_site_effect(position):
        return ("wald_t" if family.has_dispersion else "wald_z",)
    if family.name == "gaussian":
        first = "two_stage" if kind.level == 0 else "site_fixed_t"
        few = kind.slope is None and where.levels[0].count < MANY_SITES
        return (*((first,) if few else ()), "kenward_roger", "wald_between_within", "wald_t")
    if kind.slope is not None:
        return ("site_slopes", "wald_between_within")
    if kind.level > 0:
        if family.name in COUNTS:
            return ("quasi_likelihood", "site_fixed", "penalised_lrt")
        first = "fe_firth" if kind.level == len(where.levels) else "two_stage"
        return (first, "site_fixed", "penalised_lrt", "wald_between_within", "wald_z")
    if where.levels[0].count >= MANY_SITES:
        return ("penalised_wald", "two_stage", "wald_between_within")
    return ("two_stage", "penalised_wald", "wald_between_within")


def _without_test(question: Question, position: int, reason: str) -> Estimate:
    """The row of a refused coefficient: its interval where it has an honest one, and no test."""
    kind = question.kinds[position]
    name = "site_fixed" if kind.slope is None else "site_slopes"
    name = "two_stage" if kind.level == 0 else name
    if METHODS[name].why_not(question, position) is not None:
        return _bare(question, position, reason)
    row = METHODS[name].estimate(question, position)
    return replace(row, statistic=NONE, p_value=NONE, method="none", reason=reason)


def _bare(question: Question, position: int, reason: str) -> Estimate:
    """Value and standard error for the team's own eyes; nothing that could be read as a test."""
    row = METHODS["wald_z"].estimate(question, position)
    return Estimate(
        term=row.term,
        estimate=row.estimate,
        std_error=row.std_error,
        df=question.between_within_df(position) if question.where.levels else NONE,
        method="none",
        scale=row.scale,
        reason=reason,
    )


def refusal(question: Question, position: int) -> str | None:
    """Return why one coefficient has no p-value and no interval under any method, or None.

    The sentence has no capital and no full stop, so that the coefficient's label can precede it.
    """
    kind, where = question.kinds[position], question.where
    if position in _inseparable(question):
        return (
            f"inside every {where.levels[kind.level - 1].noun} it is a combination of other "
            "covariates, so women there cannot tell them apart: leave one out"
        )
    if kind.learnt_at == len(where.levels) or question.is_site_effect(position):
        return None
    level = where.levels[kind.learnt_at]
    df = question.between_within_df(position)
    if df < LEAST_DF:
        intercept = not question.fit.design.columns[position].variables
        return _too_few(level, where, df, "average" if intercept else "exposure")
    if not question.models(kind.learnt_at):
        return (
            f"constant within every {level.noun}, and the model has no effect of {level.noun}: "
            f"add (1 | {level.name}) to test a {level.noun}-level exposure"
        )
    return None


def _inseparable(question: Question) -> frozenset[int]:
    def make() -> frozenset[int]:
        columns = len(question.fit.design.columns)  # thresholds have kinds beyond these
        return inseparable(question.fit.design.X, question.kinds[:columns], question.where)

    found: frozenset[int] = question.once("inseparable", make)
    return found


def _too_few(level: Level, where: Layout, df: float, what: str) -> str:
    clusters = f"{level.count} {level.noun}{'s' if level.count != 1 else ''}"
    top = where.levels[0]
    if level is not top:
        clusters += f" in {top.count} {top.noun}{'s' if top.count != 1 else ''}"
    return (
        f"with {clusters} and {max(df, 0.0):g} df this design cannot test a "
        f"{level.noun}-level {what}"
    )
