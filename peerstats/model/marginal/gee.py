"""Generalised estimating equations (Liang & Zeger 1986): the door and its stages.

parse → find family → build design → can the data answer → sort by cluster → solve → covariance
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from peerstats.errors import ModelError, UsageError, did_you_mean
from peerstats.model.convergence import Solution
from peerstats.model.design import Design, Weights, build_design, read_grouping
from peerstats.model.engines.fixed import Prepared, prepare
from peerstats.model.estimable import check_estimable, check_outcome
from peerstats.model.families import Family, find_family
from peerstats.model.formula import Formula, parse_formula
from peerstats.model.marginal.clusters import sort_rows
from peerstats.model.marginal.equations import Solved, solve
from peerstats.model.marginal.result import MarginalFit, check_reference
from peerstats.model.marginal.sandwich import KINDS, covariance
from peerstats.model.prediction import check_choice
from peerstats.model.refit import pools
from peerstats.model.variables import as_frame, find_column

CORRELATIONS = ("independence", "exchangeable")
FAMILIES = ("binomial", "poisson", "gaussian")


class MarginalOptions(TypedDict, total=False):
    """The options of `gee`, with their defaults there."""

    link: str | None
    correlation: Literal["independence", "exchangeable"]
    covariance: Literal["cr2", "mancl_derouen", "robust", "model"]
    reference: Literal["t", "z"]
    weights: Weights | None
    sampling_weights: Weights | None


def gee(
    formula: str | Formula,
    data: Any,
    groups: str,
    family: str | Family = "binomial",
    **options: Unpack[MarginalOptions],
) -> MarginalFit:
    """Fit a marginal (population-average) model to clustered rows.

    `formula` has no random part; `groups` names the clusters' variable (`"site"`, or
    `"site:venue"`). `family` is "binomial" (logit, probit, cloglog, log), "poisson" or "gaussian".

    Options: `link`; `correlation` "exchangeable" (default; moment estimate as geepack's) or
    "independence"; `covariance` "cr2" (default), "mancl_derouen", "robust" or "model"; `reference`
    "t" with Bell & McCaffrey's degrees of freedom (default) or, from 40 clusters on, "z";
    `weights`, frequency weights, or `sampling_weights` (with independence and a sandwich only), an
    array or a column's name.

    Raises UsageError for a formula, variable or option that does not exist, DataError for values
    of the wrong kind, ModelError for a single cluster, separation or collinear columns.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 20)
    >>> x = rng.binomial(1, 0.5, 240)
    >>> model = gee("y ~ x", {"y": rng.binomial(1, 0.4, 240), "x": x, "site": site}, "site")
    >>> model.converged, model.groups, bool(model.df["x"] < 12)
    (True, {'site': 12}, True)
    """
    chosen = _read_options(options)
    formula = parse_formula(formula) if isinstance(formula, str) else formula
    known = find_family(family, options.get("link"))
    if known.name not in FAMILIES:
        raise UsageError(f"gee() has no family '{known.name}' (known: {', '.join(FAMILIES)}).")
    sampling = options.get("sampling_weights")
    weights = options.get("weights") if sampling is None else sampling
    design = clustered_design(formula, data, groups, weights)
    check_reference(chosen["reference"], len(design.groups[groups].levels))
    return _fit_design(design, known, chosen, sampling is not None)


def gee_of(design: Design, family: Family, correlation: str = "exchangeable") -> MarginalFit:
    """Fit a marginal model to a design with one grouping and no random part: CR2 and t.

    Raises as `gee` does for its data.
    """
    check_choice("correlation", correlation, CORRELATIONS)
    chosen = {"correlation": correlation, "covariance": "cr2", "reference": "t"}
    return _fit_design(design, family, chosen, sampling=False)


def _fit_design(
    design: Design, family: Family, chosen: dict[str, str], sampling: bool
) -> MarginalFit:
    """Check that the data can answer, then solve the equations."""
    (grouping,) = design.groups.values()
    # One thread: the matrices are narrow, and results do not depend on the machine's cores.
    with pools().limit(limits=1):
        ready = answerable(design, family)
        clusters = sort_rows(design, grouping, family, sampling=sampling)
        solved = solve(clusters, ready.fixed.beta, chosen["correlation"] == "exchangeable")
        # Rows that stand for many women are still single rows: nobs does not count the weights.
        kept = replace(design, weights=None) if sampling else design
        return replace(_as_fit(ready, kept, solved, chosen), sampled=sampling)


def _as_fit(ready: Prepared, design: Design, solved: Solved, chosen: dict[str, str]) -> MarginalFit:
    values, df = covariance(solved.found, chosen["covariance"])
    (cluster,) = design.groups
    return MarginalFit(
        formula=design.formula,
        family=ready.family,
        design=design,
        solution=Solution(
            beta=solved.beta,
            sds=np.zeros(0),
            covariance=values,
            loglik=float("nan"),  # estimating equations have none
            dispersion=solved.found.at.scale,
            modes={},
            convergence=solved.convergence,
        ),
        cluster=cluster,
        correlation=chosen["correlation"],
        kind=chosen["covariance"],
        reference=chosen["reference"],
        freedom=df,
        equations=solved.found,
    )


def _read_options(options: MarginalOptions) -> dict[str, str]:
    known = tuple(MarginalOptions.__annotations__)
    for name in options:
        if name not in known:
            raise UsageError(
                f"gee() has no option '{name}' (known: {', '.join(known)})."
                f"{did_you_mean(name, known)}"
            )
    chosen = {
        "correlation": str(options.get("correlation", "exchangeable")),
        "covariance": str(options.get("covariance", "cr2")),
        "reference": str(options.get("reference", "t")),
    }
    check_choice("correlation", chosen["correlation"], CORRELATIONS)
    check_choice("covariance", chosen["covariance"], KINDS)
    if options.get("sampling_weights") is not None:
        _check_sampling(options, chosen)
    return chosen


def _check_sampling(options: MarginalOptions, chosen: dict[str, str]) -> None:
    if options.get("weights") is not None:
        raise UsageError("Give weights (frequencies) or sampling_weights, not both.")
    if chosen["correlation"] != "independence":
        raise UsageError("sampling_weights need correlation='independence'.")
    if chosen["covariance"] == "model":
        raise UsageError("sampling_weights need a sandwich: covariance 'cr2', not 'model'.")


def clustered_design(
    formula: Formula, data: Any, groups: str, weights: Weights | None = None
) -> Design:
    """Build a model's design with its clusters; rows without a cluster are left out and counted."""
    if formula.random:
        raise UsageError(
            f"This model has no random part; write {formula.random[0]} as groups="
            f"'{formula.random[0].group}'."
        )
    frame = as_frame(data)
    if not isinstance(groups, str):
        raise UsageError("groups must be the name of a variable, e.g. groups='site'.")
    factors = tuple(groups.split(":"))
    inside = np.ones(len(frame), dtype=bool)
    for name in factors:
        inside &= find_column(frame, name).notna().to_numpy()
    if len(frame) and not inside.any():
        raise ModelError(f"'{groups}' has no value in any of the {len(frame)} rows.")
    if weights is not None and not isinstance(weights, str):
        weights = np.asarray(weights, dtype=np.float64)
        weights = weights[inside] if weights.shape == inside.shape else weights
    used = frame if inside.all() else frame.loc[inside]
    design = build_design(formula, used, weights)
    rows = np.flatnonzero(inside)[design.rows]
    grouping = read_grouping(groups, factors, frame.iloc[rows])
    if len(grouping.levels) < 2:
        raise ModelError(
            f"'{groups}' has a single level in the rows used; clusters are compared with each "
            "other, so at least two are needed. Use fit() without groups."
        )
    lost = ((groups, int((~inside).sum())),) if not inside.all() else ()
    return replace(
        design,
        groups=MappingProxyType({groups: grouping}),
        rows=rows,
        n_start=len(frame),
        dropped=(*design.dropped, *lost),
    )


def answerable(design: Design, family: Family) -> Prepared:
    """Check outcome and separation as for a model without clusters, and return its fit."""
    check_outcome(design, family)
    ready = prepare(replace(design, groups=MappingProxyType({})), family)
    check_estimable(ready)
    return ready
