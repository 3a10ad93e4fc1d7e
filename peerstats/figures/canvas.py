"""The sheet figures are drawn on: one style, sizes in inches, the same bytes every time.

Figures are built as objects (no pyplot), so nothing global changes: matplotlib's settings are put
in place for one drawing and restored. Text is never parsed as mathematics, so a `$` in a label is
a `$`. Only the fonts that come with matplotlib are used, and the file carries no software name or
date; the same numbers therefore give the same bytes on the same version.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

LACKING = "Glyph .* missing from"
WIDTH = 7.0  # inches: the text width of an A4 or Letter page
DPI = 180
INK, SOFT, FAINT = "#1a1a1a", "#595959", "#d0d0d0"
TEXT = 8.5  # points
SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "axes.titlesize": TEXT,
    "xtick.labelsize": TEXT - 0.5,
    "ytick.labelsize": TEXT - 0.5,
    "legend.fontsize": TEXT - 0.5,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "hatch.linewidth": 0.5,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "path.simplify": True,
    "savefig.dpi": DPI,
    "figure.dpi": DPI,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw inside this: matplotlib's defaults, seaborn's tick style, our sizes; then restored."""
    import matplotlib
    import seaborn

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update({**seaborn.axes_style("ticks"), **SETTINGS})
        with warnings.catch_warnings():
            # A letter that the shipped fonts lack is drawn as a box; it must not stop a report.
            warnings.filterwarnings("ignore", message=LACKING)
            yield


def sheet(height: float, width: float = WIDTH) -> Sheet:
    """Return an empty sheet of this size in inches that draws without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    made = Sheet(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(made)
    return made


def place_axes(drawing: Sheet, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes whose position and size are given in inches."""
    across, up = drawing.get_size_inches()
    return drawing.add_axes((left / across, bottom / up, width / across, height / up))


def boxes(axes: Axes, places: Iterable[tuple[float, float, float, float]], **look: Any) -> None:
    """Draw rectangles (left, bottom, width, height) of one look: one piece instead of a bar each,
    which takes a tenth of the time."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(x, y), (x, y + up), (x + across, y + up), (x + across, y)] for x, y, across, up in places
    ]
    axes.add_collection(PolyCollection(corners, **look), autolim=False)


def text_width(texts: list[str], size: float = TEXT) -> float:
    """Return the width in inches of the widest text, as it will be drawn."""
    return max((_width(text, size) for text in texts), default=0.0)


@lru_cache(maxsize=4096)  # the figures of a report share most of their labels
def _width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    font.set_size(size, 72)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=LACKING)
        font.set_text(text, 0.0, flags=LoadFlags.NO_HINTING)
    width: float = font.get_width_height()[0] / 64 / 72
    return width


def shorten(text: str, most: float, size: float = TEXT) -> str:
    """Cut a label that is wider than `most` inches, with an ellipsis."""
    if text_width([text], size) <= most:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if text_width([text[:middle].rstrip() + "…"], size) <= most:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…"


def watermark(drawing: Sheet) -> None:
    """Write SYNTHETIC across the sheet, behind what is drawn but not to be overlooked."""
    across, up = drawing.get_size_inches()
    size = min(54.0, 72 * up / 3, 72 * across / 9)
    drawing.text(
        0.5, 0.5, "SYNTHETIC", fontsize=size, color="#000000", alpha=0.08, rotation=12,
        ha="center", va="center", weight="bold", zorder=-1,
    )  # fmt: skip
    drawing.text(0.02 / across, 0.03 / up, "SYNTHETIC DATA", fontsize=6.5, color=SOFT)


def encode(drawing: Sheet, synthetic: bool) -> tuple[bytes, int, int]:
    """Return PNG bytes without metadata, and width and height in pixels."""
    if synthetic:
        watermark(drawing)
    buffer = io.BytesIO()
    # Level 2 of 9 takes a third of the time of the default and a few kilobytes more.
    packing = {"compress_level": 2}
    drawing.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs=packing)
    across, up = drawing.get_size_inches()
    return buffer.getvalue(), round(across * DPI), round(up * DPI)
