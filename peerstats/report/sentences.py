"""Sentences made from Results: what was found, in words that cannot disagree with the tables.

Every number is an address. No sentence says which way an association points or whether it is
"significant": it gives the estimate with its interval, and says association, never effect.
"""

from __future__ import annotations

from collections.abc import Iterator

from peerstats.report.words import joined, listed, measure, sentence
from peerstats.results import Results, address
from peerstats.results.blocks import FlowBlock, Item, Mark, ModelBlock, Term, TermLevel
from peerstats.results.formats import WITHHELD
from peerstats.results.text import (
    LEVEL,
    NBSP,
    Cell,
    Ref,
    any_has,
    as_noun,
    interval,
    lower_first,
    number,
    p_phrase,
    shown,
    spread,
    value_of,
)
from peerstats.tables.model import base_of

NO_ANSWER = ("not_estimable", "no_p_value")
SPARSE = 10  # women with the rarer outcome for each coefficient


def flow_sentence(results: Results, block: FlowBlock) -> Cell:
    """From the first to the last step: "Women approached: 486; women analysed: 435."."""
    kept = [(key, label) for key, label, excluded in block.steps if not excluded]
    ends = [kept[0], kept[-1]] if len(kept) > 1 else kept
    words = []
    for i, (key, label) in enumerate(ends):
        name = lower_first(label) if i else label
        words.append((f"{name}: ", *number(results, address(block.key, key, "n"))))
    return (*joined(words, "; "), ".") if words else ()


def exposure_sentences(results: Results, block: ModelBlock) -> Iterator[Cell]:
    """One sentence for each level of each exposure, compared with its reference."""
    for term in block.terms:
        if term.exposure:
            reference = next((v.label for v in term.levels if v.term is None), "")
            for level in term.levels:
                if level.term is not None:
                    yield _exposure(results, block, (term, level), reference)


def _exposure(
    results: Results, block: ModelBlock, what: tuple[Term, TermLevel], reference: str
) -> Cell:
    """The adjusted estimate with interval and p, then the univariable one."""
    term, level = what
    place = (term.variable, *((level.key,) if level.key else ()))
    name = as_noun(term.label)
    if level.key:
        name = f"{name} “{level.label}” compared with “{reference}”"
    alone = len(block.terms) == 1
    said = "unadjusted" if alone else "adjusted"
    head = f"The {measure(block, said)} of {as_noun(block.outcome_label)} for {name}"
    where = _reference_of_modifiers(block, term)
    head = f"{head}, {where}," if where else head
    base = address(block.key, *place)
    if not shown(results, f"{base}.{block.measure}"):
        return (head, *_unshown(results, block, term, f"{base}.{block.measure}"))
    crude = address(block.key, "crude", *place)
    tail: Cell = ()
    if shown(results, f"{crude}.{block.measure}"):
        word = "; univariable, for all women, " if where else "; univariable "
        tail = (word, *_numbers(results, block, crude, with_p=False))
    return (f"{head} was ", *_numbers(results, block, base, with_p=True), *tail, ".")


def _reference_of_modifiers(block: ModelBlock, term: Term) -> str:
    """For whom the estimate holds in a model with products: "where work is “formal”".

    The coefficient of x in x + z + x:z is that of women at the reference of z, or at z = 0.
    """
    words = []
    for product in block.terms:
        names = product.variable.split(":")
        if len(names) < 2 or term.variable not in names:
            continue
        for other in (t for t in block.terms if t.variable in names and t is not term):
            at = next((f"“{v.label}”" for v in other.levels if v.term is None), "0")
            words.append(f"{as_noun(other.label)} is {at}")
    return f"where {listed(dict.fromkeys(words))}" if words else ""


def _numbers(results: Results, block: ModelBlock, base: str, with_p: bool) -> Cell:
    """An estimate as "1.64 (95% CI 1.31 to 2.05; p < 0.001)", as far as it exists."""
    inside: list[Cell] = []
    if shown(results, f"{base}.low") and shown(results, f"{base}.high"):
        inside.append((f"{LEVEL}{NBSP}CI{NBSP}", *spread(results, f"{base}.low", f"{base}.high")))
    if with_p and shown(results, f"{base}.p"):
        inside.append(p_phrase(results, f"{base}.p"))
    brackets: Cell = (" (", *joined(inside, "; "), ")") if inside else ()
    return (Ref(f"{base}.{block.measure}"), *brackets)


