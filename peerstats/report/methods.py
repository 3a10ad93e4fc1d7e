"""The methods section, written from what was fitted and not from what was meant to be fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from peerstats.data.codebook import MISSING_CODES
from peerstats.report.words import estimation, joined, listed, regression, sentence
from peerstats.results import Results, address
from peerstats.results.blocks import ModelBlock
from peerstats.results.results import Clearance, FitRecord
from peerstats.results.text import (
    LEVEL,
    Cell,
    Fact,
    any_has,
    as_noun,
    as_reason,
    lower_first,
    number,
)

DESCRIPTIVE = (
    "Categorical variables are described by counts and percentages of the women who answered, "
    "numeric ones by mean and standard deviation and by median and interquartile range. "
    "Percentages leave out women who were not asked; missing values are reported by type."
)
VARIANCES = (
    "Intervals of between-group variances, and of what is made of them, are Wald intervals on the "
    "log scale of the standard deviation or, near zero, profile likelihood intervals. "
)


def model_paragraph(results: Results, block: ModelBlock) -> Cell:
    """Family, link, random effects, estimation, adjustment and inference of one model."""
    record = results.fits.get(block.key) or next(
        (results.fits[key] for key in block.fits if key in results.fits), None
    )
    outcome = as_noun(block.outcome_label)
    if record is None and results.clearance and block.key in block.fits:
        return (f"{block.title}: the model of {outcome} is withheld, because of small numbers.",)
    if record is None:
        return (f"{block.title}: no model of {outcome} could be fitted to these data.",)
    planned = "" if block.key in block.fits else "to be "
    return (
        f"{block.title}: {outcome} was {planned}analysed by {_kind(block, record)}",
        *_size(results, block),
        ", estimated by ",
        *estimation(results, record),
        ". ",
        "That model could not be fitted to these data. " if planned else "",
        _adjustment(block),
        *_inference(results, block),
        *_crude(block),
    )


def _kind(block: ModelBlock, record: FitRecord) -> str:
    """The regression, and a random intercept for each grouping factor."""
    if not block.factors:
        return regression(record)
    factors = listed(f"each {lower_first(factor.label)}" for factor in block.factors)
    return f"mixed-effects {regression(record)} with a random intercept for {factors}"


def _size(results: Results, block: ModelBlock) -> Cell:
    """Women, events and groups of the adjusted model."""
    parts: list[Cell] = []
    at = address(block.key, "n")
    if results.has(at):
        parts.append((*number(results, at), " women"))
    at, visits = address(block.key, "events"), address(block.key, "visits")
    if results.has(at):
        ever = " at one of their visits or more" if results.has(visits) else ""
        parts.append((*number(results, at), f" with the outcome{ever}"))
    if results.has(visits):
        parts.append((*number(results, visits), " visits"))
    for factor in block.factors:
        at = address(block.key, factor.key, "groups")
        if results.has(at):
            parts.append((*number(results, at), f" groups by {lower_first(factor.label)}"))
    return (" (", *joined(parts, ", "), ")") if parts else ()


def _adjustment(block: ModelBlock) -> str:
    """Exposure and what the model adjusts for, as the analysis file declares it."""
    exposures = [as_noun(term.label) for term in block.terms if term.exposure]
    others = [as_noun(term.label) for term in block.terms if not term.exposure]
    words = f"The exposure is {listed(exposures)}" if exposures else "No exposure was declared"
    if others:
        reason = "for the reason" if len(others) == 1 else "each for the reason"
        words += f"; the model adjusts for {listed(others)}, {reason} given below"
    return f"{words}. "


def _inference(results: Results, block: ModelBlock) -> Cell:
    """The method of intervals and tests, in words, said once for terms that share it."""
    labels = {term.variable: as_noun(term.label) for term in block.terms}
    methods: dict[str, list[str]] = {}
    for variable, method in block.inference:
        methods.setdefault(method, []).append(labels.get(variable, variable))
    if not methods:
        return ()
    each = "; ".join(f"{method} ({listed(names)})" for method, names in methods.items())
    words = next(iter(methods)) if len(methods) == 1 else each
    also = _asked_for(results, block)
    found = (address(at, f.key, "variance") for at in _places(block) for f in block.factors)
    variances = VARIANCES if any_has(results, *found) else ""
    return (f"Estimates, intervals ({LEVEL}) and tests: {sentence(words)} {also}{variances}",)


def _asked_for(results: Results, block: ModelBlock) -> str:
    """The method that the analysis file names beside the rule's, and whether it has an answer."""
    if block.also is None:
        return ""
    words = f"{block.also.name}, because {as_reason(block.also.reason)}"
    at = f"{block.key}."
    if any(key.startswith(at) and key.endswith(".also.low") for key in results.numbers):
        return f"Shown beside it: {words}. "
    return f"Asked for, but without an answer in this model: {words}. "


