"""From a plan to exact results: load, describe, fit, infer; one frozen value at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from peerstats.data.codebook import Codebook, Field, parse_condition
from peerstats.data.load import Source, load_study
from peerstats.data.sample import analysis_table, take_sample
from peerstats.data.study import Study, Table
from peerstats.data.synthetic import generate
from peerstats.errors import DataError, PeerstatsError, Problem
from peerstats.model.fit import Fit
from peerstats.model.formula import parse_formula
from peerstats.pipeline.checking import CHECKS, check_model
from peerstats.pipeline.names import model_formula, outcome_variable
from peerstats.pipeline.plan import Plan
from peerstats.results import FitRecord, Number, Results
from peerstats.results.answers import name_levels
from peerstats.results.baseline import baseline
from peerstats.results.blocks import Block, GroupBlock
from peerstats.results.flow import flow
from peerstats.results.groups import group_results
from peerstats.results.missingness import missingness
from peerstats.results.models import ModelAnswer, ModelRequest, model_results
from peerstats.results.quality import quality
from peerstats.results.reliability import reliability
from peerstats.results.text import lower_first
from peerstats.spec.analysis import TABLE_NAMES, Analysis, FigureSection, ModelSection, TableSection

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What descriptive tables are made from: the study and one row a unit of analysis."""

    study: Study
    rows: Table

    @property
    def codebook(self) -> Codebook:
        """The study's codebook."""
        return self.study.codebook

    def field(self, name: str) -> Field:
        """Return a variable's field; a key's levels carry the names of what it points to."""
        return name_levels(self.study, self.codebook.fields[name])


Made = tuple[Block, Iterable[Number]]

# A kind of table whose numbers come from the rows; the other kinds show a model's block.
MAKERS: Mapping[str, Callable[[Ground, TableSection, str], Made]] = {
    "flow": lambda ground, table, title: flow(table.key, title, ground.study),
    "quality": lambda ground, table, title: quality(table.key, title, ground.study),
    "missingness": lambda ground, table, title: missingness(
        table.key, title, ground.rows, [ground.field(name) for name in table.variables]
    ),
    "baseline": lambda ground, table, title: baseline(
        table.key,
        title,
        ground.rows,
        [ground.field(name) for name in table.variables],
        ground.field(table.by) if table.by else None,
        ground.codebook.fields,
    ),
    "reliability": lambda ground, table, title: reliability(
        table.key, title, ground.rows, ground.codebook, table.scales
    ),
}

# What a table without a title is called.
TITLES: Mapping[str, str] = {
    "flow": "From approach to analysis",
    "quality": "What the consistency checks found",
    "missingness": "Answers and missing values",
    "baseline": "Characteristics of those who took part",
    "reliability": "Scales: reliability, floor and ceiling",
}


def load(plan: Plan) -> Study:
    """Load the study that a plan names. Raises DataError when it is not as declared."""
    data = plan.analysis.data
    if data.synthetic:
        tables: Mapping[str, object] = generate(data.synthetic, plan.analysis.seed).tables
        provenance = f"SYNTHETIC data, profile '{data.synthetic}', seed {plan.analysis.seed}"
    else:
        named = {name: getattr(data, name) for name in TABLE_NAMES}
        tables = {name: _path(plan.folder, file) for name, file in named.items() if file}
        provenance = data.provenance
    return load_study(
        Source(
            name=plan.name,
            tables=tables,  # type: ignore[arg-type]
            codebook=plan.codebook,
            encoding=data.encoding,
            decimal=data.decimal,
            population=parse_condition(data.population) if data.population else None,
            population_label=data.population_label,
            exclude=data.exclude,
            ignore=data.ignore,
            synthetic=data.synthetic is not None,
            provenance=provenance,
        )
    )


def check_variables(plan: Plan, study: Study) -> None:
    """Raise DataError with every variable of the models and tables that this study has not."""
    analysis = plan.analysis
    asked: list[str] = []
    for model in analysis.models:
        asked += parse_formula(
            model_formula(model, outcome_variable(analysis, model.outcome))
        ).variables
    for table in analysis.tables:
        asked += [*table.variables, *([table.by] if table.by else [])]
    there = analysis_table(study, analysis.data.unit).values.columns
    problems: list[Problem] = []
    for name in dict.fromkeys(asked):
        if name not in there:
            try:
                take_sample(study, [name], analysis.data.unit)
            except PeerstatsError as error:
                problems += error.problems
    if problems:
        raise DataError(*problems)


def compute(plan: Plan, study: Study, *, jobs: int = 1, tell: Tell = lambda _: None) -> Results:
    """Return the exact results of a plan: every number its tables and figures may print.

    `jobs` models are fitted at a time; the results do not depend on it. Raises ModelError for a
    model that cannot be estimated, unless its section says to report that.
    """
    analysis = plan.analysis
    check_variables(plan, study)
    # Tables describe women, each at her first visit, also where models are of visits.
    ground = Ground(study=study, rows=analysis_table(study))
    blocks: dict[str, Block] = {}
    numbers: dict[str, Number] = {}
    for table in analysis.tables:
        if table.kind in MAKERS:
            tell(f"table {table.key}")
            block, made = MAKERS[table.kind](ground, table, table.title or TITLES[table.kind])
            blocks[table.key] = block
            numbers |= {number.address: number for number in made}
    fits: dict[str, FitRecord] = {}
    for answered in _answered(plan, ground, jobs, tell):
        blocks |= answered.blocks
        numbers |= answered.numbers
        fits |= answered.fits
    return Results(
        analysis=plan.name,
        title=analysis.title,
        synthetic=study.synthetic,
        provenance=study.provenance,
        numbers=numbers,
        blocks=blocks,
        fits=fits,
        unit=unit_sentence(study, analysis.data.unit),
    )


