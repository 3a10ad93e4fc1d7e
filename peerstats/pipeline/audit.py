"""The inference audit of an analysis: every adjusted model that could be fitted, simulated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peerstats.data.sample import analysis_table, take_sample
from peerstats.data.study import Study
from peerstats.inference.audit.plan import AuditPlan, plan_audit
from peerstats.inference.audit.rows import Audit, summarise
from peerstats.inference.audit.scratch import Scratch
from peerstats.inference.audit.simulate import Advance, Effort, simulate
from peerstats.model.formula import parse_formula
from peerstats.pipeline.audited import audit_request
from peerstats.pipeline.compute import Ground, Tell, check_variables, request_of
from peerstats.pipeline.names import model_formula
from peerstats.pipeline.plan import Plan
from peerstats.results.models import ModelAnswer, model_results
from peerstats.results.number import address
from peerstats.spec.analysis import ModelSection

NO_AUDIT = "it could not be fitted to these data, so there is nothing to simulate from"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """One model of the analysis: its answer, and its audit or the reason why there is none."""

    section: ModelSection
    title: str
    answer: ModelAnswer
    audit: Audit | None
    reason: str = ""

    def label(self, term: str) -> str:
        """Return the words for a coefficient: its variable's label, and the level's."""
        for row in self.answer.block.terms:
            for level in row.levels:
                if level.term == term:
                    return f"{row.label}: {level.label}" if level.key else row.label
        return term


def audit_analysis(
    plan: Plan,
    study: Study,
    effort: Effort,
    scratch: Path | None = None,
    tell: Tell = lambda _: None,
    advance: Advance = lambda done, of: None,
) -> tuple[Audited, ...]:
    """Fit every model of a plan, and simulate those that could be fitted.

    Blocks of replicates are kept below `scratch`. Raises what fitting raises.
    """
    check_variables(plan, study)
    ground = Ground(study=study, rows=analysis_table(study))
    answers: list[tuple[ModelSection, ModelAnswer]] = []
    plans: dict[str, AuditPlan] = {}
    for section in plan.analysis.models:
        tell(f"model {section.key}: {section.outcome} by {section.exposure}")
        answer = _answer(plan, section, ground)
        answers.append((section, answer))
        request = audit_request(section, answer, plan.analysis.seed)
        if request is not None:
            plans[section.key] = plan_audit(request)
    if plans:
        tell(f"simulating {len(plans)} model{'s' if len(plans) > 1 else ''}")
    sums = simulate(tuple(plans.values()), effort, Scratch(folder=scratch), advance)
    return tuple(
        Audited(
            section=section,
            title=answer.block.title,
            answer=answer,
            audit=summarise(plans[section.key], sums) if section.key in plans else None,
            reason="" if section.key in plans else _reason(section, answer),
        )
        for section, answer in answers
    )


def _answer(plan: Plan, section: ModelSection, ground: Ground) -> ModelAnswer:
    request = request_of(section, plan.analysis, ground.codebook)
    formula = parse_formula(model_formula(section, request.outcome.name))
    sample = take_sample(ground.study, formula.variables, plan.analysis.data.unit)
    return model_results(request, sample, sites="site_id" if "site_id" in sample.frame else None)


def _reason(section: ModelSection, answer: ModelAnswer) -> str:
    refused = ("not_estimable", "not_converged", "penalised")
    for mark in answer.block.marks:
        if mark.where == address(section.key) and mark.sort in refused:
            return mark.sentence
    return f"{NO_AUDIT[0].upper()}{NO_AUDIT[1:]}."
