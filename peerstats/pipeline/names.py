"""Every name in an analysis file is looked up, and every combination asked whether it makes sense.

Nothing of the data is read here: a mistake in the last line of the file must not cost the user the
wait for the first model.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from peerstats.data.checks import RULES
from peerstats.data.codebook import Codebook, parse_condition
from peerstats.data.conditions import check_condition
from peerstats.data.synthetic import PROFILES as SYNTHETIC
from peerstats.disclosure import PROFILES
from peerstats.errors import PeerstatsError, Problem, UsageError, did_you_mean
from peerstats.figures import FIGURES
from peerstats.inference.methods import METHODS as INFERENCE
from peerstats.model.families import FAMILIES
from peerstats.model.formula import Formula, parse_formula
from peerstats.pipeline.checking import CHECKS
from peerstats.render import FORMATS
from peerstats.report import TEMPLATES
from peerstats.results.answers import is_numeric
from peerstats.spec.analysis import Analysis, FigureSection, ModelSection, TableSection
from peerstats.spec.lines import Path
from peerstats.spec.read import UNREAD, Draft
from peerstats.tables import TABLES

METHODS = ("laplace", "agq")
TWO_COLUMNS = ("beta_binomial", "interval_censored")

# What a table or figure cannot do without; a kind that is not named here needs nothing.
TABLE_NEEDS = {
    "baseline": "variables",
    "missingness": "variables",
    "reliability": "scales",
    "model": "model",
    "adjustment": "model",
    "fits": "model",
    "audit": "model",
}
FIGURE_NEEDS = {
    "forest": "model",
    "caterpillar": "factor",
    "missingness": "table",
    "distributions": "table",
    **dict.fromkeys(CHECKS, "model"),
}
FIGURE_DRAWS = {"missingness": "missingness", "distributions": "baseline"}

Found = Iterator[tuple[Path, str]]
OTHER_MEASURES = {"modified_poisson_cr2": 'give the model family = "poisson" instead'}


def check_names(draft: Draft, codebook: Codebook | None) -> list[Problem]:
    """Return a problem for every name that means nothing and every request that cannot work."""
    analysis = draft.analysis
    found: list[tuple[Path, str]] = [*_sources(analysis), *_keys(analysis), *_report(analysis)]
    if codebook is not None:
        for index, outcome in enumerate(analysis.outcomes):
            found += _variable(("outcomes", index, "variable"), outcome.variable, codebook)
        for index, model in enumerate(analysis.models):
            found += _model(("models", index), model, analysis, codebook)
        found += _population(analysis, codebook)
    for index, table in enumerate(analysis.tables):
        found += _table(("tables", index), table, analysis, codebook)
    for index, figure in enumerate(analysis.figures):
        found += _figure(("figures", index), figure, analysis)
    return [draft.document.problem(where, message) for where, message in found]


def model_formula(model: ModelSection, outcome: str) -> str:
    """Return the formula of a model section: exposure, covariates, modifiers and random part."""
    terms = [model.exposure, *(c.term for c in model.covariates)]
    for modifier in model.modifiers:
        terms += [modifier] if modifier not in terms else []
        terms.append(f"{model.exposure}:{modifier}")
    return " + ".join(
        [f"{outcome} ~ {terms[0]}", *terms[1:], *([model.random] if model.random else [])]
    )


def outcome_variable(analysis: Analysis, name: str) -> str:
    """Return the variable of an outcome's key, or the name itself when it is a variable."""
    return next((o.variable for o in analysis.outcomes if o.key == name), name)


def _one_of(where: Path, what: str, name: str, known: Iterable[str]) -> Found:
    names = sorted(known)
    if name not in (*names, UNREAD):
        hint = did_you_mean(name, names) or f" Known: {', '.join(names)}."
        yield where, f"unknown {what} '{name}'.{hint}"


def _variable(where: Path, name: str, codebook: Codebook) -> Found:
    keys = {field.name for fields in codebook.keys.values() for field in fields}
    if name not in (*codebook.fields, *keys, UNREAD):
        hint = did_you_mean(name, [*codebook.fields, *keys])
        yield where, f"the codebook '{codebook.name}' has no variable '{name}'.{hint}"


