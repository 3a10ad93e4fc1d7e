"""The path of one analysis, as the command line and the library walk it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from peerstats.data.study import Study
from peerstats.pipeline.compute import Tell, check_variables, compute, load
from peerstats.pipeline.plan import Plan
from peerstats.pipeline.publish import KEY_FILE, publish
from peerstats.pipeline.write import read_before, write_trees
from peerstats.results import Results


def run_analysis(
    plan: Plan, out: Path, *, jobs: int = 1, tell: Tell = lambda _: None
) -> list[Path]:
    """Carry out a plan and write its report below `out`; return the paths of the files.

    Raises what the stages raise; nothing is written then, and the report that stood in `out` stays.
    """
    tell("reading and checking the data")
    study = load(plan)
    results = compute(plan, study, jobs=jobs, tell=tell)
    tell(f"protecting, rendering and writing to {out}")
    return write_report(plan, study, results, out)


def write_report(plan: Plan, study: Study, results: Results, out: Path) -> list[Path]:
    """Write `private/` and the gated `release/` of exact results; return the files' paths.

    The key of the data's fingerprints is that of the report which stands there, if one does.
    """
    key = read_before(out, f"private/{KEY_FILE}")
    return write_trees(out, publish(plan, study, results, key).trees)


def check(plan: Plan, tell: Tell = lambda _: None) -> list[str]:
    """Read and check the data and that every variable is there; say in words that all is well.

    Fits nothing and counts no women, so its lines may be shown to anybody.
    """
    tell("reading and checking the data")
    study = load(plan)
    check_variables(plan, study)
    severities = Counter(finding.severity for finding in study.findings)
    found = ", ".join(f"{n} of severity {s}" for s, n in sorted(severities.items())) or "none"
    return [
        f"tables: {', '.join(sorted(study.tables))}",
        f"findings of the consistency checks: {found}",
        f"models with their variables in the data: {len(plan.analysis.models)}",
    ]
