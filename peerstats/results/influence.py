"""What the exposure's estimate would be without one group: each fitted and judged anew.

Without group j the model is fitted to the rows of all others, and the exposure's coefficients get
the estimate and the interval that the package's rule of inference gives that fit, as the model's
table gives them for all groups. A group whose removal leaves nothing to answer from (no maximum, an
exposure that no longer varies) has no numbers.

What stands behind such an estimate is not only who is left: the table of all women less the table
without a group is the group's own table. Its smallest cell is therefore the group's smallest
level-by-outcome cell of the exposure or, if smaller, the smallest cell of any covariate among those
who are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import linalg

from peerstats.effects import Effect, headline
from peerstats.errors import ModelError
from peerstats.inference.estimates import Estimate, Estimates, as_frame
from peerstats.inference.rule import question_of, row_of
from peerstats.model.fit import Fit
from peerstats.model.refit import refit, take_rows, with_solution
from peerstats.results.blocks import InfluenceBlock, Term
from peerstats.results.checked import Checked, cell_counts, groups_of
from peerstats.results.counting import distinct
from peerstats.results.measures import MEASURES
from peerstats.results.number import Number, address
from peerstats.results.terms import Rows, TermRows
from peerstats.results.text import lower_first

MOST_ROWS = 45  # estimates: what fits on a page


def influence(checked: Checked) -> tuple[InfluenceBlock, dict[str, Number]]:
    """Return the exposure's estimates without each group of a factor.

    Raises ModelError for more estimates than a page holds, and when no group can be left out.
    """
    found = groups_of(checked)
    exposure = next((rows for rows in checked.terms if rows.term.exposure), checked.terms[0])
    estimates = sum(level.term is not None for level in exposure.term.levels)
    if len(found.groups) * estimates > MOST_ROWS:
        raise ModelError(
            f"Figure '{checked.key}': leaving out each of {len(found.groups)} groups of "
            f"'{found.factor}' makes more than {MOST_ROWS} estimates, which no page holds; give "
            "another 'factor', or leave the figure out."
        )
    numbers: list[Number] = []
    methods: dict[str, None] = {}
    for group, rows in found.masks():
        at = address(checked.key, group.key)
        numbers += cell_counts(at, exposure.cells, checked.sizes, rows)
        for row in _without(checked, rows, exposure.term):
            methods.setdefault(row.method)
            numbers += _numbers(at, checked, exposure.term, row, _behind(checked, exposure, rows))
    if not methods:
        raise ModelError(f"Figure '{checked.key}': without any one group nothing can be estimated.")
    block = InfluenceBlock(
        key=checked.key,
        title=checked.title or f"The estimate without each {lower_first(found.label)}",
        model=checked.block.key,
        factor=found.factor,
        factor_label=found.label,
        measure=checked.block.measure,
        exposure=exposure.term,
        groups=found.groups,
        method="; ".join(methods),
    )
    return block, {number.address: number for number in distinct(numbers)}


def _without(checked: Checked, rows: Rows, term: Term) -> list[Estimate]:
    """The exposure's rows of estimates from a fit without some rows; none where it has none."""
    fit, kept = checked.fit, np.flatnonzero(~rows)
    try:
        design = take_rows(fit.design, kept)
        if np.linalg.matrix_rank(design.X) < design.X.shape[1]:
            return []  # what varied in this group only is a constant without it
        design = replace(design, rows=np.arange(len(kept)), n_start=len(kept))
        solution = refit(fit, design)
        if not solution.convergence.converged:
            return []
        left = with_solution(fit, solution, design=design)
        found = [_estimate(left, _sites(checked, kept), level.term) for level in term.levels]
    except (ModelError, linalg.LinAlgError):
        return []
    known = [row for row in found if row is not None and not np.isnan(row.conf_low)]
    effect: Effect | None = headline(fit.family)
    estimates = Estimates(frame=as_frame(known), alpha=0.05)
    return list((effect.measure(left, estimates) if effect else estimates).rows())


def _sites(checked: Checked, kept: np.ndarray) -> pd.Series | None:
    if checked.sites is None:
        return None
    return checked.sites.iloc[checked.fit.design.rows].iloc[kept].reset_index(drop=True)


def _estimate(left: Fit, sites: pd.Series | None, name: str | None) -> Estimate | None:
    """What the rule answers for one coefficient; None for the reference and for a refusal."""
    if name is None or name not in left.design.names:
        return None
    row = row_of(question_of(left, sites), left.design.names.index(name))
    return None if row.reason else row


def _behind(checked: Checked, exposure: TermRows, rows: Rows) -> int:
    """The smallest cell that the estimate without some rows could give back."""
    women = checked.sizes
    own = women.smallest(tuple(cell & rows for cell in exposure.cells))
    others = [women.smallest(tuple(cell & ~rows for cell in t.cells)) for t in checked.terms]
    return min([own, *others])


def _numbers(at: str, checked: Checked, term: Term, row: Estimate, basis: int) -> Iterator[Number]:
    level = next(level for level in term.levels if level.term == row.term)
    base = f"{at}.{address(level.key)}" if level.key else at
    measure = checked.block.measure
    for name, value in (
        (measure, row.estimate),
        ("low", row.conf_low),
        ("high", row.conf_high),
    ):
        yield Number(
            address=f"{base}.{name}",
            kind="estimate" if name == measure else "ci",
            scale=row.scale,
            value=float(value),
            format="ratio" if MEASURES[measure].ratio else "decimal2",
            se=row.std_error,
            fit=checked.block.key,
            basis=basis,
            sensitive=checked.sizes.sensitive,
        )
