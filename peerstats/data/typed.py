"""Text → typed tables: each column read by its field, each absent cell with its code.

Distinct texts are read once and spread over their rows. All problems of a table are collected, so
that one run shows them together; each says how many values, never which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from peerstats.data.cells import UnreadableError, coded, mixes_grouping, reader_of
from peerstats.data.codebook import MISSING_CODES, Field
from peerstats.data.durations import Duration
from peerstats.data.raw import plain
from peerstats.data.study import Finding, Table
from peerstats.errors import Problem

# What programs and questionnaires write for "no answer" when nobody tells them how.
SENTINELS = frozenset(
    float(sign * number)
    for number in (7, 8, 9, 77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 7777, 8888, 9999, 99999)
    for sign in (1, -1)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Typing:
    """One table typed, and everything said on the way."""

    table: Table
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class _Column:
    values: dict[str, pd.Series]
    codes: pd.Series
    wrong: Counter[str] = field(default_factory=Counter)
    adjusted: int = 0
    suspicious: int = 0


def type_table(
    name: str, frame: pd.DataFrame, fields: Sequence[Field], decimal: str | None = None
) -> Typing:
    """Type a frame of text whose columns carry the names of `fields`.

    Returns the table (durations bring NAME_low and NAME_high along) and the problems found.
    """
    values: dict[str, pd.Series] = {}
    codes: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    findings: list[Finding] = []
    notes: list[str] = []
    for item in fields:
        column = _type_column(frame[item.name], item, decimal)
        given = int((column.codes == "").sum())
        for reason, count in column.wrong.items():
            message = f"{reason}: {count} of {given} values.{_way_out(reason)}"
            problems.append(Problem(message=message, table=name, column=item.column))
        if column.adjusted:
            notes.append(
                f"table '{name}', column '{item.column}': {column.adjusted} values matched after "
                "removing blanks and unseen characters or ignoring case"
            )
        if column.suspicious:
            findings.append(_sentinel_finding(name, item, column.suspicious, given))
        values |= column.values
        codes |= dict.fromkeys(column.values, column.codes)
    index = pd.RangeIndex(len(frame))
    table = Table(
        name=name,
        values=pd.DataFrame(values, index=index),
        codes=pd.DataFrame(codes, index=index, dtype=object),
    )
    return Typing(
        table=table, problems=tuple(problems), findings=tuple(findings), notes=tuple(notes)
    )


def _way_out(reason: str) -> str:
    """What to declare where cells are well written, only not as the codebook says."""
    if reason.startswith(("none of the levels", "not a list of the levels")):
        return (
            ' Declare other words in your codebook: aliases = { "word" = "level" }, or '
            'missing = { "word" = ".r" }.'
        )
    if reason == "not a number":
        return ' If they are words for no answer, declare them: missing = { "word" = ".r" }.'
    return ""


def _type_column(text: pd.Series, item: Field, decimal: str | None) -> _Column:
    places, uniques = pd.factorize(text.to_numpy(dtype=object))
    cells = [plain(str(cell)) for cell in uniques]
    absent = [_absence(cell, item) for cell in cells]
    counts = np.bincount(places, minlength=len(cells)) if len(places) else np.zeros(0, dtype=int)
    read = reader_of(item, decimal)
    wrong: Counter[str] = Counter()
    adjusted = 0
    answers: list[object] = []
    for raw, cell, code, count in zip(uniques, cells, absent, counts, strict=True):
        value: object = np.nan
        if not code:
            try:
                value = read(cell)
            except UnreadableError as error:
                wrong[error.reason] += int(count)
            else:
                adjusted += int(count) * _was_adjusted(raw, cell, value)
        answers.append(value)
    if item.type == "number" and not (item.decimal or item.thousands or decimal):
        present = [cell for cell, code in zip(cells, absent, strict=True) if not code]
        if not wrong and mixes_grouping(present):
            reason = (
                "three digits after every dot beside whole numbers: grouping or decimals? Declare "
                'thousands = "." or decimal = "." for this column'
            )
            wrong[reason] = int(sum(counts[i] for i, c in enumerate(cells) if "." in c))
    column = _Column(
        values=_spread(answers, places, item),
        codes=pd.Series(np.array(absent, dtype=object)[places], dtype=object),
        wrong=wrong,
        adjusted=adjusted,
    )
    if item.type in ("number", "integer") and not wrong:
        column.suspicious = suspicious_values(column.values[item.name])
    return column


def _absence(cell: str, item: Field) -> str:
    """The code of an absent cell, "" for an answer."""
    if cell == "":
        return ".m"
    if cell in MISSING_CODES:
        return cell
    declared = item.missing or {}
    if cell in declared:
        return declared[cell]
    if cell.endswith(".0"):  # -99 that a program wrote as -99.0
        return declared.get(cell[:-2], "")
    return ""


def _was_adjusted(raw: object, cell: str, value: object) -> bool:
    if str(raw) != cell:
        return True
    return isinstance(value, str) and value != cell and value.casefold() == cell.casefold()


def _spread(answers: list[object], places: np.ndarray, item: Field) -> dict[str, pd.Series]:
    """Distinct answers over their rows, in the type that the field's values have."""
    if item.type == "duration":
        parts = {"": "value", "_low": "low", "_high": "high"}
        return {
            item.name + end: pd.Series(
                np.array(
                    [getattr(a, part) if isinstance(a, Duration) else np.nan for a in answers],
                    dtype=float,
                )[places]
            )
            for end, part in parts.items()
        }
    if item.type == "date":
        days = pd.to_datetime(pd.Series(answers, dtype=object)).astype("datetime64[ns]")
        return {item.name: days.iloc[places].reset_index(drop=True)}
    worded = item.type == "ordinal" and bool(item.levels) and not coded(item)
    if item.type == "category" or worded:
        order = {level.value: number for number, level in enumerate(item.levels)}
        codes = np.array(
            [order.get(a, -1) if isinstance(a, str) else -1 for a in answers], dtype=int
        )
        dtype = pd.CategoricalDtype(pd.Index(list(order), dtype=object), ordered=worded)
        return {item.name: pd.Series(pd.Categorical.from_codes(codes[places], dtype=dtype))}
    kind = object if item.type in ("key", "text", "multi") else float
    array = np.empty(len(answers), dtype=kind)
    array[:] = answers
    return {item.name: pd.Series(array[places], dtype=kind)}


