"""The figure of the coverage study: every cell by number of sites, the default beside peers."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
import matplotlib.pyplot as plt
import seaborn as sns

NAMES = {
    "default": "peerstats, default rule",
    "shown_without_test": "peerstats, interval without a test",
    "wald_z": "mixed model, Wald z (as lme4)",
    "gee_z": "GEE, robust z (as statsmodels)",
    "poisson_z": "modified Poisson, cluster z (as statsmodels)",
}
TITLES = {
    "a": "a  individual exposure",
    "b": "b  venue type, clustered in sites",
    "c": "c  site-level exposure",
}
SPREAD = 0.72  # of the room between two numbers of sites
SPLIT = 88.0  # percent: below it the axis is compressed


def draw_figure(lines: pd.DataFrame, path: Path) -> None:
    """Draw the cells without confounding: points are cells, bars their median."""
    sns.set_theme(style="ticks", context="paper", font_scale=1.1)
    colours = _colours()
    plain = lines[lines["confounded"] == 0]
    figure, axes = plt.subplots(
        2, 3, figsize=(12, 6.4), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    for column, (term, title) in enumerate(TITLES.items()):
        top, bottom = axes[0, column], axes[1, column]
        for axis in (top, bottom):
            _panel(axis, plain[plain["term"] == term], colours)
        top.set_ylim(SPLIT, 100.2)
        bottom.set_ylim(0, SPLIT)
        top.set_title(title, loc="left", fontweight="bold")
        bottom.set_xlabel("sites")
        if column:
            top.set_yticklabels([])
            bottom.set_yticklabels([])
    figure.supylabel("coverage of 95 % intervals, %; two scales", fontsize="medium")
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", color=colours[m], label=label, mfc=_fill(m, c))
        for m, label in NAMES.items()
        for c in (colours[m],)
    ]
    handles.append(plt.Rectangle((0, 0), 1, 1, color="0.86", label="95 % ± 2 Monte Carlo errors"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def _colours() -> dict[str, tuple[float, float, float]]:
    blue, orange, green, _, purple, *_ = sns.color_palette("colorblind")
    return dict(zip(NAMES, (blue, blue, orange, green, purple), strict=True))


def _fill(method: str, colour: tuple[float, float, float]) -> tuple[float, float, float] | str:
    return "white" if method == "shown_without_test" else colour


def _panel(axis: plt.Axes, lines: pd.DataFrame, colours: dict[str, tuple[float, ...]]) -> None:
    sites = sorted(lines["sites"].unique())
    count = lines.loc[lines["method"] == "default", "replicates"].max()
    error = 100 * np.sqrt(0.95 * 0.05 / count) if count else 0.0
    axis.axhspan(95 - 2 * error, 95 + 2 * error, color="0.86", lw=0, zorder=0)
    axis.axhline(95, color="0.4", lw=0.8, zorder=1)
    slots = {"default": 0, "shown_without_test": 0, "wald_z": 1, "gee_z": 2, "poisson_z": 3}
    rng = np.random.default_rng(1)
    for (method, J), group in lines.groupby(["method", "sites"]):
        centre = sites.index(J) + SPREAD * (slots[str(method)] - 1.5) / 4
        values = 100 * group["coverage"].to_numpy()
        colour = colours[str(method)]
        jitter = rng.uniform(-0.06, 0.06, len(values))
        fill = _fill(str(method), colour)
        axis.scatter(
            centre + jitter, values, s=7, color=[colour], facecolor=[fill], lw=0.5, alpha=0.7
        )
        axis.hlines(np.nanmedian(values), centre - 0.09, centre + 0.09, color=colour, lw=2)
    axis.set_xticks(range(len(sites)), [str(J) for J in sites])
    axis.set_xlim(-0.6, len(sites) - 0.4)
    sns.despine(ax=axis)