def _places(block: ModelBlock) -> tuple[str, str]:
    return block.key, address(block.key, "null")


def _crude(block: ModelBlock) -> Cell:
    if any(key.startswith(f"{address(block.key, 'crude')}.") for key in block.fits):
        words = "Univariable models have one covariate each and the same women"
        same = " and random intercepts" if block.factors else ""
        return (f"{words}{same}; their intervals and tests are chosen by the same rule.",)
    return ()


def dropped_sentences(results: Results, blocks: tuple[ModelBlock, ...]) -> Iterator[Cell]:
    """Complete records: how many rows each model leaves out, by reason."""
    for block in blocks:
        record = results.fits.get(block.key)
        if record is None or not record.dropped:
            continue
        lost: list[Cell] = [
            (f"{_why(block, reason)}: ", Fact(f"{count:,}", f"fits.{record.key}.dropped.{reason}"))
            for reason, count in record.dropped
        ]
        yield (
            f"{block.title}: only women with complete records are in the model; left out by "
            "variable and reason: ",
            *joined(lost, "; "),
            ".",
        )


def _why(block: ModelBlock, reason: str) -> str:
    """Say "age .r" with the variable's label and the code's meaning: "age, refused"."""
    name, _, code = reason.partition(" ")
    labels = {term.variable: term.label for term in block.terms}
    labels |= {factor.key: factor.label for factor in block.factors}
    labels[block.outcome] = block.outcome_label
    words = as_noun(labels.get(name, name))
    return f"{words}, {MISSING_CODES.get(code, code)}" if code else words


def disclosure_sentences(clearance: Clearance | None) -> Iterator[Cell]:
    """Which rules protect the women in this report."""
    if clearance is None:
        yield (
            "These are exact results for the study team. Nothing in them was rounded or withheld "
            "to protect individuals; they must not leave the team.",
        )
        return
    yield (
        f"This report was released under the disclosure profile “{clearance.profile}”. "
        + (f"Reason: {sentence(clearance.reason)} " if clearance.reason.strip() else "")
        + "Rounding of counts: ",
        Fact(clearance.rounding, "clearance.rounding"),
        "; counts are small up to ",
        Fact(str(clearance.threshold), "clearance.threshold"),
        "; numbers withheld: ",
        Fact(f"{clearance.withheld:,}", "clearance.withheld"),
        ".",
    )


def gate_actions(clearance: Clearance | None) -> tuple[Cell, ...]:
    """What the gate merged, hid or left out, one item each."""
    actions = clearance.actions if clearance else ()
    return tuple((sentence(action[:1].upper() + action[1:]),) for action in actions)


def software_sentence(software: Mapping[str, str]) -> Cell:
    """The programs and their versions: "peerstats 0.1.0, python 3.12.1"."""
    parts: list[Cell] = [
        (f"{name} ", Fact(version, f"software.{name}")) for name, version in software.items()
    ]
    return ("Software: ", *joined(parts, ", "), ".") if parts else ()
