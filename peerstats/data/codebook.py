"""What every variable is: the codebook as a frozen value, read from `codebook.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FieldType = Literal[
    "key", "text", "number", "integer", "boolean", "category", "ordinal", "date", "duration", "multi"
]
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
    operator: Literal["=", "!=", ">", ">=", "<", "<=", "in"]
    values: tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codebook:
    """All fields by table and name, the scales and the consistency rules that are on."""

    name: str
    fields: Mapping[str, Field]  # by variable name, which is unique except for keys
    keys: Mapping[str, tuple[Field, ...]]  # by table: its own key first, then the keys it points to
    scales: Mapping[str, Scale]
    rules: Mapping[str, str]  # rule id -> severity, where the study changes the default or says "off"
