"""What every variable is: the codebook as a frozen value, read from `codebook.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from peerstats.errors import UsageError

FieldType = Literal[
    "key",
    "text",
    "number",
    "integer",
    "boolean",
    "category",
    "ordinal",
    "date",
    "duration",
    "multi",
]
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "in"]
Recall = Literal["now", "24h", "7d", "2w", "1m", "6m", "12m", "lifetime"]

# Why a value is absent. The first two belong to the estimand's population (the question did not
# apply); the other four are answers that were lost and may be imputed.
MISSING_CODES: Mapping[str, str] = {
    ".a": "not asked (skip rule)",
    ".n": "not applicable",
    ".r": "refused",
    ".d": "don't know",
    ".x": "not collected here",
    ".m": "missing, reason unknown",
}
STRUCTURAL_CODES = (".a", ".n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A skip rule: the item is asked when `variable` compares so with `value`."""

    variable: str
    operator: Operator
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.variable} {self.operator} {', '.join(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One allowed value of a category, boolean or ordinal field and the words for it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One variable: where it lives, what it may hold and how it is spoken of."""

    name: str
    table: str
    label: str
    type: FieldType
    column: str  # its heading in the source file; the name unless the codebook says otherwise
    unit: str | None = None
    levels: tuple[Level, ...] = ()  # the first one is the reference category
    low: float | None = None
    high: float | None = None
    recall: Recall | None = None
    question: str | None = None
    sensitive: int = 0  # 0 open, 1 sensitive, 2 never shown below the threshold
    asked_if: Condition | None = None
    reverse: bool = False
    role: str | None = None
    scale: str | None = None  # the scale whose sum this item enters
    required: bool = False
    derived: bool = False
    missing: Mapping[str, str] | None = None  # extra source codes, e.g. {"-99": ".r"}
    aliases: Mapping[str, str] | None = None  # other words for a level, e.g. {"hembra": "female"}
    format: str | None = None  # of a date, in strptime's letters; ISO 8601 unless given
    decimal: str | None = None  # "," where this column alone uses a decimal comma
    thousands: str | None = None  # "." or "," where this column groups its digits

    @property
    def reference(self) -> str | None:
        """The reference category: the first level, or None for a field without levels."""
        return self.levels[0].value if self.levels else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A sum score: its items, its possible range and the share of items it needs."""

    name: str
    label: str
    items: tuple[str, ...]
    low: float  # of one item
    high: float
    least_share: float = 0.5
    score: str | None = None  # the derived variable that holds the sum


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKeys:
    """What makes a row of one table unique, and which tables its other keys point to."""

    name: str
    label: str
    key: tuple[str, ...]
    points_to: Mapping[str, str]  # column -> table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codebook:
    """All fields by table and name, the scales and the consistency rules that are on."""

    name: str
    fields: Mapping[str, Field]  # by variable name, which is unique except for keys
    keys: Mapping[str, tuple[Field, ...]]  # by table: its own key first, then the keys it points to
    scales: Mapping[str, Scale]
    rules: Mapping[
        str, str
    ]  # rule id -> severity, where the study changes the default or says "off"
    tables: Mapping[str, TableKeys]

    def of_table(self, table: str) -> tuple[Field, ...]:
        """All fields of one table, its keys first."""
        keys = self.keys.get(table, ())
        named = {f.name for f in keys}
        rest = (f for f in self.fields.values() if f.table == table and f.name not in named)
        return (*keys, *rest)

    def __repr__(self) -> str:
        return f"<Codebook {self.name}: {len(self.fields)} variables in {len(self.tables)} tables>"


_CONDITION = re.compile(r"\s*([A-Za-z]\w*)\s*(>=|<=|!=|=|>|<|\bin\b)\s*(.+?)\s*")


def parse_condition(text: str) -> Condition:
    """Read "ever_deported = 1", "weekly_clients > 0" or "country_work in GTM, MEX".

    Raises UsageError when the text is none of these.

    >>> parse_condition("country_work in GTM, MEX").values
    ('GTM', 'MEX')
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"'{text}' is not a condition. Write VARIABLE OPERATOR VALUE with one of "
            '= != > >= < <= in, for example "weekly_clients > 0".'
        )
    variable, operator, right = found.groups()
    values = tuple(v.strip() for v in right.split(",")) if operator == "in" else (right,)
    if operator in (">", ">=", "<", "<=") and not _is_number(right):
        raise UsageError(f"'{text}': {operator} compares with a number.")
    return Condition(variable=variable, operator=cast(Operator, operator), values=values)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text) is not None
