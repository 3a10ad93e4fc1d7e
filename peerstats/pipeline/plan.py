"""From an analysis file to a plan: every name resolved, every mistake told, no data read yet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peerstats.data.codebook import Codebook
from peerstats.data.codebook_file import read_codebook
from peerstats.disclosure import Policy, policy
from peerstats.errors import PeerstatsError, Problem, UsageError, did_you_mean
from peerstats.pipeline.names import check_names, model_formula, outcome_variable
from peerstats.render import FORMATS
from peerstats.resources import embedded, shipped
from peerstats.spec.analysis import Analysis
from peerstats.spec.read import Draft, read_spec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """An analysis that can be carried out: its file, its codebook, its source and its policy."""

    name: str
    analysis: Analysis
    codebook: Codebook
    folder: Path  # paths of data files start here
    policy: Policy
    formats: tuple[str, ...]
    digest: str  # SHA-256 of the analysis file

    def outline(self) -> list[str]:
        """Return in words what a run would do, a line each."""
        lines = [f"analysis: {self.analysis.title}", f"codebook: {self.codebook.name}"]
        for model in self.analysis.models:
            formula = model_formula(model, outcome_variable(self.analysis, model.outcome))
            lines.append(f"model {model.key}: {formula} ({model.family}, {model.method})")
        lines += [f"table {table.key}: {table.kind}" for table in self.analysis.tables]
        lines += [f"figure {figure.key}: {figure.kind}" for figure in self.analysis.figures]
        lines.append(f"release: profile {self.policy.profile}, formats {', '.join(self.formats)}")
        return lines


def find_analysis(path: Path) -> Path:
    """Return the file itself, or the shipped analysis of that name when there is no such file."""
    if path.exists():
        return path
    known = {p.stem: p for p in sorted(shipped("analyses").glob("*.toml"))}
    if path.parent in (Path(), Path("analyses")) and path.stem in known:
        return known[path.stem]
    near = {p.stem: p.name for p in path.parent.glob("*.toml")} if path.parent.is_dir() else {}
    hint = did_you_mean(path.stem, [*near, *known])
    for stem, name in near.items():
        hint = hint.replace(f"'{stem}'", f"'{name}'")
    raise UsageError(f"There is no analysis file {path}.{hint} Shipped: {', '.join(known)}.")


def make_plan(path: Path, *, formats: Sequence[str] | None = None, only: str | None = None) -> Plan:
    """Read and check an analysis file; `formats` and `only` stand for the command line's options.

    Raises UsageError with every mistake of the file, in the order of its lines.
    """
    draft = read_spec(path)
    codebook, about_codebook = _codebook(draft, path.parent)
    problems = [*draft.problems, *about_codebook, *check_names(draft, codebook)]
    if problems or codebook is None:
        raise UsageError(*sorted(problems, key=lambda p: (p.file or "", p.line or 0)))
    analysis = draft.analysis
    if only is not None:
        analysis = keep_only(analysis, only)
    if formats is not None:
        analysis = _with_formats(analysis, formats)
    report = analysis.report
    return Plan(
        name=path.stem,
        analysis=analysis,
        codebook=codebook,
        folder=_folder(draft, path.parent),
        policy=policy(report.profile, report.profile_reason),
        formats=report.formats,
        digest=hashlib.sha256(draft.document.text.encode()).hexdigest(),
    )


def _folder(draft: Draft, folder: Path) -> Path:
    """Return the folder at which the paths of the data section start."""
    name = draft.analysis.data.embedded
    if name is None:
        return folder
    known = embedded()
    if name not in known:
        hint = did_you_mean(name, known) or f" Known: {', '.join(known)}."
        message = f"unknown embedded study '{name}'.{hint}"
        raise UsageError(draft.document.problem(("data", "embedded"), message))
    return known[name]


def _codebook(draft: Draft, folder: Path) -> tuple[Codebook | None, Sequence[Problem]]:
    """Read the codebook that the data section asks for; its mistakes are part of the file's."""
    name = draft.analysis.data.codebook
    try:
        return read_codebook(_folder(draft, folder) / name if name else None), ()
    except PeerstatsError as error:
        return None, error.problems


def keep_only(analysis: Analysis, key: str) -> Analysis:
    """Return the analysis with the model, table or figure of that key and what it needs.

    Raises UsageError when nothing has the key.
    """
    parts = {n: getattr(analysis, n) for n in ("models", "tables", "figures")}
    known = [section.key for sections in parts.values() for section in sections]
    if key not in known:
        raise UsageError(
            f"Nothing in the analysis file has the key '{key}'.{did_you_mean(key, known)}"
        )
    wanted = {key}
    for section in (*parts["figures"], *parts["tables"]):
        if section.key in wanted:
            wanted |= {section.model, getattr(section, "table", None)} - {None}
    if any(model.key == key for model in parts["models"]):
        wanted |= {s.key for n in ("tables", "figures") for s in parts[n] if s.model == key}
    kept = {n: tuple(s for s in sections if s.key in wanted) for n, sections in parts.items()}
    return analysis.model_copy(update=kept)


def _with_formats(analysis: Analysis, formats: Sequence[str]) -> Analysis:
    for name in formats:
        if name not in FORMATS:
            hint = did_you_mean(name, FORMATS) or f" Known: {', '.join(FORMATS)}."
            raise UsageError(f"--formats: unknown format '{name}'.{hint}")
    report = analysis.report.model_copy(update={"formats": tuple(formats)})
    return analysis.model_copy(update={"report": report})