def _sources(analysis: Analysis) -> Found:
    data = analysis.data
    if data.synthetic:
        yield from _one_of(("data", "synthetic"), "synthetic study", data.synthetic, SYNTHETIC)
    elif data.unit == "visits" and not data.visits:
        yield ("data", "unit"), "'visits' needs the file of the visits; give 'visits'"
    for index, rule in enumerate(data.exclude):
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            yield ("data", "exclude", index), f"unknown rule '{rule}'.{hint}"


def _population(analysis: Analysis, codebook: Codebook) -> Found:
    if analysis.data.population:
        where = ("data", "population")
        try:
            condition = parse_condition(analysis.data.population)
            if condition.variable in codebook.fields:
                check_condition(condition, codebook)
            yield from _variable(where, condition.variable, codebook)
        except PeerstatsError as error:
            yield where, error.problems[0].message


def _keys(analysis: Analysis) -> Found:
    """A key names one outcome, or one model, table or figure: it is the first part of addresses."""
    for names in (("outcomes",), ("models", "tables", "figures")):
        seen = {UNREAD}
        for name in names:
            for index, section in enumerate(getattr(analysis, name)):
                if section.key in seen and section.key != UNREAD:
                    yield (name, index, "key"), f"the key '{section.key}' is used twice"
                seen.add(section.key)


def _report(analysis: Analysis) -> Found:
    report = analysis.report
    yield from _one_of(("report", "template"), "template", report.template, TEMPLATES)
    yield from _one_of(("report", "profile"), "disclosure profile", report.profile, PROFILES)
    for index, name in enumerate(report.formats):
        yield from _one_of(("report", "formats", index), "format", name, FORMATS)
    if report.profile == "public" and not report.profile_reason:
        yield (
            ("report", "profile"),
            "the profile 'public' prints exact numbers; say why it may, in 'profile_reason'",
        )


def _inference(where: Path, model: ModelSection) -> Found:
    place = (*where, "inference")
    yield from _one_of(place, "inference method", model.inference, ("default", *INFERENCE))
    if model.inference in OTHER_MEASURES:
        yield (
            place,
            f"'{model.inference}' estimates another measure; {OTHER_MEASURES[model.inference]}",
        )
    if model.inference != "default" and not model.inference_reason:
        yield place, "say why this method is shown beside the rule's, in 'inference_reason'"


def _model(where: Path, model: ModelSection, analysis: Analysis, codebook: Codebook) -> Found:
    yield from _one_of((*where, "family"), "family", model.family, FAMILIES)
    if model.link and model.family in FAMILIES:
        links = FAMILIES[model.family][1]
        yield from _one_of((*where, "link"), f"link of {model.family} models", model.link, links)
    if model.family in TWO_COLUMNS:
        yield (
            (*where, "family"),
            f"the outcome of a {model.family} model is two columns, cbind(a, b), which an analysis "
            "file cannot name; fit it from Python with peerstats.fit",
        )
    yield from _one_of((*where, "method"), "method", model.method, METHODS)
    yield from _inference(where, model)
    outcome = outcome_variable(analysis, model.outcome)
    if outcome == model.outcome and outcome not in codebook.fields and outcome != UNREAD:
        keys = [o.key for o in analysis.outcomes]
        hint = did_you_mean(outcome, [*keys, *codebook.fields])
        yield (*where, "outcome"), f"there is no outcome or variable '{outcome}'.{hint}"
    parts = [((*where, "exposure"), model.exposure)]
    parts += [((*where, "covariates", i, "term"), c.term) for i, c in enumerate(model.covariates)]
    parts += [((*where, "modifiers", i), name) for i, name in enumerate(model.modifiers)]
    seen: set[str] = set()
    for place, term in parts:
        yield from _term(place, f"y ~ {term}", codebook)
        if term in seen and term != UNREAD and place[2] != "modifiers":
            yield place, f"'{term}' is already in the model"
        seen.add(term)
    if model.random:
        yield from _random((*where, "random"), model, codebook)
    elif model.method == "agq":
        yield (*where, "method"), "'agq' needs random effects; give 'random' or leave 'method' out"


def _term(where: Path, text: str, codebook: Codebook) -> Found:
    formula = yield from _formula(where, text)
    if formula is None:
        return
    if formula.random:
        yield where, "random effects belong in 'random'"
    for name in formula.variables:
        if name != "y":
            yield from _variable(where, name, codebook)


