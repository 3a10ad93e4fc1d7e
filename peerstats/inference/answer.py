"""Methods that find out by trying whether they can answer: the row, or the sentence that refuses.

Whether a bootstrap or an exact distribution exists is known only once the work is done, so the
work is done once a question and both halves of a `Method` look at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from peerstats.errors import DataError, ModelError
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Method, Question
from peerstats.inference.ratio import quantile, tail
from peerstats.inference.scale import coefficient_scale
from peerstats.model.families import Family


def method_of(name: str, words: str, answer: Callable[[Question, int], Estimate]) -> Method:
    """Return the method whose `answer` raises ModelError, in a sentence, where it has none.

    `answer` may leave `method` of its row empty for `words`.
    """

    def found(question: Question, position: int) -> Estimate | str:
        def make() -> Estimate | str:
            if question.fit.sampled:
                return "with sampling weights there is no likelihood; Wald's t has the sandwich"
            try:
                row = answer(question, position)
            except (ModelError, DataError) as problem:
                return as_reason(str(problem))
            except np.linalg.LinAlgError:
                return "its computation came upon a singular matrix"
            return row if row.method else replace(row, method=words)

        return question.once(f"{name} {position}", make)

    def why_not(question: Question, position: int) -> str | None:
        row = found(question, position)
        return row if isinstance(row, str) else None

    def estimate(question: Question, position: int) -> Estimate:
        row = found(question, position)
        if isinstance(row, str):
            raise ModelError(row)
        return row

    return Method(name=name, words=words, why_not=why_not, estimate=estimate)


def t_row(question: Question, position: int, value: float, error: float, df: float) -> Estimate:
    """Return the row of an estimate against t with `df` degrees of freedom (inf: normal).

    Raises ModelError for a standard error of zero: nothing is left to judge the estimate by.
    """
    if not error > 0.0:
        raise ModelError("nothing varies beyond the estimate, so it has no standard error")
    half, statistic = quantile(df, question.alpha) * error, value / error
    return Estimate(
        term=question.fit.design.names[position],
        estimate=value,
        std_error=error,
        statistic=statistic,
        df=df,
        p_value=tail(statistic, df),
        conf_low=value - half,
        conf_high=value + half,
        scale=coefficient_scale(question.fit.family),
    )


def as_reason(sentence: str) -> str:
    """Return a sentence as it stands behind a coefficient's name: no capital and no full stop.

    >>> as_reason("The outcome is separated.")
    'the outcome is separated'
    """
    shown = sentence.strip().removesuffix(".")
    second = shown[1:2]
    return shown if second.isupper() else shown[:1].lower() + shown[1:]


def a_model(family: Family) -> str:
    """Return a family in a sentence.

    >>> from peerstats.model.families import find_family
    >>> a_model(find_family("binomial"))
    'a binomial (logit) model'
    """
    return f"a {family.name.replace('_', ' ')} ({family.link}) model"
