"""Templates from `reports/`, filled in a sandbox that stops at a name it does not know.

A template is `reports/NAME<suffix>.j2`. It lays out what `compose` made and can call nothing else:
Jinja's sandbox refuses attributes that reach into Python, a misspelt name is an error instead of a
blank, and in HTML everything is escaped that the renderer has not written itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peerstats.errors import UsageError, did_you_mean
from peerstats.render import FORMATS, Document, Format, Piece
from peerstats.render.html import anchor
from peerstats.resources import shipped

if TYPE_CHECKING:
    from jinja2 import Environment

CONTEXT = ("anchor", "document", "style", "text", "write")  # what a template may name
TEMPLATES = tuple(sorted(path.name.split(".")[0] for path in shipped("reports").glob("*.html.j2")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A report in one format: its text, and the pictures to write beside it by relative path."""

    suffix: str
    text: str
    images: dict[str, bytes]


def render_document(document: Document, fmt: str, template: str = "standard") -> Rendered:
    """Fill a template with a document; the same document gives the same bytes.

    Raises `UsageError` for an unknown format or template.
    """
    from markupsafe import Markup

    form = _format(fmt)
    environment = _environment(form)
    source = environment.get_template(_file(template, form))

    def write(piece: Piece) -> str:
        done = form.piece(piece, document.results)
        return Markup(done) if form.name == "html" else done  # noqa: S704 - escaped by the renderer

    text = source.render(
        anchor=anchor, document=document, style=_style(form), text=form.escape, write=write
    )
    if form.name != "html":
        text = re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"
    return Rendered(suffix=form.suffix, text=text, images=_images(document, form))


def unknown_names(template: str, fmt: str) -> tuple[str, ...]:
    """Return the names a template uses that no report has, so that a plan can refuse it early."""
    from jinja2 import meta

    environment = _environment(form := _format(fmt))
    if environment.loader is None:
        return ()
    source, _, _ = environment.loader.get_source(environment, _file(template, form))
    found = meta.find_undeclared_variables(environment.parse(source))
    return tuple(sorted(found - set(CONTEXT)))


def _format(fmt: str) -> Format:
    if fmt not in FORMATS:
        raise UsageError(f"Unknown format '{fmt}'.{did_you_mean(fmt, FORMATS)}")
    return FORMATS[fmt]


def _file(template: str, form: Format) -> str:
    """The file of a template; only names of shipped templates are looked for."""
    if template not in TEMPLATES:
        raise UsageError(f"Unknown template '{template}'.{did_you_mean(template, TEMPLATES)}")
    return f"{template}{form.suffix}.j2"


def _environment(form: Format) -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(shipped("reports")),
        autoescape=form.name == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )


def _style(form: Format) -> str:
    """The style sheets, shipped with the package, that stand inside an HTML report."""
    from markupsafe import Markup

    if form.name != "html":
        return ""
    sheets = (shipped("reports") / name for name in ("standard.css", "print.css"))
    text = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return Markup(text)  # noqa: S704 - our own file, holds no text from a study


def _images(document: Document, form: Format) -> dict[str, bytes]:
    from peerstats.render.markdown import path

    return {path(figure): figure.png for figure in document.figures} if form.images_beside else {}
