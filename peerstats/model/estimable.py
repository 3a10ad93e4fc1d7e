"""Questions a model must pass before it is fitted: can these data answer it at all?

Each check returns None or one sentence that names the variable and a way out. Software that skips
them prints odds ratios in the millions with a standard error to match.

Separation. A direction d separates the outcome when no row's linear predictor moves against its
outcome along d (Albert & Anderson 1984); estimates then run to infinity. With rows of yes only,
no only and both (after equal rows are summed), d exists if the linear program

    maximise ± d_k  subject to  Xd >= 0 (yes rows), Xd <= 0 (no rows), Xd = 0 (both), -1 <= d <= 1

has a positive optimum for some k; those k are the coefficients without a finite estimate
(Konis 2007). Rows with zero counts play the part of no rows for a count outcome, all others of
both; of interval-censored times those without an upper end are yes rows, those without a lower end
no rows. A row of an ordered level is two: a yes row of being above the threshold below it, and a no
row of being above its own, with columns -1 for the thresholds. When a plain Newton search ends at a
maximum with a positive definite Hessian, the maximum is unique and no such d exists, so the
programs are solved only when that search fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import DataError, ModelError, shortened
from peerstats.model.columns import Column
from peerstats.model.design import Design, Grouping
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.problem import Problem
from peerstats.model.families import Family

Array = NDArray[np.float64]

FAINT = 3e-6  # sd over mean below which standard errors lose digits
SURELY_INSIDE = 12.0  # |η| of a fit without separation; beyond it the programs are solved
SURELY_INSIDE_OF = {"probit": 4.4, "cloglog": 2.5}  # links that reach the same risks sooner


def check_outcome(design: Design, family: Family) -> None:
    """Raise DataError when the outcome's codes do not fit the family."""
    name = design.formula.outcome
    if design.trials is not None and not family.has_trials:
        raise DataError(f"Outcome '{name}' counts trials, which a {family.name} model has not.")
    reason = family.check(design.y)
    if reason is None and family.has_trials and design.trials is None:
        between = int(((design.y > 0) & (design.y < 1)).sum())
        if between:
            reason = f"must be coded 0 and 1, but {between} row(s) lie between"
    if reason is not None:
        raise DataError(
            f"Outcome '{name}' of a {family.name} model {reason}. Recode it, or choose another "
            "family."
        )


def _constant_outcome(ready: Prepared) -> str | None:
    y = ready.design.y
    if not (y == y[0]).all() or (ready.family.has_trials and 0 < y[0] < 1):
        return None
    if ready.family.name == "poisson" and y[0] > 0:
        return None
    return (
        f"Outcome '{ready.design.formula.outcome}' is the same in all {ready.design.n} rows used; "
        "there is nothing to explain. Check the coding and the rows left out."
    )


def _no_terms(ready: Prepared) -> str | None:
    if ready.design.columns or ready.design.groups or ready.design.levels:
        return None
    return "The model has no terms; write 1 for an intercept."


def _one_group(ready: Prepared) -> str | None:
    for name, grouping in ready.design.groups.items():
        if len(grouping.levels) == 1:
            return (
                f"'{name}' has a single level in the rows used, so its variance cannot be "
                f"estimated; leave out the random effect (1 | {name})."
            )
    return None


def _one_row_a_group(ready: Prepared) -> str | None:
    for name, grouping in ready.design.groups.items():
        if len(grouping.levels) < ready.design.n:
            continue
        countable = ready.family.name == "poisson" or (
            ready.family.name == "binomial"
            and ready.design.trials is not None
            and ready.design.trials.max() > 1
        )
        if not countable:
            return (
                f"Every level of '{name}' has one row, so differences between levels cannot be "
                f"told from differences within; leave out (1 | {name})."
            )
    return None


def _effects_for_every_row(ready: Prepared) -> str | None:
    """As many random effects as rows leave nothing to tell them from the residual."""
    for name, grouping in ready.design.groups.items():
        size = sum(len(block.effects) for block in ready.design.random if block.group == name)
        count = len(grouping.levels) * size
        if size > 1 and count >= ready.design.n:
            return (
                f"'{name}' has {count} random effects for {ready.design.n} rows; leave out a "
                f"random slope or write (1 | {name})."
            )
    return None


