"""What a format must be able to do: write each kind of piece, and escape foreign text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from peerstats.render.document import Piece
from peerstats.results import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A text format, laid out by a template `reports/NAME<suffix>.j2`.

    `piece` writes one piece of a report; `escape` neutralises text that has a meaning in the
    format; `images_beside` says that figures are files in `figures/`, not inside the text.
    """

    name: str
    suffix: str
    piece: Callable[[Piece, Results], str]
    escape: Callable[[str], str]
    images_beside: bool