def _random(where: Path, model: ModelSection, codebook: Codebook) -> Found:
    formula = yield from _formula(where, f"y ~ 1 + {model.random}")
    if formula is None:
        return
    if not formula.random:
        yield where, "this holds no random effect; write for example '(1 | site_id)'"
    for effect in formula.random:
        if not effect.intercept_only:
            yield (
                where,
                f"'{effect}' is no random intercept; a report has tables for these only, write "
                f"'(1 | {effect.group})', or fit the slope with peerstats.fit()",
            )
    for name in formula.variables:
        if name != "y":
            yield from _variable(where, name, codebook)
    if model.method == "agq" and len(formula.random) > 1:
        yield (*where[:-1], "method"), "'agq' is for one grouping factor; use 'laplace' for several"


def _formula(where: Path, text: str) -> Generator[tuple[Path, str], None, Formula | None]:
    """Parse a formula; a mistake is found at `where`, and the value returned is then None."""
    if UNREAD in text:
        return None
    try:
        return parse_formula(text)
    except UsageError as error:
        yield where, error.problems[0].message
    return None


def _table(
    where: Path, table: TableSection, analysis: Analysis, codebook: Codebook | None
) -> Found:
    yield from _one_of((*where, "kind"), "kind of table", table.kind, TABLES)
    need = TABLE_NEEDS.get(table.kind)
    if need and not getattr(table, need):
        yield where, f"a table of kind '{table.kind}' needs '{need}'"
    if need == "model" and table.title:
        yield (*where, "title"), "a model's tables bear the title of the model; give it there"
    if table.model:
        yield from _one_of(
            (*where, "model"), "model", table.model, [m.key for m in analysis.models]
        )
    if codebook is None:
        return
    for index, name in enumerate(table.variables):
        yield from _variable((*where, "variables", index), name, codebook)
    for index, name in enumerate(table.scales):
        yield from _one_of((*where, "scales", index), "scale", name, codebook.scales)
    if table.by:
        yield from _variable((*where, "by"), table.by, codebook)
        if table.by in codebook.fields and is_numeric(codebook.fields[table.by]):
            yield (
                (*where, "by"),
                f"'{table.by}' is a measurement; divide by a variable with levels",
            )


def _figure(where: Path, figure: FigureSection, analysis: Analysis) -> Found:
    yield from _one_of((*where, "kind"), "kind of figure", figure.kind, FIGURES)
    need = FIGURE_NEEDS.get(figure.kind)
    if need and not getattr(figure, need):
        yield where, f"a figure of kind '{figure.kind}' needs '{need}'"
    if figure.model:
        models = {m.key: m for m in analysis.models}
        yield from _one_of((*where, "model"), "model", figure.model, models)
        if figure.kind == "caterpillar" and figure.model in models:
            yield from _factor(where, figure, models[figure.model])
        elif figure.kind in CHECKS and figure.model in models:
            yield from _check(where, figure, models[figure.model])
    if figure.table:
        tables = {t.key: t.kind for t in analysis.tables}
        yield from _one_of((*where, "table"), "table", figure.table, tables)
        kind = FIGURE_DRAWS.get(figure.kind)
        if kind and tables.get(figure.table, kind) not in (kind, UNREAD):
            yield (*where, "table"), f"'{figure.kind}' draws a table of kind '{kind}'"


def _check(where: Path, figure: FigureSection, model: ModelSection) -> Found:
    """A check of a model that its outcome or its groups rule out."""
    if figure.factor and figure.factor != "site_id":
        yield from _factor(where, figure, model)
    if figure.kind == "approximation":
        try:
            groups = parse_formula(f"y ~ 1 + {model.random or 1}").random
        except UsageError:
            return  # told where the model stands
        if len(groups) != 1 or model.family == "gaussian":
            yield (
                (*where, "model"),
                "'approximation' compares Laplace's approximation with quadrature: it needs a "
                "model with one grouping factor and a family other than gaussian",
            )
    if figure.kind == "calibration" and model.family.startswith("cumulative"):
        yield (*where, "model"), f"'calibration' needs an outcome with a mean, not {model.family}"


def _factor(where: Path, figure: FigureSection, model: ModelSection) -> Found:
    if not figure.factor or UNREAD in model.random:
        return
    try:
        groups = [term.group for term in parse_formula(f"y ~ 1 + {model.random or 1}").random]
    except UsageError:
        return  # told where the model stands
    if not groups:
        yield (*where, "model"), f"the model '{model.key}' has no groups to draw; give it 'random'"
        return
    yield from _one_of((*where, "factor"), "grouping factor", figure.factor, groups)