def _same_groups(ready: Prepared) -> str | None:
    names = list(ready.design.groups)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b = ready.design.groups[first], ready.design.groups[second]
            pairs = len(np.unique(a.codes * len(b.levels) + b.codes))
            if pairs == len(a.levels) == len(b.levels):
                return f"'{first}' and '{second}' are the same grouping; keep one of them."
    return None


def _twice(ready: Prepared) -> str | None:
    """A covariate with a column for each group takes all that random intercepts could explain."""
    groups = {random.group for random in ready.design.formula.random if () in random.effects}
    for column in ready.design.columns:
        for name in groups.intersection(column.variables):
            if len(column.variables) == len(column.levels) == 1:
                return (
                    f"'{name}' is in the model twice: as a covariate, which tells all its levels "
                    f"apart, and as the groups of (1 | {name}), for which nothing is left. Leave "
                    "out one of the two."
                )
    return None


def _pure_groups(ready: Prepared) -> str | None:
    """Yes/no outcomes that never differ inside a group send its variance to infinity."""
    if not ready.family.has_trials:
        return None
    for name, grouping in ready.design.groups.items():
        if _all_pure(ready.design, grouping):
            return (
                f"Within every level of '{name}' the outcome is the same, so the variance between "
                f"levels has no finite estimate; leave out (1 | {name}) or compare the levels."
            )
    return None


def _all_pure(design: Design, grouping: Grouping) -> bool:
    code, trials = grouping.codes, design.trials
    yes = np.bincount(code, weights=design.y if trials is None else design.y * trials)
    total = np.bincount(code, weights=trials)
    return bool(((yes < 0.5) | (yes > total - 0.5)).all())


def _too_few_rows(ready: Prepared) -> str | None:
    p = ready.design.X.shape[1]
    trials = ready.design.n if ready.design.trials is None else float(ready.design.trials.sum())
    if trials > p + (ready.family.name == "gaussian"):
        return None
    return (
        f"The model has {p} coefficients and {ready.design.n} complete rows; leave out "
        "covariates or merge levels."
    )


def _faint(ready: Prepared) -> str | None:
    """A column that hardly varies around a large mean loses its digits in sums of squares."""
    X = ready.design.X
    if not X.size:
        return None
    mean = np.ones(len(X)) @ X / len(X)
    # Most columns are cleared by their first value alone.
    for k in (np.abs(X[0] - mean) < 1e-3 * np.abs(mean)).nonzero()[0]:
        column = ready.design.columns[k]
        if column.term != "Intercept" and 0 < np.std(X[:, k]) < FAINT * abs(mean[k]):
            return (
                f"'{column.name}' hardly varies around its mean, so digits would be lost: write "
                f"center({column.term}), or subtract a constant."
            )
    return None


def _separated(ready: Prepared) -> str | None:
    if ready.family.name == "gaussian" or not ready.design.columns:
        return None
    if ready.penalty is not None and ready.penalty.holds_slopes:
        return None
    problem, plain = ready.problem, ready.fixed
    eta = problem.X @ plain.beta + problem.offset
    # Large counts are no sign of separation, only means near zero are.
    extreme = -eta if problem.family.outcome == "number" else np.abs(eta)
    extreme = np.abs(eta) if ready.family.has_trials else extreme
    inside = SURELY_INSIDE_OF.get(ready.family.link, SURELY_INSIDE)
    if plain.found and extreme.max() < inside:
        return None
    endless = separating_columns(problem, ready.design.columns, ready.design.levels)
    if not endless:
        return None
    return (
        "The outcome is separated: "
        + shortened([_in_words(column) for column in endless], "; ")
        + ". Its estimate would be infinite. Merge levels, leave the covariate out, or use a "
        "penalised or exact method."
    )


