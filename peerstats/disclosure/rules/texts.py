"""Sentences: what is written in words leaves the house unrounded unless somebody looks.

Remarks, marks and messages of fits are sentences made from data. A number in them is replaced by
"[c]" unless what it counts is not women: sites, groups, nodes, iterations, or a level of
confidence. Names with digits in them (HIV-1, m1) are not numbers. Messages of checks come with
their count beside them as a number of its own; in the sentence a count of rows or women is masked,
the limits that a rule names ("below 18") are not. Degrees of freedom are the number of women less a
known number, so method names lose them.

A sentence can give a group away without a number: "no woman in Mexico × formal", "varies inside a
single site only". Why a model was not estimable is therefore not said, and a sentence with such
words is left out of a model: of what a model says only "varies inside a single site only" has them,
so that a line in its place would say just that. Elsewhere it is replaced as a whole.
"""

from __future__ import annotations

import re
from dataclasses import replace

from peerstats.disclosure.draft import Draft, with_block
from peerstats.disclosure.rules.models import OURS
from peerstats.results.blocks import (
    BaselineBlock,
    Block,
    Mark,
    ModelBlock,
    QualityBlock,
    QualityRow,
    ReliabilityBlock,
)
from peerstats.results.formats import WITHHELD

_THINGS = (
    "sites?|venues?|groups?|clusters?|districts?|towns?|levels?|nodes?|points?|iterations?|parameters?"
    "|coefficients?|decimals?|covariates?|terms?|models?|fits?"
)
_WOMEN = (
    "women|woman|participants?|persons?|people|rows?|records?|visits?|observations?|answers?"
    "|values?|cases?|events?|respondents?|of"
)
_NUMBER = r"(?<![\w.,\-–])\d[\d,]*(?:\.\d+)?(?![\w\-])"
_FREE = re.compile(rf"{_NUMBER}(?!\.\d)(?!\s+(?:{_THINGS})\b)", re.IGNORECASE)
_COUNTED = re.compile(
    rf"{_NUMBER}(?=\s+(?:{_WOMEN})\b)|(?<=\bof )\d[\d,]*\b|(?<=\bn = )\d[\d,]*\b", re.IGNORECASE
)
_TELLING = re.compile(
    r"\b(?:single|alone|nobody|empty|perfect(?:ly)?|separat(?:es?|ed|ion)|no wom[ae]n|no rows?"
    r"|all (?:yes|no)|one (?:woman|row|person)|(?:all|every) (?:woman|women|rows?))\b",
    re.IGNORECASE,
)
# Those of what is constant within sites or venues count these; any others lead to the women.
_DF = re.compile(r" \((?!\d df\), for what is constant within)[\d.,]+ df\)")
UNDECLARED = "Columns that are not in the codebook were not read."
NOT_ESTIMABLE = "Not estimable from these data."
REMARK = "A remark about this row is withheld, because of small numbers."
# A level of confidence, a rule of thumb, and degrees of freedom so few that they count sites: a fit
# with fewer than 10 residual ones is withheld.
_FIXED = re.compile(r"\b(?:90|95|99)\s?%|\bbelow about \d+|\b\d df\b")


def masked(sentence: str) -> str:
    """Replace numbers that may count women.

    >>> masked("With 3 sites, 4 of 19 women had the outcome; see the 95% interval of m1.")
    'With 3 sites, [c] of [c] women had the outcome; see the 95% interval of m1.'
    """
    fixed = _FIXED.findall(sentence)
    text = _FREE.sub(WITHHELD, _FIXED.sub("\0", sentence))
    for words in fixed:
        text = text.replace("\0", words, 1)
    return text


def told(sentence: str) -> str:
    """Return a sentence about groups of women as it may be read outside.

    >>> told("It varies inside a single site only.")
    'A remark about this row is withheld, because of small numbers.'
    """
    return REMARK if _TELLING.search(sentence) else masked(sentence)


def masked_counts(sentence: str) -> str:
    """Replace numbers that count women or rows, and leave a rule's own limits.

    >>> masked_counts("age is below 18 in 2 of 31 rows")
    'age is below 18 in [c] of [c] rows'
    """
    return _COUNTED.sub(WITHHELD, sentence)


def plain_method(words: str) -> str:
    """Return the name of a method without degrees of freedom and numbers.

    >>> plain_method("t test of least squares with sites as fixed effects (9 df)")
    't test of least squares with sites as fixed effects'
    """
    return masked(_DF.sub("", words))


def mask_texts(draft: Draft) -> Draft:
    """Mask the sentences of all blocks."""
    for block in list(draft.results.blocks.values()):
        draft = with_block(draft, _masked_block(block))
    return draft


def _masked_block(block: Block) -> Block:
    """Return a block with its made sentences masked; titles and labels are the analysis file's."""
    if isinstance(block, BaselineBlock):
        variables = tuple(
            replace(v, remarks=tuple(map(masked, v.remarks))) for v in block.variables
        )
        return replace(block, variables=variables, remarks=tuple(map(masked, block.remarks)))
    if isinstance(block, ModelBlock):
        marks = tuple(m for m in dict.fromkeys(map(_mark, block.marks)) if m.sentence != REMARK)
        also = block.also and replace(block.also, methods=_methods(block.also.methods))
        return replace(block, marks=marks, inference=_methods(block.inference), also=also)
    if isinstance(block, QualityBlock):
        rows = tuple(map(_row, block.rows))
        return replace(block, rows=rows, notes=tuple(map(masked_counts, block.notes)))
    if isinstance(block, ReliabilityBlock):
        return replace(block, remarks=tuple(map(masked, block.remarks)))
    return block


def _methods(words: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Mask methods in words, which give degrees of freedom and reasons."""
    return tuple((name, plain_method(method)) for name, method in words)


def _row(row: QualityRow) -> QualityRow:
    """Mask a finding; the heading of a column that nobody declared can be anything, also a name."""
    if row.rule == "undeclared":
        return replace(row, columns=(), message=UNDECLARED)
    return replace(row, message=masked_counts(row.message))


def _mark(mark: Mark) -> Mark:
    if mark.sentence in OURS:
        return mark
    if mark.sort == "not_estimable":
        return replace(mark, sentence=NOT_ESTIMABLE)
    return replace(mark, sentence=told(mark.sentence))
