"""One association as a table reads it: the null, crude and adjusted models on the same women.

All fits use the rows that are complete in every variable of the largest model, so that a crude and
an adjusted estimate differ because of the adjustment and not because of who is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from peerstats.data.codebook import Field
from peerstats.data.sample import Sample
from peerstats.effects import EFFECTS, headline
from peerstats.errors import ModelError
from peerstats.inference.door import describe
from peerstats.inference.estimates import Estimates, Remark
from peerstats.inference.methods import METHODS
from peerstats.inference.rule import infer
from peerstats.model.families import find_family
from peerstats.model.fit import Fit, FitOptions, fit
from peerstats.model.formula import parse_formula
from peerstats.results.blocks import Also, Item, Mark, ModelBlock, Term
from peerstats.results.counting import distinct
from peerstats.results.model_marks import cluster_marks, design_marks, marks_of, methods_of
from peerstats.results.model_numbers import (
    Fitted,
    Women,
    fit_numbers,
    measure_key,
    size_numbers,
    term_numbers,
)
from peerstats.results.model_records import record_of
from peerstats.results.number import Number, address
from peerstats.results.results import FitRecord
from peerstats.results.terms import TermRows, empty_cells, prepared, term_rows, with_sites

OR_REPORT = 'To have the report say so instead, give the model if_not_estimable = "report".'


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What one model asks: outcome, exposure, what is adjusted for and why, and the sites.

    `covariates` pairs each term with its reason; `modifiers` are variables whose product with the
    exposure enters the adjusted model. `random` is in lme4 notation, "" for none. `inference` names
    a method to be shown beside that of the rule, for the adjusted model, and its reason. With
    `if_not_estimable` "stop" a model that fails raises ModelError; with "report" the block says so
    and has no numbers of that fit.
    """

    key: str
    title: str
    outcome: Field
    exposure: str
    covariates: tuple[tuple[str, str], ...] = ()
    modifiers: tuple[str, ...] = ()
    random: str = ""
    family: str = "binomial"
    link: str | None = None
    method: Literal["laplace", "agq"] = "laplace"
    nodes: int = 25
    if_not_estimable: Literal["stop", "report"] = "stop"
    question: str = ""
    inference: str = "default"
    inference_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelAnswer:
    """The block, its numbers and fit records, and the adjusted fit (None when it was refused).

    `women` names the woman of each row that was given to the fit, where the data say it.
    """

    block: ModelBlock
    numbers: Mapping[str, Number]
    records: Mapping[str, FitRecord]
    fit: Fit | None
    estimates: Estimates | None
    women: pd.Series | None
    sites: pd.Series | None = None  # of each row that was given to the fit
    terms: tuple[TermRows, ...] = ()
    sizes: Women | None = None  # who the rows are of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """A request with its complete rows, its terms in order and the site of each row."""

    request: ModelRequest
    frame: pd.DataFrame
    fields: Mapping[str, Field]
    terms: tuple[TermRows, ...]
    texts: tuple[str, ...]
    sites: pd.Series | None
    dropped: tuple[tuple[str, int], ...]
    unmodelled: Mapping[str, pd.Series]  # clusters of each row that the model has no effect of


def model_results(
    request: ModelRequest, sample: Sample, *, sites: str | None = None
) -> ModelAnswer:
    """Fit the null model, one crude model a covariate and the adjusted model, and tabulate them.

    `sites` names the column of the sample that holds the site. Estimates are on the scale that the
    family is published with, conditional on the random effects. Raises ModelError for a fit that
    cannot be estimated or did not converge, unless the request says "report": then a separated
    outcome is answered by penalised fits and the block says so, and other failures leave no
    numbers. UsageError for a term the grammar does not know.
    """
    case = _prepare(request, sample, sites)
    done: list[Fitted] = []
    failed: list[Mark] = []
    for key, text in _formulas(case):
        outcome = _attempt(case, key, text)
        (done if isinstance(outcome, Fitted) else failed).append(outcome)  # type: ignore[arg-type]
    fitted = {f.key: f for f in done}
    adjusted = fitted.get(request.key)
    block = _block(case, fitted, tuple(failed))
    numbers = distinct(_numbers(case, fitted))
    return ModelAnswer(
        block=block,
        numbers={number.address: number for number in numbers},
        records={f.key: record_of(f.key, f.fit, case.dropped) for f in done},
        fit=adjusted.fit if adjusted else None,
        estimates=adjusted.estimates if adjusted else None,
        women=_persons(case),
        sites=case.sites,
        terms=case.terms,
        sizes=_women(case),
    )


