"""The analysis file as a value: what may stand in it, and what each key means.

Only the shape is decided here. Whether a variable, family, table or format exists is asked later of
the codebook and the registries, so that adding one of those never touches this file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="a short lower-case name")]
Words = Annotated[str, Field(min_length=3)]

TABLE_NAMES = (
    "participants",
    "sites",
    "venues",
    "visits",
    "support_acts",
    "violence",
    "work_history",
)


class Section(BaseModel):
    """Base of every section: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class DataSection(Section):
    """Where the tables come from: a synthetic profile, or files.

    Paths start at the analysis file's folder, or with `embedded` at that of a study that peerstats
    ships.
    """

    synthetic: str | None = None
    embedded: str | None = None
    participants: str | None = None
    sites: str | None = None
    venues: str | None = None
    visits: str | None = None
    support_acts: str | None = None
    violence: str | None = None
    work_history: str | None = None
    codebook: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    unit: Literal["participants", "visits"] = "participants"
    population: str | None = Field(
        None, description="who is analysed, e.g. 'migrant_type = international'"
    )
    population_label: str | None = None
    exclude: tuple[str, ...] = Field((), description="rules whose rows are left out, not refused")
    ignore: tuple[str, ...] = Field((), description="columns that are knowingly not used")
    provenance: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> DataSection:
        given = [n for n in ("synthetic", "participants") if getattr(self, n)]
        if len(given) != 1:
            raise ValueError(
                "give one source of data, 'synthetic' (a profile) or 'participants' (a file); "
                f"found {' and '.join(given) or 'none'}"
            )
        if self.participants and not self.sites:
            raise ValueError("give 'sites' (a file with one row a site) beside 'participants'")
        return self


class OutcomeSection(Section):
    """An outcome: which variable, and the words for it."""

    key: Key
    variable: str
    label: str | None = None


class CovariateSection(Section):
    """A covariate and the reason why it is adjusted for; the reason is printed."""

    term: str
    reason: Words


class ModelSection(Section):
    """One association: exposure, outcome, what is adjusted for and why, and the sites."""

    key: Key
    title: str | None = None
    outcome: str
    exposure: str
    covariates: tuple[CovariateSection, ...] = ()
    modifiers: tuple[str, ...] = ()
    random: str = Field("", description="random effects in lme4 notation, e.g. '(1 | site_id)'")
    family: str = "binomial"
    link: str | None = None
    method: str = "laplace"
    nodes: int = Field(25, ge=1, le=100)
    if_not_estimable: Literal["stop", "report"] = "stop"
    inference: str = Field("default", description="a method to show beside the rule's")
    inference_reason: str = Field("", description="why that method, as the report prints it")
    question: str = Field(
        "", description="what the model asks, in words; printed when it cannot be answered"
    )


class TableSection(Section):
    """A table of the report."""

    key: Key
    kind: str
    title: str | None = None
    by: str | None = None
    variables: tuple[str, ...] = ()
    model: str | None = None
    scales: tuple[str, ...] = ()


class FigureSection(Section):
    """A figure of the report."""

    key: Key
    kind: str
    title: str | None = None
    table: str | None = Field(None, description="the table whose numbers are drawn")
    model: str | None = None
    factor: str | None = Field(None, description="the grouping factor whose groups are shown")


class ReportSection(Section):
    """How the report looks and what may leave the building."""

    template: str = "standard"
    formats: tuple[str, ...] = ("html", "md")
    profile: str = "standard"
    profile_reason: str = ""
    audit: bool = False  # simulate how each method does on this study's own layout


class Analysis(Section):
    """A whole analysis file."""

    title: Words
    seed: int = Field(1, ge=0)
    data: DataSection
    outcomes: tuple[OutcomeSection, ...] = ()
    models: tuple[ModelSection, ...] = ()
    tables: tuple[TableSection, ...] = ()
    figures: tuple[FigureSection, ...] = ()
    report: ReportSection = ReportSection()


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of an analysis file, for editors that complete and check TOML."""
    schema = Analysis.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
