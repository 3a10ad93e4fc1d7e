"""One cell of text → one value, by the type of its field.

Nothing here is lenient on its own account: a number is digits with the decimal mark that was
declared, a date is ISO unless the codebook gives a format, a category is one of its levels. What
fits nothing raises UnreadableError, whose reason never repeats the text.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping

from peerstats.data.codebook import Field
from peerstats.data.durations import Duration, parse_duration, per_year
from peerstats.data.raw import plain
from peerstats.errors import DataError

Read = Callable[[str], object]


class UnreadableError(Exception):
    """A cell that is not what its field declares; `reason` is fit for a log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reader_of(field: Field, decimal: str | None = None) -> Read:
    """Return the function that reads one non-empty cell of a field.

    `decimal` is the mark of the whole file; the field's own wins. Values are: text for keys and
    text; float for numbers, integers, booleans (0, 1) and ordinals coded by integers; the level for
    categories and worded ordinals; levels joined by ";" for multi; datetime for dates; Duration, in
    the field's unit, for durations.
    """
    if field.type in ("key", "text"):
        return str
    if field.type == "date":
        return lambda text: read_date(text, field.format)
    if field.type == "duration":
        return _duration_reader(field, decimal)
    if field.type == "multi":
        return _multi_reader(field)
    if field.levels:
        return _level_reader(field)
    return _number_reader(field, decimal)


# --------------------------------------------------------------------------------------- numbers


def read_number(text: str, decimal: str = ".", thousands: str | None = None) -> float:
    """Read digits 0-9 with the declared marks; everything else is UnreadableError.

    >>> read_number("1.234,5", decimal=",", thousands=".")
    1234.5
    """
    whole = r"\d+"
    if thousands is not None:
        whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)"
    point = re.escape(decimal)
    pattern = rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
    typed = text.replace("−", "-")
    if re.fullmatch(pattern, typed, flags=re.ASCII) is None:
        raise UnreadableError(_why_not_a_number(typed, decimal))
    value = float(typed.replace(thousands or "", "").replace(decimal, "."))
    if math.isinf(value):
        raise UnreadableError("too large for a number")
    return value


def _why_not_a_number(text: str, decimal: str) -> str:
    if re.fullmatch(r"[+-]?inf(inity)?", text, flags=re.IGNORECASE):
        return "infinite"
    if re.fullmatch(r"[+-]?[\d.,' ]*\d", text, flags=re.ASCII):
        other = "," if decimal == "." else "."
        return (
            f"digits with '{other}' or another mark that was not declared (if it is the decimal "
            'mark or groups digits, say so in the codebook: decimal = "," or thousands = ","; a '
            "decimal mark of all files in [data])"
        )
    if any(char.isdigit() and not char.isascii() for char in text):
        return "digits other than 0 to 9"
    return "not a number"


def mixes_grouping(texts: Iterable[str]) -> bool:
    """Tell whether "1.234" may mean 1234: three digits after every dot, beside whole numbers.

    >>> mixes_grouping(["950", "1.200"]), mixes_grouping(["950", "1.2", "1.200"])
    (True, False)
    """
    dotted = [text for text in texts if "." in text]
    grouped = all(re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", text) for text in dotted)
    return bool(dotted) and grouped and any("." not in text for text in texts)


def within(value: float, field: Field) -> float:
    """Return the value if it lies in the field's range, both ends included."""
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    if not low <= value <= high:
        unit = f" {field.unit}" if field.unit else ""
        raise UnreadableError(f"outside the range {low:g} to {high:g}{unit}")
    return value


def _number_reader(field: Field, decimal: str | None) -> Read:
    mark = field.decimal or decimal or "."

    def read(text: str) -> float:
        value = read_number(text, mark, field.thousands)
        if field.type != "number" and value != int(value):
            raise UnreadableError("not a whole number")
        return within(value, field)

    return read


def _duration_reader(field: Field, decimal: str | None) -> Read:
    mark = field.decimal or decimal or "."
    factor = per_year(field.unit)

    def read(text: str) -> Duration:
        try:
            number = read_number(text, mark, field.thousands)
        except UnreadableError:
            try:
                duration = parse_duration(text, field.unit).times(factor)
            except DataError as error:
                raise UnreadableError(str(error).rstrip(".")) from None
        else:
            duration = Duration(number, number, number)
        within(duration.value, field)
        return duration

    return read


# ---------------------------------------------------------------------------------------- levels


def words_of(field: Field) -> Mapping[str, str]:
    """Every accepted word, case-folded, with the level it stands for.

    A level's own value wins over an alias, and an alias over a label.
    """
    words = {plain(level.label).casefold(): level.value for level in field.levels}
    for alias, value in (field.aliases or {}).items():
        words[plain(alias).casefold()] = value
    return words | {plain(level.value).casefold(): level.value for level in field.levels}


def _level(text: str, words: Mapping[str, str]) -> str:
    folded = text.casefold()
    found = words.get(folded)
    if found is None and re.fullmatch(
        r"[+-]?\d+\.0+", folded
    ):  # an integer that a program made 1.0
        found = words.get(folded.split(".")[0])
    if found is None:
        raise KeyError
    return found


def _level_reader(field: Field) -> Read:
    words = words_of(field)
    numeric = field.type == "boolean" or (field.type == "ordinal" and coded(field))
    allowed = ", ".join(level.value for level in field.levels)

    def read(text: str) -> str | float:
        try:
            value = _level(text, words)
        except KeyError:
            raise UnreadableError(f"none of the levels {allowed}") from None
        return float(value) if numeric else value

    return read


def coded(field: Field) -> bool:
    """Tell whether an ordinal's levels are integers, so that it is kept as numbers."""
    return all(re.fullmatch(r"-?\d+", level.value) for level in field.levels)


def _multi_reader(field: Field) -> Read:
    words = words_of(field)
    order = [level.value for level in field.levels]

    def read(text: str) -> str:
        parts = [part.strip() for part in re.split(r"[;|,/]", text) if part.strip()]
        if len(parts) == 1 and parts[0].casefold() not in words:
            parts = parts[0].split()
        try:
            chosen = {_level(part, words) for part in parts}
        except KeyError:
            raise UnreadableError(f"not a list of the levels {', '.join(order)}") from None
        return ";".join(value for value in order if value in chosen)

    return read


# ----------------------------------------------------------------------------------------- dates


def read_date(text: str, form: str | None = None) -> dt.datetime:
    """Read a day: ISO 8601 (a time of day is dropped), or the codebook's strptime format.

    >>> read_date("2013-02-28").day
    28
    """
    if re.fullmatch(r"\d{4,6}(\.\d+)?", text):
        raise UnreadableError("a spreadsheet's day number, not a date (export dates as YYYY-MM-DD)")
    if not text.isascii():
        raise UnreadableError("not a date in plain letters and digits")
    if form is None and not re.fullmatch(r"\d{4}-\d\d-\d\d([T ][\d:.]+Z?)?", text):
        raise UnreadableError(
            'not a date written YYYY-MM-DD (if it is day first, declare format = "%d/%m/%Y")'
        )
    try:
        day = dt.datetime.strptime(text if form else text[:10], form or "%Y-%m-%d")
    except ValueError:
        if form is None:
            raise UnreadableError("not a day of the calendar") from None
        raise UnreadableError(f"not a day of the calendar in the format {form}") from None
    if not 1900 <= day.year <= 2100:
        raise UnreadableError("a date before 1900 or after 2100")
    return day