def suspicious_values(values: pd.Series) -> int:
    """How many values look like undeclared codes for "no answer" (99, -99, 999, …).

    A code stands apart: it is negative where every other value is not, or at least half as large
    again as the largest other value.
    """
    present = values.dropna()
    coded_values = present[present.isin(SENTINELS)]
    rest = present[~present.isin(SENTINELS)]
    if coded_values.empty or rest.empty:
        return 0
    apart = (coded_values >= 77) & (coded_values >= 1.5 * rest.max())
    if rest.min() >= 0:
        apart |= coded_values < 0
    return int(apart.sum())


def _sentinel_finding(table: str, item: Field, count: int, given: int) -> Finding:
    return Finding(
        rule="sentinel",
        severity="warn",
        table=table,
        columns=(item.name,),
        count=count,
        checked=given,
        message=(
            f"{count} of {given} values look like codes for a missing answer (such as 999 or -99). "
            'If they are, declare them in the codebook: missing = { "999" = ".m" }.'
        ),
    )


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame made by a program as the text a CSV file of it would hold, "" where absent.

    Whole floats lose their ".0", booleans become 1 and 0, days are ISO.
    """
    return pd.DataFrame({str(name): _texts(frame[name]) for name in frame.columns}, dtype=object)


def _texts(column: pd.Series) -> list[str]:
    cells = column.astype(object).to_numpy()
    if all(type(cell) is str for cell in cells):
        return list(cells)
    absent = column.isna().to_numpy()
    return ["" if gone else _text(cell) for cell, gone in zip(cells, absent, strict=True)]


def _text(cell: object) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return str(int(cell))
    if isinstance(cell, (float, np.floating)):
        number = float(cell)
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    if isinstance(cell, pd.Timestamp) or hasattr(cell, "isoformat"):
        return str(cell.isoformat())[:10]
    return str(cell)
