"""The audit of one fitted model: what it starts from, and the one that a report shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from peerstats.inference.audit.plan import Request, can_be_simulated, plan_audit
from peerstats.inference.audit.rows import summarise
from peerstats.inference.audit.scratch import Scratch
from peerstats.inference.audit.simulate import Effort, simulate
from peerstats.results import Number
from peerstats.results.audit import audit_results
from peerstats.results.blocks import AuditBlock
from peerstats.results.models import ModelAnswer
from peerstats.spec.analysis import ModelSection

# Of methods that fit all replicates at once, and of those refitted one by one. A report must not
# depend on how fast a machine is, so nothing is timed.
REPLICATES = (400, 40)


def audit_request(section: ModelSection, answer: ModelAnswer, seed: int) -> Request | None:
    """Return what the audit of a model starts from; None for a model without a fit of its own.

    A penalised fit, which stands in for one that is separated, describes and is not simulated from.
    """
    fit, estimates = answer.fit, answer.estimates
    if fit is None or estimates is None or fit.penalty or not can_be_simulated(fit):
        return None
    return Request(
        model=section.key,
        fit=fit,
        estimates=estimates,
        sites=answer.sites,
        exposure=section.exposure,
        seed=seed,
        digest=hashlib.sha256(section.model_dump_json().encode()).hexdigest(),
    )


def reported_audit(
    section: ModelSection, answer: ModelAnswer, seed: int
) -> tuple[AuditBlock, Mapping[str, Number]] | None:
    """Return the audit that a report shows: that of the exposure."""
    request = audit_request(section, answer, seed)
    if request is None:
        return None
    plan = plan_audit(request)
    effort = Effort(fixed=REPLICATES, jobs=1, backend="sequential")
    sums = simulate([plan], effort, Scratch(folder=None))
    return audit_results(answer.block, answer.numbers, summarise(plan, sums))