def term_texts(request: ModelRequest) -> tuple[tuple[str, str], ...]:
    """Return every term of the adjusted model with its reason, the exposure first.

    A modifier brings its own main effect and its product with the exposure.

    >>> field = Field(name="y", table="t", label="Y", type="boolean", column="y")
    >>> request = ModelRequest(key="m", title="M", outcome=field, exposure="x", modifiers=("z",))
    >>> [text for text, _ in term_texts(request)]
    ['x', 'z', 'x:z']
    """
    terms = {request.exposure: "exposure"}
    for text, reason in request.covariates:
        terms.setdefault(text, reason)
    for modifier in request.modifiers:
        terms.setdefault(modifier, "modifier of the exposure's association")
        product = f"{request.exposure}:{modifier}"
        terms.setdefault(product, f"whether the association differs by {modifier}")
    return tuple(terms.items())


def _prepare(request: ModelRequest, sample: Sample, sites: str | None) -> _Case:
    terms = term_texts(request)
    texts = tuple(text for text, _ in terms)
    names = parse_formula(_formula(request, texts)).variables
    wanted = (*names, sites) if sites and sites not in names else names
    fields = {**sample.fields, request.outcome.name: request.outcome}
    frame = prepared(sample.frame, fields, tuple(wanted))
    whole = frame.notna().all(axis=1).to_numpy()
    complete = frame[whole].reset_index(drop=True)
    if complete.empty:
        raise ModelError(f"Model '{request.key}': no row is complete in all its variables.")
    rows = tuple(
        term_rows(text, complete, fields, exposure=text == request.exposure, reason=reason)
        for text, reason in terms
    )
    if sites:
        rows = tuple(with_sites(one, complete, complete[sites]) for one in rows)
    return _Case(
        request=request,
        frame=complete,
        fields=fields,
        terms=rows,
        texts=texts,
        sites=complete[sites] if sites else None,
        dropped=_dropped(sample, frame),
        unmodelled={
            key: sample.frame.loc[whole, key].reset_index(drop=True)
            for key in ("participant_id", "venue_id")
            if key in sample.frame and key not in names
        },
    )