def _unshown(results: Results, block: ModelBlock, term: Term, at: str) -> Cell:
    """Say that an estimate was withheld, or why it could not be made."""
    if results.has(at) and results.number(at).withheld:
        return (" was withheld (", Ref(at), ").")
    base = at.removesuffix(f".{block.measure}")
    inside: Cell = ()
    if shown(results, f"{base}.low") and shown(results, f"{base}.high"):
        inside = (f" ({LEVEL}{NBSP}CI{NBSP}", *spread(results, f"{base}.low", f"{base}.high"), ")")
    about = (block.key, address(block.key, term.variable))
    sorts = (*NO_ANSWER, "not_converged")
    reasons = [m.sentence for m in block.marks if m.where in about and m.sort in sorts]
    why = " ".join(sentence(r) for r in dict.fromkeys(reasons))
    return (" is not given", *inside, f". {why}".rstrip())


def variation_sentences(results: Results, block: ModelBlock) -> Iterator[Cell]:
    """How much the groups differ, with and without the covariates, for each grouping factor."""
    for factor in block.factors:
        at = address(block.key, factor.key)
        null = address(block.key, "null", factor.key)
        if any_has(results, f"{at}.variance", f"{null}.variance"):
            yield _variation(results, block, factor, (at, null))


def _variation(results: Results, block: ModelBlock, factor: Item, at: tuple[str, str]) -> Cell:
    adjusted, null = at
    word = lower_first(factor.label)
    if not results.has(f"{adjusted}.variance"):
        alone = interval(results, f"{null}.variance")
        return (f"The between-{word} variance in the model without covariates was ", *alone, ".")
    out: Cell = (f"The between-{word} variance was ", *interval(results, f"{adjusted}.variance"))
    more: list[Cell] = []
    if results.has(f"{adjusted}.icc"):
        more.append(("intraclass correlation ", *number(results, f"{adjusted}.icc")))
    if results.has(f"{adjusted}.mor"):
        more.append(("median odds ratio ", *interval(results, f"{adjusted}.mor")))
    if more:
        out = (*out, ", ", *joined(more, ", "))
    if results.has(f"{null}.variance"):
        out = (
            *out,
            "; without covariates the variance was ",
            *interval(results, f"{null}.variance"),
        )
    return (*out, ".")


def cautions(results: Results, block: ModelBlock) -> tuple[Cell, ...]:
    """How far this model can be trusted: what the marks say, each sentence once, and few events."""
    about: dict[str, list[Mark]] = {}
    for mark in block.marks:
        if mark.sort not in NO_ANSWER:
            about.setdefault(mark.sentence, []).append(mark)
    told: tuple[Cell, ...] = tuple(
        (f"In univariable models: {lower_first(sentence(text))}",)
        if all(mark.sort == "singular" and _crude_only(block, mark) for mark in marks)
        else (sentence(text),)
        for text, marks in about.items()
    )
    few = _few_events(results, block)
    return (*told, few) if few else told


def _few_events(results: Results, block: ModelBlock) -> Cell:
    """Fewer than ten women with the rarer outcome for each coefficient (Peduzzi et al. 1996).

    It is judged by the numbers as they are printed, so that it tells no more of them.
    """
    at, everybody = address(block.key, "events"), address(block.key, "n")
    yes, n = value_of(results, at), value_of(results, everybody)
    coefficients = sum(v.term is not None for term in block.terms for v in term.levels)
    low = (f"{base_of(block, t, v)}.low" for t in block.terms for v in t.levels)
    if yes is None or n is None or not any(shown(results, end) for end in low):
        return ()
    if min(yes, n - yes) >= SPARSE * coefficients:
        return ()
    return (
        "Of ", Ref(everybody), " women ", Ref(at), " have the outcome: fewer than ten women with "
        "the rarer answer for each coefficient, so estimates vary much from sample to sample.",
    )  # fmt: skip


def unanswered(results: Results, block: ModelBlock) -> Iterator[Cell]:
    """Each thing this model was asked and cannot answer, with the reason."""
    reasons = {
        (_subject(block, mark), sentence(mark.sentence)): None
        for mark in block.marks
        if mark.sort in (*NO_ANSWER, "penalised") and not _crude_only(block, mark)
    }
    for subject, reason in reasons:
        if reason.lower().startswith(subject.lower()):  # the reason names its subject itself
            yield (reason,)
        else:
            yield (f"{subject}: {reason[:1].lower()}{reason[1:]}" if subject else reason,)
    for term, level in ((t, v) for t in block.terms if t.exposure for v in t.levels if v.term):
        place = (term.variable, *((level.key,) if level.key else ()))
        at = address(block.key, *place, block.measure)
        if results.has(at) and results.number(at).withheld:
            yield (f"{term.label}: the estimate is withheld ({WITHHELD}) to protect individuals.",)


def _crude_only(block: ModelBlock, mark: Mark) -> bool:
    return mark.where.startswith(f"{address(block.key, 'crude')}.")


def _subject(block: ModelBlock, mark: Mark) -> str:
    """The label of the term a mark is about; empty for the whole model."""
    for term in block.terms:
        if mark.where == f"{block.key}.{term.variable}":
            return term.label
    return ""
