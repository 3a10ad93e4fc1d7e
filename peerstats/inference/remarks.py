"""What has to be said beside the numbers of a fit with few sites, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from peerstats.inference.between import Finding, checked
from peerstats.inference.estimates import Estimate, Remark
from peerstats.inference.layout import Level, factor_noun
from peerstats.inference.method import Question

if TYPE_CHECKING:
    from peerstats.model.fit import Fit

FEW_FOR_VARIANCE = 5  # groups below which a between-group variance is no finding
# Maximum likelihood makes the between-site variance too small when sites are few, often zero, and
# between-within degrees of freedom repair that in part only. Below these numbers of sites Wald
# tests of true nulls at the 5 % level reject clearly more often than that.
FEW_FOR_CLUSTERED = 12
FEW_FOR_SITE_LEVEL = 30
# Methods whose standard error is as good as the between-site variance, by how their words begin.
BY_VARIANCE = ("Wald", "likelihood ratio test")
# Words of those whose estimate is that within sites.
WITHIN = (
    *("comparison within", "with sites as fixed", "mean of the sites' own", "exact conditional"),
    "two stages",  # of venues, whose second stage has a dummy of each site
)
SPARSE = 10  # women with the rarer outcome for each coefficient
AT_ZERO = 1e-4  # standard deviation, in units of the residual one, that counts as zero (as in lme4)


def remarks(question: Question, rows: list[Estimate]) -> tuple[Remark, ...]:
    """Return every remark of a fit: about the fit, then grouping factors, then coefficients."""
    return (
        *_about_fit(question),
        *_about_factors(question.fit),
        *_about_coefficients(question, rows),
    )


def _about_fit(question: Question) -> Iterator[Remark]:
    top = question.where.top
    if top is not None and top.count > 1 and not question.models(0):
        sentence = (
            f"The model has no effect of {top.noun}, so its intervals ignore that women of one "
            f"{top.noun} are alike."
        )
        yield Remark(about=None, sort="warning", sentence=sentence)
    if overdispersed(question.fit):
        sentence = (
            "The counts vary more than a Poisson model allows. Intervals by quasi-likelihood allow "
            "for that, all others of this model are too narrow; a random intercept of each row, or "
            "family='negative_binomial', takes that variation up."
        )
        yield Remark(about=None, sort="warning", sentence=sentence)
    rarer, coefficients = outcomes_and_coefficients(question)
    if 0 < rarer < SPARSE * coefficients:
        sentence = (
            f"{rarer:g} women have the rarer outcome, fewer than {SPARSE} for each of the "
            f"{coefficients} coefficients: estimates vary much from sample to sample. Leave out "
            "covariates or merge levels."
        )
        yield Remark(about=None, sort="sparse", sentence=sentence)


def outcomes_and_coefficients(question: Question) -> tuple[float, int]:
    """The rows with the rarer answer of a yes/no outcome (0 for others), and the coefficients.

    The intercept and effects of single sites, which Firth's penalty takes care of, do not count.
    """
    design, family = question.fit.design, question.fit.family
    own = [k for k, column in enumerate(design.columns) if column.variables]
    count = sum(not question.is_site_effect(k) for k in own)
    if family.name != "binomial":
        return 0.0, count
    trials = np.ones(design.n) if design.trials is None else design.trials
    trials = trials if design.weights is None else trials * design.weights
    yes = float(trials @ design.y)
    return min(yes, float(trials.sum()) - yes), count


def overdispersed(fit: Fit) -> bool:
    """Whether counts vary clearly more around their fitted means than Poisson counts do.

    Pearson's X² = Σ (y − μ̂)² / μ̂ has mean N − p and, with means known, variance Σ (2 + 1/μ)
    (McCullagh & Nelder 1989, section 4.4.5 and appendix C). It is called too large when it exceeds
    its mean by 3 standard deviations and by a fifth, below which intervals are at most a tenth too
    narrow. The means hold the random effects at their modes, which makes X² rather too small.
    """
    if fit.family.name != "poisson":
        return False
    mean = np.maximum(np.asarray(fit.predict(), dtype=float), 1e-12)
    weights = np.ones_like(mean) if fit.design.weights is None else fit.design.weights
    pearson = float(weights @ ((fit.design.y - mean) ** 2 / mean))
    free = fit.nobs - len(fit.params)
    spread = float(np.sqrt(weights @ (2.0 + 1.0 / mean)))
    return bool(free > 0 and pearson > 1.2 * free and pearson - free > 3.0 * spread)


def _about_factors(fit: Fit) -> Iterator[Remark]:
    for factor, count in fit.groups.items():
        noun = factor_noun(factor)
        if at_zero(fit, factor):
            sentence = (
                f"The between-{noun} variance is estimated at zero: with {count} {noun}s this "
                f"happens also where {noun}s differ, so it does not show absence of clustering."
            )
            yield Remark(about=factor, sort="singular", sentence=sentence)
        if count < FEW_FOR_VARIANCE:
            sentence = (
                f"With {count} {noun}s the between-{noun} variance and the measures made of it "
                "are not reported: so few groups cannot show how much groups differ."
            )
            yield Remark(about=factor, sort="few_groups", sentence=sentence)


def _about_coefficients(question: Question, rows: list[Estimate]) -> Iterator[Remark]:
    top, between = question.where.top, checked(question)
    for position, row in enumerate(rows):
        if top is None or not question.fit.design.columns[position].variables:
            continue  # nothing to say of an intercept
        if row.reason:
            yield Remark(about=row.term, sort="no_p_value", sentence=f"{row.reason}.")
        for sentence in _few_sites(question, position, top, row):
            yield Remark(about=row.term, sort="warning", sentence=sentence)
        if row.method and not row.reason and between.get(position, "alike") != "alike":
            sentence = _between(between[position], top, row)
            yield Remark(about=row.term, sort="warning", sentence=sentence)


def _between(finding: Finding, top: Level, row: Estimate) -> str:
    """What the check of the association between sites means for the estimate that is reported."""
    noun = top.noun
    within = any(words in row.method for words in WITHIN)
    if finding == "different" and within:
        return (
            f"Its association between {noun}s differs from that within {noun}s; the estimate is "
            f"that within {noun}s."
        )
    if finding == "different":
        return (
            f"Its association between {noun}s differs from that within {noun}s, and the estimate "
            f"mixes both; with the {noun} as a covariate it would be that within {noun}s."
        )
    if within:
        return (
            f"With {top.count} {noun}s it cannot be checked whether its association between "
            f"{noun}s is that within {noun}s; the estimate is that within {noun}s."
        )
    return (
        f"The estimate mixes its associations within {noun}s and between {noun}s, and with "
        f"{top.count} {noun}s it cannot be checked whether they are alike."
    )


def _few_sites(question: Question, position: int, top: Level, row: Estimate) -> Iterator[str]:
    kind, noun = question.kinds[position], top.noun
    if question.is_site_effect(position):
        return
    if row.method and not row.reason and _stands_on_one(question, position, top):
        yield (
            f"It stands on one {noun}: without that {noun} there would be no estimate, so nothing "
            f"tells what is due to it from whatever else is special about that {noun}."
        )
    if kind.only_one and any(words in row.method for words in WITHIN):
        yield f"It varies inside a single {noun} only, whose women alone are compared."
    fixed = not top.random and question.models(0)
    if not row.method.startswith(BY_VARIANCE):
        return
    if kind.variation == "clustered" and top.count < FEW_FOR_CLUSTERED and not fixed:
        yield (
            f"Its values cluster in {noun}s, and with {top.count} {noun}s its interval may be "
            "too narrow."
        )
    few_levels = kind.variation == "constant" and top.count < FEW_FOR_SITE_LEVEL
    if few_levels:
        yield (
            f"It is constant within every {noun}, and with {top.count} {noun}s its interval may "
            "be too narrow."
        )


def _stands_on_one(question: Question, position: int, top: Level) -> bool:
    """Whether a coefficient of few clusters has no estimate once one of them is left out.

    A country with one site is such a one. Its column is then made of the other columns of sites,
    so it adds nothing to their rank.
    """
    if question.kinds[position].level > 0 or top.count >= FEW_FOR_SITE_LEVEL:
        return False
    X = question.fit.design.X[np.unique(top.codes, return_index=True)[1]]
    own = [k for k in range(X.shape[1]) if question.kinds[k].level == 0 and k != position]
    others = np.column_stack([np.ones(top.count), X[:, own]])
    Z = np.column_stack([others, X[:, position]])
    left = (np.arange(top.count) != j for j in range(top.count))
    rank = np.linalg.matrix_rank
    return any(int(rank(Z[rows])) == int(rank(others[rows])) for rows in left)


def at_zero(fit: Fit, factor: str) -> bool:
    """Whether every standard deviation of a grouping factor is estimated at zero."""
    sds = fit.varcorr.loc[fit.varcorr["group"] == factor, "sd"]
    residual = fit.varcorr.loc[fit.varcorr["group"] == "Residual", "sd"]
    unit = float(residual.iloc[0]) if len(residual) else 1.0
    return bool(len(sds)) and float(sds.max()) < AT_ZERO * unit
