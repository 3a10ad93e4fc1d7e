"""Power curves of a planned study, and the smallest effect that each design can find.

One panel an effect: power against women a venue, a line for each number of sites, with the band of
the simulation's own error. The last panel has the smallest detectable effect. Lines differ in
marker and shade, so that they can be told apart in grey.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from peerstats.figures.canvas import INK, SOFT, WIDTH, encode, place_axes, sheet, style
from peerstats.inference.power.simulate import DesignRow
from peerstats.spec.power import PowerPlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 3
PANEL, GAP_UP, LEFT, BOTTOM, TOP = 2.05, 0.85, 0.62, 0.95, 0.75
MARKERS = "osD^vPX*<>"
LONG = {"pr": "prevalence ratio", "or": "odds ratio"}


def draw_power(plan: PowerPlan, rows: Sequence[DesignRow]) -> bytes:
    """Return a PNG of the designs that can test the exposure; the others are named below."""
    effects = plan.effect.values[:MOST_PANELS]
    tested = [row for row in rows if not row.reason]
    panels = [*effects, None]
    across = 2 if len(panels) > 1 else 1
    down = -(-len(panels) // across)
    height = TOP + down * PANEL + (down - 1) * GAP_UP + BOTTOM
    with style():
        drawing = sheet(height)
        width = (WIDTH - LEFT * across - 0.15) / across
        for at, effect in enumerate(panels):
            left = LEFT + (at % across) * (width + LEFT)
            bottom = height - TOP - PANEL - (at // across) * (PANEL + GAP_UP)
            axes = place_axes(drawing, left, bottom, width, PANEL)
            if effect is None:
                _smallest(axes, plan, tested)
            else:
                _curves(axes, plan, tested, effect)
            _finish(axes, plan)
        drawing.text(0.02, 1 - 0.2 / height, plan.title, weight="bold", va="center")
        _legend(drawing, tested, height)
        drawing.text(0.02, 0.12 / height, _below(plan, rows), color=SOFT, fontsize=7, va="bottom")
        return encode(drawing, synthetic=False)[0]


def _shade(at: int, of: int) -> str:
    """From light to dark blue with the number of sites."""
    import seaborn

    colours: list[str] = seaborn.color_palette("crest", max(of, 2)).as_hex()
    return colours[at]


def _curves(axes: Axes, plan: PowerPlan, rows: Sequence[DesignRow], effect: float) -> None:
    """Power with its 95 % Monte-Carlo band."""
    place = plan.effect.values.index(effect)
    every = sorted({row.sites for row in rows})
    for at, sites in enumerate(every):
        own = sorted((r for r in rows if r.sites == sites), key=lambda r: r.women_per_venue)
        x = [row.women_per_venue for row in own]
        y = [100 * row.found[place].power for row in own]
        half = [196 * row.found[place].error for row in own]
        colour = _shade(at, len(every))
        axes.fill_between(
            x,
            [max(v - h, 0) for v, h in zip(y, half, strict=True)],
            [min(v + h, 100) for v, h in zip(y, half, strict=True)],
            color=colour, alpha=0.18, linewidth=0,
        )  # fmt: skip
        axes.plot(
            x, y, color=colour, marker=MARKERS[at % len(MARKERS)], markersize=4, linewidth=1.2
        )
    axes.axhline(100 * plan.target, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.axhline(5, color=SOFT, linewidth=0.6, linestyle=(0, (1, 2)))
    axes.set_ylim(0, 102)
    axes.set_ylabel("Power, %")
    axes.set_title(f"{LONG[plan.effect.measure].capitalize()} {effect:g}", loc="left")


def _smallest(axes: Axes, plan: PowerPlan, rows: Sequence[DesignRow]) -> None:
    """The smallest detectable effect on a log axis."""
    every = sorted({row.sites for row in rows})
    shown = []
    for at, sites in enumerate(every):
        own = sorted((r for r in rows if r.sites == sites), key=lambda r: r.women_per_venue)
        points = [(r.women_per_venue, r.smallest) for r in own if math.isfinite(r.smallest)]
        if not points:
            continue
        shown += [value for _, value in points]
        axes.plot(
            [x for x, _ in points], [y for _, y in points], color=_shade(at, len(every)),
            marker=MARKERS[at % len(MARKERS)], markersize=4, linewidth=1.2,
        )  # fmt: skip
    axes.set_yscale("log")
    low, high = min([*shown, 1.0]), max([*shown, 1.0])
    steps = (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4, 6, 10)
    ticks = [t for t in steps if low / 1.05 <= t <= high * 1.15]
    if high / low > 2:
        ticks = [t for t in ticks if t not in (0.9, 1.1)]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylabel(LONG[plan.effect.measure].capitalize())
    axes.set_title(f"Smallest found with power {100 * plan.target:g}%", loc="left")


def _finish(axes: Axes, plan: PowerPlan) -> None:
    import seaborn

    women = sorted(set(plan.design.women_per_venue))
    axes.set_xscale("log")
    axes.set_xticks(women, [f"{w:g}" for w in women])
    axes.set_xticks([], minor=True)
    axes.set_xlim(women[0] / 1.1, women[-1] * 1.1)
    per = "venue" if plan.design.venues_per_site > 1 else "site"
    axes.set_xlabel(f"Women per {per}")
    seaborn.despine(ax=axes)


def _legend(drawing: object, rows: Sequence[DesignRow], height: float) -> None:
    from matplotlib.lines import Line2D

    every = sorted({row.sites for row in rows})
    handles = [
        Line2D(
            [], [], color=_shade(at, len(every)), marker=MARKERS[at % len(MARKERS)], markersize=4,
            linewidth=1.2, label=f"{sites} sites",
        )
        for at, sites in enumerate(every)
    ]  # fmt: skip
    if handles:
        drawing.legend(  # type: ignore[attr-defined]
            handles=handles, loc="upper left", ncols=len(handles), frameon=False,
            bbox_to_anchor=(0.01, 1 - 0.28 / height), labelcolor=INK, columnspacing=1.4,
        )  # fmt: skip


def _below(plan: PowerPlan, rows: Sequence[DesignRow]) -> str:
    """What the lines are, and which designs are not drawn."""
    text = (
        f"Bands: 95% Monte-Carlo error of {plan.replicates} replicates. Dashed: target power; "
        "dotted: 5%, what a test finds without any effect."
    )
    refused = sorted({row.sites for row in rows if row.reason})
    if refused:
        named = ", ".join(str(sites) for sites in refused)
        text += (
            f"\nWith {named} sites the exposure cannot be tested (fewer than 3 degrees of freedom)."
        )
    return text
