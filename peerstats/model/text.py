"""A fit in words: the table a terminal shows and the one a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What a summary prints: headline facts, two tables and messages."""

    title: str
    facts: Sequence[tuple[str, str]]
    fixed: pd.DataFrame
    random: pd.DataFrame
    messages: Sequence[str]


def number(value: object, digits: int = 4) -> str:
    """Return a number with that many significant digits, a dash when it is missing.

    >>> number(0.123456), number(float("nan"))
    ('0.1235', '–')
    """
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(float(value)):  # type: ignore[arg-type]
        return "–"
    return f"{float(value):.{digits}g}"  # type: ignore[arg-type]


def _p_value(value: float) -> str:
    """A p-value; one too small for a double is not printed as 0, which none is.

    >>> _p_value(0.0455), _p_value(1e-300)
    ('0.0455', '<0.0001')
    """
    return "<0.0001" if value < 1e-4 else number(value)


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    rows = [[str(c) for c in ("", *frame.columns)]]
    for label, values in zip(frame.index, frame.to_numpy(dtype=object), strict=True):
        cells = zip(frame.columns, values, strict=True)
        rows.append([str(label), *(_p_value(v) if c == "p" else number(v) for c, v in cells)])
    return rows


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_text(shown: Shown) -> str:
    """Return the summary for a terminal."""
    width = max((len(name) for name, _ in shown.facts), default=0)
    lines = [shown.title, "=" * len(shown.title)]
    lines += [f"{name.ljust(width)}  {value}" for name, value in shown.facts]
    if len(shown.random):
        lines += ["", "Random effects", *_aligned(_cells(shown.random))]
    if len(shown.fixed):
        lines += ["", "Fixed effects", *_aligned(_cells(shown.fixed))]
    if shown.messages:
        lines += ["", *(f"! {message}" for message in shown.messages)]
    return "\n".join(lines)


def as_html(shown: Shown) -> str:
    """Return the summary for a notebook; every word from the data is escaped."""
    facts = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in shown.facts
    )
    parts = [f"<h4>{escape(shown.title)}</h4><table>{facts}</table>"]
    for caption, frame in (("Random effects", shown.random), ("Fixed effects", shown.fixed)):
        if len(frame):
            parts.append(_html_table(caption, _cells(frame)))
    parts += [f"<p><strong>Note:</strong> {escape(message)}</p>" for message in shown.messages]
    return "<div class='peerstats-fit'>" + "".join(parts) + "</div>"


def _html_table(caption: str, rows: list[list[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows[1:]
    )
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"
