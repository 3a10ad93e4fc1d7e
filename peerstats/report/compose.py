"""Results and a layout → a Document: which pieces stand in which section, numbered in order.

A layout lists what to show, in order, as (sort, kind, block key), for example
`("table", "baseline", "t1")` or `("figure", "forest", "m1")`. The section follows from the kind.
What a reader must not miss is added when the layout leaves it out: every model's reasons for
adjustment and how its fits went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from peerstats.errors import UsageError
from peerstats.figures import Figure, build_figure
from peerstats.render import Bullets, Document, Facts, Heading, Paragraph, Piece, Section
from peerstats.report.audit import audit_sentences
from peerstats.report.methods import (
    DESCRIPTIVE,
    disclosure_sentences,
    dropped_sentences,
    gate_actions,
    model_paragraph,
    software_sentence,
)
from peerstats.report.sentences import (
    cautions,
    exposure_sentences,
    flow_sentence,
    unanswered,
    variation_sentences,
)
from peerstats.report.words import joined, sentence
from peerstats.results import Results, address
from peerstats.results.blocks import (
    ApproximationBlock,
    AuditBlock,
    BaselineBlock,
    CalibrationBlock,
    CheckBlock,
    FlowBlock,
    GroupBlock,
    InfluenceBlock,
    LinearityBlock,
    MissingBlock,
    ModelBlock,
    QualityBlock,
    ReliabilityBlock,
    ResidualBlock,
)
from peerstats.results.text import Cell
from peerstats.tables import Table, build_table

Place = tuple[Literal["table", "figure"], str, str]
Layout = Sequence[Place]

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "participants": ("flow", "missingness", "baseline", "distributions"),
    "results": ("model", "forest", "caterpillar", "audit"),
    "checking": ("calibration", "residuals", "influence", "approximation", "linearity"),
    "quality": ("quality", "reliability"),
    "adjustment": ("adjustment",),
    "verify": ("fits",),
}
SHOWN_AS: Mapping[type, tuple[tuple[Literal["table", "figure"], str], ...]] = {
    FlowBlock: (("table", "flow"),),
    BaselineBlock: (("table", "baseline"), ("figure", "distributions")),
    MissingBlock: (("table", "missingness"), ("figure", "missingness")),
    ModelBlock: (("table", "model"), ("figure", "forest")),
    GroupBlock: (("figure", "caterpillar"),),
    CalibrationBlock: (("figure", "calibration"),),
    ResidualBlock: (("figure", "residuals"),),
    InfluenceBlock: (("figure", "influence"),),
    ApproximationBlock: (("figure", "approximation"),),
    LinearityBlock: (("figure", "linearity"),),
    QualityBlock: (("table", "quality"),),
    ReliabilityBlock: (("table", "reliability"),),
}


def default_layout(results: Results) -> tuple[Place, ...]:
    """Return a layout that shows every block in every way it can be shown."""
    return tuple(
        (sort, kind, key)
        for key, block in results.blocks.items()
        for sort, kind in SHOWN_AS.get(type(block), ())
    )


def compose(results: Results, layout: Layout, software: Mapping[str, str]) -> Document:
    """Return the report as sections of pieces, its tables and figures built and numbered.

    `software` maps names to versions. `UsageError` for an unknown kind or a block of another kind.
    """
    models = tuple(b for b in results.blocks.values() if isinstance(b, ModelBlock))
    audits = tuple(b for b in results.blocks.values() if isinstance(b, AuditBlock))
    shown = _shown(results, _complete(layout, models, audits))
    sections = (
        Section(key="summary", heading="Summary", pieces=_summary(results, models)),
        *_given(results),
        Section(key="methods", heading="Methods", pieces=_methods(results, models, software)),
        Section(
            key="participants", heading="Participants", pieces=tuple(_of(shown, "participants"))
        ),
        Section(key="results", heading="Results", pieces=tuple(_results(results, models, shown))),
        Section(
            key="checking",
            heading="Model checking",
            pieces=tuple(_checking(results, models, shown)),
        ),
        Section(key="limits", heading=LIMITS, pieces=_limits(results, models)),
        Section(key="quality", heading="Data quality", pieces=tuple(_of(shown, "quality"))),
        Section(
            key="adjustment",
            heading="Why each variable is adjusted for",
            pieces=tuple(_of(shown, "adjustment")),
        ),
        Section(key="verify", heading="How to verify", pieces=(VERIFY, *_of(shown, "verify"))),
    )
    document = Document(
        title=results.title,
        results=results,
        facts=_facts(results),
        sections=tuple(section for section in sections if section.pieces),
    )
    return _numbered(document)


def _facts(results: Results) -> Facts:
    """What the report is about; where the data come from only if the analysis file says so."""
    data = (("Data", (results.provenance,)),) if results.provenance.strip() else ()
    return Facts(pairs=(("Analysis", (results.analysis,)), *data))


LIMITS = "What these data cannot answer"
VERIFY = Paragraph(
    text=(
        "Every number in this report has an address, such as “m1.age.or”, under which results.json "
        "holds it with its kind, scale, exact value and the fit it came from. In the HTML report "
        "the address stands in the attribute data-key around the number; in the Markdown report a "
        "comment after each table and paragraph lists the addresses in the order of the numbers. "
        "manifest.json lists every file with its checksum.",
    )
)


def _complete(
    layout: Layout, models: tuple[ModelBlock, ...], audits: tuple[AuditBlock, ...]
) -> list[Place]:
    """Add the tables that no report may leave out."""
    places = list(layout)
    for kind in ("adjustment", "fits"):
        for block in models:
            place: Place = ("table", kind, block.key)
            if place not in places:
                places.append(place)
    for audit in audits:
        place = ("table", "audit", audit.model)
        if place not in places:
            places.append(place)
    return places


def _shown(results: Results, places: list[Place]) -> list[tuple[Place, Table | Figure]]:
    """Build what the layout asks for."""
    built: list[tuple[Place, Table | Figure]] = []
    for sort, kind, block in places:
        if sort not in ("table", "figure"):
            raise UsageError(f"A layout holds tables and figures; '{sort}' is neither.")
        make = build_table if sort == "table" else build_figure
        built.append(((sort, kind, block), make(results, kind, block)))
    return built


def _of(shown: list[tuple[Place, Table | Figure]], section: str) -> Iterator[Piece]:
    """The displays of one section."""
    for (_, kind, _), piece in shown:
        if kind in SECTIONS[section]:
            yield piece


def _summary(results: Results, models: tuple[ModelBlock, ...]) -> tuple[Piece, ...]:
    """Flow and every exposure's estimate, as an abstract gives them."""
    items: list[Cell] = [
        flow_sentence(results, b) for b in results.blocks.values() if isinstance(b, FlowBlock)
    ]
    for block in models:
        items += exposure_sentences(results, block)
    found = tuple(item for item in items if item)
    return (Bullets(items=found),) if found else ()