def unit_sentence(study: Study, unit: str) -> str:
    """Say what is done with women who were visited more than once; "" if none was."""
    visits = study.tables.get("visits")
    if visits is None or not visits.values["participant_id"].duplicated().any():
        return ""
    if unit == "visits":
        return (
            "The unit of the models is the visit. Tables describe each woman at her first visit; "
            "a woman with the outcome in a model had it at one of her visits at least."
        )
    return "Each woman is analysed at her first visit; later visits are not used."


def request_of(section: ModelSection, analysis: Analysis, codebook: Codebook) -> ModelRequest:
    """Return what a model section asks, with the outcome's field and label."""
    field = codebook.fields[outcome_variable(analysis, section.outcome)]
    label = next((o.label for o in analysis.outcomes if o.key == section.outcome and o.label), None)
    exposure = codebook.fields.get(section.exposure)
    by = lower_first(exposure.label) if exposure else section.exposure
    shared = ("key", "exposure", "modifiers", "random", "family", "link", "method", "nodes",
              "if_not_estimable", "question", "inference", "inference_reason")  # fmt: skip
    return ModelRequest(
        title=section.title or f"{label or field.label} by {by}",
        outcome=_relabelled(field, label),
        covariates=tuple((c.term, c.reason) for c in section.covariates),
        **{name: getattr(section, name) for name in shared},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """What a model adds to the results; without the fit itself, it travels between processes."""

    blocks: Mapping[str, Block]
    numbers: Mapping[str, Number]
    fits: Mapping[str, FitRecord]


def _answered(plan: Plan, ground: Ground, jobs: int, tell: Tell) -> Iterator[Answered]:
    """Yield what each model adds, in the order of the file, however many are fitted at a time."""
    sections = plan.analysis.models
    if jobs > 1 and len(sections) > 1:
        from joblib import Parallel, delayed

        tell(f"fitting {len(sections)} models, {jobs} at a time")
        # max_nbytes: otherwise large tables go to other processes through files in shared memory
        # that others may read and a killed run leaves behind.
        yield from Parallel(n_jobs=jobs, max_nbytes=None)(
            delayed(_answer)(plan.analysis, section, ground) for section in sections
        )
        return
    for section in sections:
        tell(f"model {section.key}: {section.outcome} by {section.exposure}")
        yield _answer(plan.analysis, section, ground)


def _answer(analysis: Analysis, section: ModelSection, ground: Ground) -> Answered:
    request = request_of(section, analysis, ground.codebook)
    formula = parse_formula(model_formula(section, request.outcome.name))
    sample = take_sample(ground.study, formula.variables, analysis.data.unit)
    sites = "site_id" if "site_id" in sample.frame else None
    answer = model_results(request, sample, sites=sites)
    blocks: dict[str, Block] = {section.key: answer.block}
    numbers = dict(answer.numbers)
    if analysis.report.audit:
        # Simulation brings scipy.stats and joblib along, which other reports need not wait for.
        from peerstats.pipeline.audited import reported_audit

        audited = reported_audit(section, answer, analysis.seed)
        if audited is not None:
            blocks[audited[0].key] = audited[0]
            numbers |= audited[1]
    for figure in analysis.figures:
        if figure.model == section.key and answer.fit is not None:
            for block, made in _made_of_fit(figure, answer, ground, analysis.seed):
                blocks[figure.key] = block
                numbers |= made
    return Answered(blocks=blocks, numbers=numbers, fits=answer.records)


def _made_of_fit(
    figure: FigureSection, answer: ModelAnswer, ground: Ground, seed: int
) -> Iterator[tuple[Block, Mapping[str, Number]]]:
    """Yield the block of a figure that is made from the fit itself, and its numbers."""
    if figure.kind == "caterpillar" and answer.fit is not None:
        yield _group_block(figure, answer.fit, answer.women, ground)
    elif figure.kind in CHECKS:
        keys = [field.name for field in ground.codebook.fields.values() if field.type == "key"]
        fields = {name: ground.field(name) for name in keys}
        yield from check_model(figure, answer, fields, seed)


def _group_block(
    figure: FigureSection, fitted: Fit, women: pd.Series | None, ground: Ground
) -> tuple[GroupBlock, Mapping[str, Number]]:
    """Return the modes behind a caterpillar plot."""
    factor = str(figure.factor)
    fields = {name: ground.field(name) for name in factor.split(":")}
    title = figure.title or "Differences between groups"
    model = (str(figure.model), fitted)
    return group_results(figure.key, title, model, factor, fields, women)


def _relabelled(field: Field, label: str | None) -> Field:
    return replace(field, label=label) if label else field


def _path(folder: Path, file: str) -> Path | str:
    """Return the path of a data file, which starts at the analysis file's folder."""
    return file if "://" in file else folder / file