def separating_columns(
    problem: Problem, columns: tuple[Column, ...], levels: tuple[Any, ...] = ()
) -> list[Column]:
    """Return each column whose coefficient has no finite estimate.

    Where one covariate tells all outcomes apart, no other column has a finite estimate either.
    Those that separate in a model of their own are then the ones to look at.
    """
    signs, X = _signs(problem, levels), problem.X
    if problem.family.outcome == "levels":
        signs, X = _threshold_rows(problem, len(levels))
    if (signs == 2).all():
        return []
    found = _endless(signs, X, columns)
    named = [column for column in found if column.term != "Intercept"] or found
    alone = [c for c in named if len(named) > 1 and _separates_alone(signs, X, columns, c)]
    return alone or named


def _separates_alone(signs: Array, X: Array, columns: tuple[Column, ...], column: Column) -> bool:
    """Tell whether a column is endless with its own term and the intercept only."""
    kept = [k for k, c in enumerate(columns) if c.term in ("Intercept", column.term)]
    thresholds = range(len(columns), X.shape[1])
    return column in _endless(signs, X[:, [*kept, *thresholds]], tuple(columns[k] for k in kept))


def _endless(signs: Array, X: Array, columns: tuple[Column, ...]) -> list[Column]:
    """Solve the program of each column; return those with a separating direction.

    X may have more columns at its end, for thresholds.
    """
    from scipy.optimize import linprog

    size = np.abs(X).max(axis=0)
    rows = np.unique(np.column_stack([signs, X / size]), axis=0)
    signs, X = rows[:, 0], rows[:, 1:]
    ordered = X[signs != 2] * -signs[signs != 2][:, None]
    tied = X[signs == 2]
    found = []
    for k, column in enumerate(columns):
        for direction in (1.0, -1.0):
            cost = np.zeros(X.shape[1])
            cost[k] = -direction
            answer = linprog(
                cost,
                A_ub=ordered,
                b_ub=np.zeros(len(ordered)),
                A_eq=tied if len(tied) else None,
                b_eq=np.zeros(len(tied)) if len(tied) else None,
                bounds=(-1, 1),
                method="highs",
            )
            if answer.status == 0 and answer.fun < -1e-6:
                found.append(column)
                break
    return found


def _threshold_rows(problem: Problem, levels: int) -> tuple[Array, Array]:
    """Signs and rows (X, -1 at the threshold) of both ends of each row's level."""
    level = np.round(problem.y).astype(np.intp)
    signs, rows = [], []
    for shift, sign, inside in ((0, -1.0, level < levels - 1), (-1, 1.0, level > 0)):
        edges = np.zeros((int(inside.sum()), levels - 1))
        edges[np.arange(len(edges)), level[inside] + shift] = -1.0
        rows.append(np.hstack([problem.X[inside], edges]))
        signs.append(np.full(len(edges), sign))
    return np.concatenate(signs), np.concatenate(rows)


def _signs(problem: Problem, levels: tuple[Any, ...]) -> Array:
    """1 for rows that want η up, -1 for down, 2 for rows that hold both."""
    if problem.family.outcome == "interval":
        low, high = np.array(levels, dtype=np.float64)[np.round(problem.y).astype(np.intp)].T
        return np.where(np.isinf(high), 1.0, np.where(low == 0, -1.0, 2.0))
    if problem.family.has_trials:
        return np.where(problem.y >= 1, 1.0, np.where(problem.y <= 0, -1.0, 2.0))
    return np.where(problem.y > 0, 2.0, -1.0)


def _in_words(column: Column) -> str:
    if column.levels:
        where = " and ".join(f"{name} = {level}" for name, level in column.levels)
        return f"'{column.name}' ({where}) predicts it perfectly in some rows"
    return f"'{column.name}' predicts it perfectly in some rows"


Check = Callable[[Prepared], str | None]
CHECKS: tuple[Check, ...] = (
    _constant_outcome,
    _no_terms,
    _one_group,
    _one_row_a_group,
    _effects_for_every_row,
    _same_groups,
    _twice,
    _pure_groups,
    _too_few_rows,
    _faint,
    _separated,
)


def check_estimable(ready: Prepared) -> None:
    """Raise ModelError (exit code 4) for a model these data cannot answer.

    The message has one sentence on what is wrong and a way out. `check_outcome` comes before.
    """
    for check in CHECKS:
        reason = check(ready)
        if reason is not None:
            raise ModelError(reason)