def _given(results: Results) -> Iterator[Section]:
    """The sections whose text the analysis file gives."""
    for i, (heading, text) in enumerate(results.sentences):
        paragraphs = tuple(
            Paragraph(text=(part.strip(),)) for part in text.split("\n\n") if part.strip()
        )
        yield Section(key=f"given-{i + 1}", heading=heading, pieces=paragraphs)


def _methods(
    results: Results, models: tuple[ModelBlock, ...], software: Mapping[str, str]
) -> tuple[Piece, ...]:
    """How the variables were described, each model fitted and the women protected."""
    pieces: list[Piece] = [Paragraph(text=(results.unit,))] if results.unit else []
    if any(isinstance(block, BaselineBlock) for block in results.blocks.values()):
        pieces.append(Paragraph(text=(DESCRIPTIVE,)))
    pieces += [Paragraph(text=model_paragraph(results, block)) for block in models]
    pieces += [Paragraph(text=text) for text in dropped_sentences(results, models)]
    pieces += [Paragraph(text=text) for text in disclosure_sentences(results.clearance)]
    if actions := gate_actions(results.clearance):
        pieces.append(Bullets(items=actions))
    said = software_sentence(software)
    return (*pieces, *((Paragraph(text=said),) if said else ()))


def _results(
    results: Results, models: tuple[ModelBlock, ...], shown: list[tuple[Place, Table | Figure]]
) -> Iterator[Piece]:
    """Model by model: the question, what was found, what to beware of, its table and figures."""
    for block in models:
        yield Heading(text=block.title)
        if block.question:
            yield Paragraph(text=(sentence(block.question),))
        for text in (*exposure_sentences(results, block), *variation_sentences(results, block)):
            yield Paragraph(text=text)
        if warned := cautions(results, block):
            yield Paragraph(text=("Caution. ", *joined(warned, " ")))
        for (_, kind, key), piece in shown:
            if kind in SECTIONS["results"] and _model_of(results, key) == block.key:
                yield piece
        audit = results.blocks.get(address(block.key, "audit"))
        if isinstance(audit, AuditBlock):
            yield from (Paragraph(text=text) for text in audit_sentences(results, audit))


def _model_of(results: Results, key: str) -> str:
    """The model a block belongs to: its own, or that of a group block."""
    block = results.blocks[key]
    return block.model if isinstance(block, GroupBlock | CheckBlock) else key


def _checking(
    results: Results, models: tuple[ModelBlock, ...], shown: list[tuple[Place, Table | Figure]]
) -> Iterator[Piece]:
    """Model by model: each check with the sentence that reads it out."""
    for block in models:
        found = [
            piece
            for (_, kind, key), piece in shown
            if kind in SECTIONS["checking"] and _model_of(results, key) == block.key
        ]
        if found:
            yield Heading(text=block.title)
        for piece in found:
            if isinstance(piece, Figure) and piece.reading:
                yield Paragraph(text=piece.reading)
            yield piece


def _limits(results: Results, models: tuple[ModelBlock, ...]) -> tuple[Piece, ...]:
    """Every question that was refused, under the model that asked it."""
    pieces: list[Piece] = []
    for block in models:
        items = tuple(unanswered(results, block))
        if items:
            pieces += [Paragraph(text=(block.question or block.title,)), Bullets(items=items)]
    if not pieces and models:
        pieces.append(Paragraph(text=("No model was refused and no test was withheld.",)))
    return tuple(pieces)


def _numbered(document: Document) -> Document:
    """Number tables and figures in the order in which a reader meets them."""
    counts = {Table: 0, Figure: 0}
    sections = []
    for section in document.sections:
        pieces: list[Piece] = []
        for piece in section.pieces:
            if isinstance(piece, Table | Figure):
                counts[type(piece)] += 1
                pieces.append(replace(piece, number=counts[type(piece)]))
            else:
                pieces.append(piece)
        sections.append(replace(section, pieces=tuple(pieces)))
    return replace(document, sections=tuple(sections))
