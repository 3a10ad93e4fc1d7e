"""Pieces of a report → characters, one file a format."""

from __future__ import annotations

from collections.abc import Mapping

from peerstats.render.document import (
    Bullets,
    Document,
    Facts,
    Heading,
    Paragraph,
    Piece,
    Section,
)
from peerstats.render.format import Format
from peerstats.render.html import HTML
from peerstats.render.markdown import MARKDOWN

__all__ = [
    "FORMATS", "Bullets", "Document", "Facts", "Format", "Heading", "Paragraph", "Piece", "Section",
]  # fmt: skip

FORMATS: Mapping[str, Format] = {"html": HTML, "md": MARKDOWN}
