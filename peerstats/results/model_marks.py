"""What a model table must say beside its numbers: refusals, zero variances, few sites, methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal

import pandas as pd

from peerstats.inference.door import FINITE
from peerstats.inference.estimates import Estimate, Estimates, Remark
from peerstats.inference.layout import factor_noun
from peerstats.inference.rule import LEAST_DF
from peerstats.results.blocks import Mark, Term
from peerstats.results.model_numbers import Fitted
from peerstats.results.number import address
from peerstats.results.terms import TermRows


def marks_of(model: str, terms: tuple[Term, ...], fitted: Mapping[str, Fitted]) -> tuple[Mark, ...]:
    """Return the marks of every fit, each sentence once a place.

    The remarks of a crude model that the adjusted model repeats word by word are said once, except
    a refused p-value and a variance at zero, which belong to the number they explain. Those of the
    model without covariates are said whether or not the adjusted one could be had, so that they do
    not tell.
    """
    main = (model, address(model, "null"))
    marks = [
        mark
        for key, one in fitted.items()
        for remark in one.estimates.remarks
        if key in main or remark.sort in ("no_p_value", "singular", "penalised")
        for mark in _mark(key, remark, terms, crude=key not in main)
    ]
    marks += [mark for key, one in fitted.items() for mark in _unbounded(key, one)]
    return tuple(dict.fromkeys(marks))


BY_DESIGN = "this design cannot test a site-level exposure."
REPEATS = (
    "Some women have several visits here and the model has no effect of woman: its intervals "
    "ignore that visits of the same woman are alike."
)
FLAT = "it does not vary inside venues, and the model has no effect of venue: its interval may be"


def design_marks(
    model: str, terms: tuple[TermRows, ...], frame: pd.DataFrame, sites: pd.Series | None
) -> tuple[Mark, ...]:
    """Return which site-level covariates the number of sites cannot test, fitted or not.

    They follow from the layout alone (sites less one less site-level coefficients below 3) and from
    nobody's answer, so a release can say them also of a model whose numbers it withholds.
    """
    if sites is None:
        return ()
    flat = [
        rows
        for rows in terms
        if not rows.product
        and rows.variables != (sites.name,)
        and _constant(frame, rows.variables, [sites])
    ]
    count = sites.nunique()
    df = count - 1 - sum(level.term is not None for rows in flat for level in rows.term.levels)
    if df >= LEAST_DF:
        return ()
    noun = factor_noun(str(sites.name))
    words = f"with {count} {noun}{'s' if count != 1 else ''} and {max(df, 0)} df {BY_DESIGN}"
    return tuple(
        Mark(
            where=f"{model}.{rows.term.variable}",
            sort="no_p_value",
            sentence=f"{rows.term.label}: {words}",
        )
        for rows in flat
    )


def cluster_marks(
    model: str,
    terms: tuple[TermRows, ...],
    frame: pd.DataFrame,
    unmodelled: Mapping[str, pd.Series],
) -> tuple[Mark, ...]:
    """Return what ignoring visits of the same woman, or women of the same venue, does to a model.

    `unmodelled` gives each row's woman and venue where the model has no effect of them. A covariate
    that is constant inside venues and not inside sites is learnt from venues, as one of sites is
    from sites (Moulton 1990, Rev Econ Stat 72:334).
    """
    women, venues = unmodelled.get("participant_id"), unmodelled.get("venue_id")
    marks = []
    if women is not None and women.duplicated().any():
        marks.append(Mark(where=model, sort="warning", sentence=REPEATS))
    if venues is not None and venues.duplicated().any():
        for rows in terms:
            if not rows.product and _flat(frame, rows.variables, venues):
                sentence = f"{rows.term.label}: {FLAT} too narrow."
                where = f"{model}.{rows.term.variable}"
                marks.append(Mark(where=where, sort="warning", sentence=sentence))
    return tuple(marks)


def _flat(frame: pd.DataFrame, variables: tuple[str, ...], venues: pd.Series) -> bool:
    """Whether variables are constant inside venues but not inside sites."""
    if "site_id" not in frame:
        return _constant(frame, variables, [venues])
    sites = frame["site_id"]
    if _constant(frame, variables, [sites]):
        return False  # what is constant inside sites is judged by the number of sites
    return _constant(frame, variables, [sites, venues])  # venue "1" of two sites is two venues


def _constant(frame: pd.DataFrame, variables: tuple[str, ...], groups: list[pd.Series]) -> bool:
    return all(frame[name].groupby(groups).nunique().max() <= 1 for name in variables)


def _unbounded(key: str, fitted: Fitted) -> Iterator[Mark]:
    """A variance that is not shown for another reason than that its groups are few."""
    few = {r.about for r in fitted.estimates.remarks if r.sort == "few_groups"}
    for row in fitted.between.rows() if fitted.between else ():
        if row.reason and row.term not in few:
            sentence = f"The between-{factor_noun(row.term)} variance is not shown: {row.reason}."
            yield Mark(where=key, sort="warning", sentence=sentence)


def _mark(key: str, remark: Remark, terms: tuple[Term, ...], *, crude: bool) -> Iterator[Mark]:
    if remark.sort == "sparse":
        return  # it compares exact counts: above the gate the report makes the sentence anew
    if remark.sort == "penalised":
        yield Mark(where=key, sort="penalised", sentence=_separated(remark, terms))
        return
    if remark.sort == "singular":
        yield Mark(where=key, sort="singular", sentence=remark.sentence)
        return
    sort: Literal["no_p_value", "warning"] = (
        "no_p_value" if remark.sort == "no_p_value" else "warning"
    )
    owner = next(
        (t for t in terms if remark.about and remark.about in {v.term for v in t.levels}), None
    )
    if owner is None:
        yield Mark(where=key, sort=sort, sentence=remark.sentence)
        return
    where = key if crude else f"{key}.{owner.variable}"
    sentence = f"{owner.label}: {remark.sentence[:1].lower()}{remark.sentence[1:]}"
    yield Mark(where=where, sort=sort, sentence=sentence)


def _separated(remark: Remark, terms: tuple[Term, ...]) -> str:
    """Name the covariate and the level that a remark gives the coefficient of."""
    named = ((t, v) for t in terms for v in t.levels if remark.about and v.term == remark.about)
    term, level = next(named, (None, None))
    if term is None or level is None:
        return f"Not estimable without a penalty: {remark.sentence}"
    name = f"{term.label} “{level.label}”" if level.key else term.label
    return (
        f"Not estimable without a penalty: the outcome is separated, as {name} predicts it "
        f"perfectly in some rows. {FINITE}"
    )


def methods_of(estimates: Estimates, terms: tuple[Term, ...]) -> tuple[tuple[str, str], ...]:
    """Return the method of every covariate in the words of a methods section, and why it is."""
    rows = {row.term: k for k, row in enumerate(estimates.rows())}
    words_of = [_words(row) for row in estimates.rows()]
    if estimates.kinds:
        words_of = [
            f"{words}, for what {kind}" if kind and not row.reason else words
            for words, kind, row in zip(words_of, estimates.kinds, estimates.rows(), strict=True)
        ]
    found = []
    for term in terms:
        own = [rows[level.term] for level in term.levels if level.term in rows]
        words = dict.fromkeys(words_of[k] for k in own)
        if words:
            found.append((term.variable, "; ".join(words)))
    return tuple(found)


def _words(row: Estimate) -> str:
    if row.reason:
        return f"no test: {row.reason}"
    return row.method if math.isinf(row.df) else f"{row.method} ({row.df:g} df)"
