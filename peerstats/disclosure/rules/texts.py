"""Sentences: numbers written into words leave the house unrounded unless somebody looks.

Remarks, marks and messages of fits are sentences made from data. A number in them is replaced by
"[c]" unless what it counts is not women: sites, groups, nodes, iterations, or a level of
confidence. Names with digits in them (HIV-1, m1) are not numbers. Messages of checks come with
their count beside them as a number of its own; in the sentence a count of rows or women is masked,
the limits that a rule names ("below 18") are not.
"""

from __future__ import annotations

import re
from dataclasses import replace

from peerstats.disclosure.draft import Draft, with_block
from peerstats.results.blocks import BaselineBlock, Block, ModelBlock, QualityBlock
from peerstats.results.formats import WITHHELD

_THINGS = (
    "sites?|groups?|clusters?|districts?|towns?|levels?|nodes?|points?|iterations?|parameters?"
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
_CONFIDENCE = re.compile(r"\b(?:90|95|99)\s?%")


def masked(sentence: str) -> str:
    """Replace numbers that may count women.

    >>> masked("With 3 sites, 4 of 19 women had the outcome; see the 95% interval of m1.")
    'With 3 sites, [c] of [c] women had the outcome; see the 95% interval of m1.'
    """
    kept = _CONFIDENCE.findall(sentence)
    text = _FREE.sub(WITHHELD, _CONFIDENCE.sub("\0", sentence))
    for level in kept:
        text = text.replace("\0", level, 1)
    return text


def masked_counts(sentence: str) -> str:
    """Replace numbers that count women or rows, and leave a rule's own limits.

    >>> masked_counts("age is below 18 in 2 of 31 rows")
    'age is below 18 in [c] of [c] rows'
    """
    return _COUNTED.sub(WITHHELD, sentence)


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
        marks = tuple(replace(m, sentence=masked(m.sentence)) for m in block.marks)
        return replace(block, marks=marks)
    if isinstance(block, QualityBlock):
        rows = tuple(replace(r, message=masked_counts(r.message)) for r in block.rows)
        return replace(block, rows=rows, notes=tuple(map(masked_counts, block.notes)))
    return block
