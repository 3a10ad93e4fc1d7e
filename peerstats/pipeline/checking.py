"""The figures that are made from a fit itself: which kind asks what of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from peerstats.data.codebook import Field
from peerstats.results import Number
from peerstats.results.approximation import approximation
from peerstats.results.blocks import Block
from peerstats.results.calibration import calibration
from peerstats.results.checked import Checked
from peerstats.results.influence import influence
from peerstats.results.linearity import linearity
from peerstats.results.models import ModelAnswer
from peerstats.results.residual_quantiles import residual_quantiles
from peerstats.spec.analysis import FigureSection

Made = tuple[Block, Mapping[str, Number]]

CHECKS: Mapping[str, Callable[[Checked], Made]] = {
    "approximation": approximation,
    "calibration": calibration,
    "influence": influence,
    "linearity": linearity,
    "residuals": residual_quantiles,
}

# What a check without a title is called; the others are called by the groups they show.
TITLES: Mapping[str, str] = {
    "approximation": "Laplace’s approximation against quadrature",
    "linearity": "Straight lines against curves",
    "residuals": "Residuals against the normal distribution",
}


def check_model(
    figure: FigureSection, answer: ModelAnswer, fields: Mapping[str, Field], seed: int
) -> Iterator[Made]:
    """Yield the block and the numbers of one check; nothing where the model was refused.

    Raises ModelError for a check that this model cannot have.
    """
    if answer.fit is None or answer.sizes is None:
        return
    yield CHECKS[figure.kind](
        Checked(
            key=figure.key,
            title=figure.title or TITLES.get(figure.kind, ""),
            block=answer.block,
            fit=answer.fit,
            terms=answer.terms,
            sizes=answer.sizes,
            sites=answer.sites,
            fields=fields,
            factor=figure.factor,
            seed=seed,
        )
    )