def _dropped(sample: Sample, frame: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Rows the sample left out, by variable and reason, and rows left out here, by variable."""
    lost = [(f"{variable} {code}".strip(), rows) for variable, code, rows in sample.dropped]
    gone = pd.Series(False, index=frame.index)
    for name in frame.columns:
        here = frame[name].isna() & ~gone
        gone |= here
        if here.any():
            lost.append((str(name), int(here.sum())))
    return tuple(lost)


def _random(request: ModelRequest) -> str:
    text = request.random.strip()
    return text if not text or text.startswith("(") else f"({text})"


def _formula(request: ModelRequest, texts: tuple[str, ...]) -> str:
    parts = [*(texts or ("1",)), *([_random(request)] if _random(request) else [])]
    return f"{request.outcome.name} ~ {' + '.join(parts)}"


def _formulas(case: _Case) -> Iterator[tuple[str, str]]:
    """Key and formula of every fit: null (with random effects), crude, adjusted.

    A product of two covariates has no crude model: alone it would answer no question.
    """
    request = case.request
    if _random(request):
        yield address(request.key, "null"), _formula(request, ())
    if len(case.texts) > 1:
        for text, rows in zip(case.texts, case.terms, strict=True):
            if not rows.product:
                yield address(request.key, "crude", rows.term.variable), _formula(request, (text,))
    yield request.key, _formula(request, case.texts)


def _attempt(case: _Case, key: str, text: str) -> Fitted | Mark:
    """Fit one model, or say why there is none, as the request wants it."""
    request = case.request
    try:
        if key == request.key:
            _refuse_empty_cells(case)
        fitted, remarks = _fit(case, text)
    except ModelError as problem:
        if request.if_not_estimable == "stop":
            raise ModelError(f"Model '{key}' ({text}): {problem} {OR_REPORT}") from problem
        return Mark(where=key, sort="not_estimable", sentence=f"Not estimable: {problem}")
    if not fitted.converged:
        sentence = "The fit did not converge, so its numbers are not shown."
        if request.if_not_estimable == "stop":
            raise ModelError(
                f"Model '{key}' ({text}) did not converge. {OR_REPORT}", *fitted.messages
            )
        return Mark(where=key, sort="not_converged", sentence=sentence)
    estimates = infer(fitted, sites=case.sites)
    estimates = replace(estimates, remarks=(*remarks, *estimates.remarks))
    other = key == request.key and request.inference != "default"
    also = infer(fitted, sites=case.sites, rule=request.inference) if other else None
    # The table shows the random part of the null and the adjusted model only.
    shown = key in (request.key, address(request.key, "null"))
    shown = shown and not fitted.penalty  # its variances are kept off zero on purpose
    between = EFFECTS["variance"].measure(fitted, estimates) if shown else None
    return Fitted(key=key, fit=fitted, estimates=estimates, also=also, between=between)


def _fit(case: _Case, text: str) -> tuple[Fit, tuple[Remark, ...]]:
    """Fit one model; where the report may explain, a separated outcome by penalised likelihood."""
    request = case.request
    options: FitOptions = {
        "link": request.link,
        "method": request.method,
        "nodes": request.nodes,
        # ML divides by the rows and not by what is left of them: with few sites its variances
        # and standard errors are too small (Patterson & Thompson 1971).
        "reml": request.family == "gaussian" and bool(request.random),
    }
    if request.if_not_estimable == "stop":
        return fit(text, case.frame, request.family, **options), ()
    return describe(text, case.frame, request.family, **options)


def _refuse_empty_cells(case: _Case) -> None:
    """Raise ModelError naming the combinations of a product that no woman has."""
    for text, rows in zip(case.texts, case.terms, strict=True):
        empty = empty_cells(text, case.frame, case.fields) if rows.product else ()
        if empty:
            cells = "; ".join(" × ".join(cell) for cell in empty)
            raise ModelError(
                f"the table {rows.term.label} has no woman in {cells}, so these data cannot say "
                "whether one association differs by the other."
            )


def _women(case: _Case) -> Women:
    outcome = case.frame[case.request.outcome.name]
    numeric = pd.api.types.is_numeric_dtype(outcome)
    binary = case.request.family == "binomial" and numeric and bool(outcome.isin((0, 1)).all())
    persons = _persons(case)
    rows = np.arange(len(case.frame))
    return Women(
        person=rows if persons is None else pd.factorize(persons)[0],
        events=np.asarray(outcome == 1) if binary else None,
        sensitive=case.request.outcome.sensitive,
        fields=case.fields,
    )


def _persons(case: _Case) -> pd.Series | None:
    if "participant_id" in case.frame:
        return case.frame["participant_id"]
    return case.unmodelled.get("participant_id")


def _numbers(case: _Case, fitted: Mapping[str, Fitted]) -> Iterator[Number]:
    request, women = case.request, _women(case)
    effect = headline(find_family(request.family, request.link))
    yield from size_numbers(request.key, women, case.terms)
    crude = address(request.key, "crude")
    for rows in case.terms:
        for at, key in ((crude, f"{crude}.{address(rows.term.variable)}"), (request.key,) * 2):
            if key in fitted:
                yield from term_numbers(at, fitted[key], rows, women, effect)
    for key in (address(request.key, "null"), request.key):
        if key in fitted:
            yield from fit_numbers(key, fitted[key], women)


def _block(case: _Case, fitted: Mapping[str, Fitted], failed: tuple[Mark, ...]) -> ModelBlock:
    request = case.request
    formula = parse_formula(_formula(request, ()))
    factors = [r.group for r in formula.random if () in r.effects]
    terms = tuple(rows.term for rows in case.terms)
    adjusted = fitted.get(request.key)
    ignored = cluster_marks(request.key, case.terms, case.frame, case.unmodelled)
    design = design_marks(request.key, case.terms, case.frame, case.sites)
    shown = marks_of(request.key, terms, fitted)
    return ModelBlock(
        key=request.key,
        title=request.title,
        outcome=request.outcome.name,
        outcome_label=request.outcome.label,
        measure=measure_key(headline(find_family(request.family, request.link))),
        terms=terms,
        factors=tuple(Item(key=f, label=factor_label(f, case.fields)) for f in factors),
        fits=tuple(fitted),
        marks=tuple(dict.fromkeys((*failed, *ignored, *design, *shown))),
        inference=methods_of(adjusted.estimates, terms) if adjusted else (),
        also=_also(request, adjusted.also, terms) if adjusted and adjusted.also else None,
        question=request.question,
    )


def _also(request: ModelRequest, chosen: Estimates, terms: tuple[Term, ...]) -> Also:
    return Also(
        name=METHODS[request.inference].words,
        reason=request.inference_reason,
        methods=methods_of(chosen, terms),
    )


def factor_label(factor: str, fields: Mapping[str, Field]) -> str:
    """Return the words for a grouping factor; of `site_id:venue_id` those of the venue."""
    name = factor.split(":")[-1]
    return fields[name].label if name in fields else name.removesuffix("_id").replace("_", " ")
