"""The structure around the numbers: which variables, levels, groups and terms a table may show.

A block holds words and order, never a value. Its numbers are in `Results.numbers` under addresses
that follow from the block by the conventions in each docstring, so the gate can merge or drop a
row here and the tables follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peerstats.results.measures import Measure

ALL = "all"  # the column for everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A column of a descriptive table: a site, an exposure group, or everybody (`all`)."""

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A level of a variable, or a bin of a histogram."""

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineVariable:
    """A variable of Table 1; for block B, variable V, group G and level L the addresses are

    B.V.L.G.n, B.V.L.G.percent (levels); B.V.G.mean|sd|median|q1|q3|minimum|maximum (numeric);
    B.V.bin.L.G.n (histogram, `bins`); B.V.G.answered, B.V.G.asked; B.V.smd.
    """

    name: str
    label: str
    numeric: bool
    unit: str | None = None
    levels: tuple[Item, ...] = ()
    bins: tuple[Item, ...] = ()
    sensitive: int = 0
    skip_rule: str | None = None  # in words, when the item was not asked of everybody
    skip_open: bool = False  # it decides on eligibility: that all or none were asked says nothing
    by_group: bool = True  # False: only the column for everybody may be shown
    ordered: bool = False  # levels have an order: only neighbours may be merged
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineBlock:
    """Table 1. B.G.n is the number of women in group G."""

    key: str
    title: str
    groups: tuple[Group, ...]  # `all` first
    variables: tuple[BaselineVariable, ...]
    by_label: str | None = None
    remarks: tuple[str, ...] = ()
    sites: bool = False  # the groups are sites, whose names some profiles hide


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBlock:
    """Flow diagram: B.S.n for step S; `excluded` steps leave the flow."""

    key: str
    title: str
    steps: tuple[tuple[str, str, bool], ...]  # key, label, excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBlock:
    """Missing values by type: B.V.rows|asked|answered|refused|dont_know|not_collected|unknown|
    not_asked|not_applicable and B.V.answered_percent for variable V."""

    key: str
    title: str
    variables: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One finding; its numbers are B.R.count and B.R.checked under the row's key R, and for site S
    B.R.site.S.count|checked|percent. Its message repeats no count: the gate rounds numbers only.
    """

    key: str
    rule: str
    severity: str
    table: str
    columns: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityBlock:
    """Data quality: what the checks found, and what the reader accepted with a remark."""

    key: str
    title: str
    rows: tuple[QualityRow, ...]
    rules_run: int
    notes: tuple[str, ...]
    site_rates: tuple[tuple[str, Group], ...] = ()  # (row key, site): B.R.site.S.percent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBlock:
    """Scales: B.S.items|n|alpha|omega|mean|sd|floor|ceiling and B.S.I.item_rest for item I.

    B.S.n women have a score; the B.S.complete women who answered every item are behind alpha,
    omega and, with B.S.floor_n and B.S.ceiling_n, the percentages at floor and ceiling.
    """

    key: str
    title: str
    scales: tuple[tuple[Item, tuple[Item, ...]], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TermLevel:
    """A row of a model table. `term` is the coefficient's name; None marks the reference row."""

    key: str  # "" for a numeric covariate
    label: str
    term: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A covariate of a model; level L of variable V in model M has the addresses

    M.V.L.or (or another of `results.measures`), .low, .high, .p, .n, .events (numeric: no L), and
    the same under M.crude for the model with this covariate alone.
    """

    variable: str
    label: str
    levels: tuple[TermLevel, ...]
    exposure: bool = False
    reason: str = ""  # why it is in the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something the table itself must say: a refusal or a fit that cannot be trusted.

    `where` is a fit's key, or a fit's key and a term's variable ("m1.country_work").
    """

    where: str
    sort: Literal[
        "singular", "not_converged", "not_estimable", "no_p_value", "penalised", "warning"
    ]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """A method the analysis asks for beside the rule's; its numbers stand under M.V.L.also."""

    name: str  # in the words of a methods section
    reason: str
    methods: tuple[tuple[str, str], ...]  # (variable, method in words or why it has none)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBlock:
    """Univariable and multivariable estimates; M.n, M.events, M.loglik, and for factor F

    M.F.groups, M.F.variance (.low, .high), M.F.icc, M.F.mor (.low, .high); the model without
    covariates has the same under M.null.
    """

    key: str
    title: str
    outcome: str  # the outcome's variable
    outcome_label: str
    measure: Measure
    terms: tuple[Term, ...]
    factors: tuple[Item, ...]  # grouping factors with a random intercept
    fits: tuple[str, ...]  # keys of every fit shown
    marks: tuple[Mark, ...] = ()
    inference: tuple[tuple[str, str], ...] = ()  # (variable, method in words)
    also: Also | None = None
    question: str = ""  # what a refused model would have answered


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBlock:
    """Conditional modes of one factor: B.G.mode (.low, .high) and B.G.n, ordered by mode."""

    key: str
    title: str
    model: str
    factor: str
    factor_label: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLevel:
    """A coefficient under audit; `base` is its address in its model, such as M.V.L."""

    label: str
    base: str
    tested: bool = True  # False where the report itself gives no test


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBlock:
    """What methods do on the layout of model M; for level base A, scenario S and method K

    A.audit.S.K.coverage|type1|power|bias|unanswered, and the Monte-Carlo standard error of each
    under the same address and .error; A.audit.S.K.replicates. Rates are percentages.
    """

    key: str  # "M.audit"
    model: str
    title: str
    levels: tuple[AuditLevel, ...]
    scenarios: tuple[Item, ...]
    methods: tuple[Item, ...]  # the report's own first


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBlock:
    """Observed against expected by group: B.G.observed (percentage or mean), .expected, .low,
    .high for group G, B.G.n and of yes/no outcomes B.G.events; of B.groups groups B.inside have
    `observed` from `low` to `high`. B.G.cell.C are the counts that the gate judges.
    """

    key: str
    title: str
    model: str
    factor: str
    factor_label: str
    outcome_label: str
    percent: bool
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualBlock:
    """Quantile residuals at fixed probabilities: B.Q.value, .normal, .low, .high for item Q; of
    B.quantiles quantiles B.inside have `value` from `low` to `high`.
    """

    key: str
    title: str
    model: str
    quantiles: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluenceBlock:
    """The exposure's estimate without one group: B.G.L.or (or another measure), .low, .high for
    level L (B.G.or where it has none); with all groups it is the model's own.

    B.G.cell.C are the group's level-by-outcome counts, which the gate judges.
    """

    key: str
    title: str
    model: str
    factor: str
    factor_label: str
    measure: Measure
    exposure: Term
    groups: tuple[Group, ...]
    method: str  # of inference, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproximationBlock:
    """Laplace's estimate less that by quadrature, in standard errors: B.R.shift for row R, and
    B.nodes."""

    key: str
    title: str
    model: str
    rows: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A covariate's shape: B.V.p and B.V.df of the test against the straight line, and at each
    position I B.V.I.x, .curve (.low, .high) and .line, all compared with position `reference`.

    B.V.outside is the number of women beyond the outer positions, on the side of fewer.
    """

    variable: str
    label: str
    positions: tuple[str, ...]
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearityBlock:
    """A restricted cubic spline against a straight line, for each measurement of a model."""

    key: str
    title: str
    model: str
    measure: Measure
    outcome_label: str
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...] = ()  # labels of measurements that could not be examined


CheckBlock = CalibrationBlock | ResidualBlock | InfluenceBlock | ApproximationBlock | LinearityBlock

Block = (
    AuditBlock
    | BaselineBlock
    | FlowBlock
    | MissingBlock
    | QualityBlock
    | ReliabilityBlock
    | ModelBlock
    | GroupBlock
    | CheckBlock
)
