"""A report from results: composed once, rendered in as many formats as are wanted."""

from __future__ import annotations

from collections.abc import Mapping

from peerstats.report.compose import Layout, Place, compose, default_layout
from peerstats.report.template import TEMPLATES, Rendered, render_document, unknown_names
from peerstats.results import Results

__all__ = [
    "TEMPLATES", "Layout", "Place", "Rendered", "compose", "default_layout", "render",
    "render_document", "unknown_names",
]  # fmt: skip


def render(
    results: Results,
    layout: Layout,
    fmt: str,
    software: Mapping[str, str],
    template: str = "standard",
) -> Rendered:
    """Compose and render in one step; for several formats compose once, then render each."""
    return render_document(compose(results, layout, software), fmt, template)
