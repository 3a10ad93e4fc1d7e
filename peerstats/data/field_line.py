"""One line of a codebook: what may stand in it, and the Field it declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from peerstats.data.codebook import (
    MISSING_CODES,
    Condition,
    Field,
    FieldType,
    Level,
    Recall,
    parse_condition,
)
from peerstats.errors import UsageError, did_you_mean

ROLES = (
    *("eligibility", "exposure", "outcome", "mediator", "modifier", "covariate", "weight"),
    "design",
)
_TEXT = ("label", "type", "unit", "recall", "question", "asked_if", "role", "scale", "column")
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys((*_TEXT, "format", "decimal", "thousands"), str),
    **dict.fromkeys(("low", "high"), (int, float)),
    **dict.fromkeys(("reverse", "required", "derived"), bool),
    **dict.fromkeys(("missing", "aliases"), dict),
    "levels": (dict, list),
    "sensitive": int,
}
_YES_NO = (Level(value="0", label="No"), Level(value="1", label="Yes"))


def field_mistakes(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Everything wrong with one line that can be seen from the line alone."""
    found: list[str] = []
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        found.append("a name has letters, digits and _ and starts with a letter.")
    for attribute, value in entry.items():
        if attribute not in _KINDS:
            found.append(f"unknown '{attribute}'.{did_you_mean(attribute, _KINDS)}")
        elif not isinstance(value, _KINDS[attribute]) or (
            isinstance(value, bool) and _KINDS[attribute] is not bool
        ):
            found.append(f"'{attribute}' has the wrong kind of value.")
    if found:
        return found
    found += [f"'{a}' is missing." for a in ("label", "type") if a not in entry]
    for attribute, allowed in (
        ("type", get_args(FieldType)),
        ("recall", get_args(Recall)),
        ("role", ROLES),
    ):
        value = entry.get(attribute)
        if value is not None and value not in allowed:
            hint = did_you_mean(value, allowed) or f" One of: {', '.join(allowed)}."
            found.append(f"unknown {attribute} '{value}'.{hint}")
    return found or _wrong_values(entry)


def _wrong_values(entry: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    kind, levels = entry["type"], _levels(entry)
    if kind in ("category", "multi") and not levels:
        found.append(f"a {kind} needs levels, the reference first.")
    if levels and kind not in ("category", "multi", "ordinal", "boolean"):
        found.append(f"a {kind} has no levels.")
    if kind == "boolean" and {level.value for level in levels} != {"0", "1"}:
        found.append("the levels of a boolean are 0 and 1.")
    if entry.get("low", 0) > entry.get("high", float("inf")):
        found.append("low is above high.")
    if entry.get("sensitive", 0) not in (0, 1, 2):
        found.append("sensitive is 0, 1 or 2.")
    for code in entry.get("missing", {}).values():
        if code not in MISSING_CODES:
            found.append(f"unknown missing code '{code}'. One of: {', '.join(MISSING_CODES)}.")
    values = [level.value for level in levels]
    for target in entry.get("aliases", {}).values():
        if str(target) not in values:
            hint = did_you_mean(target, values)
            found.append(f"an alias stands for '{target}', which is not a level.{hint}")
    for attribute, allowed in (("decimal", (".", ",")), ("thousands", (".", ",", " ", "'"))):
        if attribute in entry and entry[attribute] not in allowed:
            found.append(f"{attribute} must be one of {' '.join(map(repr, allowed))}.")
    return found


def _levels(entry: Mapping[str, Any]) -> tuple[Level, ...]:
    """Levels as written, or No and Yes for a boolean without any."""
    given = entry.get("levels")
    if given is None:
        return _YES_NO if entry.get("type") == "boolean" else ()
    if isinstance(given, list):
        given = {str(v): str(v).replace("_", " ").capitalize() for v in given}
    return tuple(Level(value=str(v), label=str(label)) for v, label in given.items())


def read_field(
    name: str,
    table: str,
    entry: Mapping[str, Any],
    shared: Mapping[str, str],
    booleans: Mapping[str, str],
) -> Field:
    """One line that `field_mistakes` has nothing against, as a Field.

    `shared` holds the missing codes of the whole codebook, `booleans` its words for yes and no.
    """
    given = {
        k: v for k, v in entry.items() if k not in ("levels", "asked_if", "missing", "aliases")
    }
    words = booleans if entry["type"] == "boolean" else {}
    aliases = {str(k): str(v) for k, v in {**words, **entry.get("aliases", {})}.items()}
    missing = {**shared, **entry.get("missing", {})}
    condition: Condition | None = None
    if "asked_if" in entry:
        try:
            condition = parse_condition(entry["asked_if"])
        except UsageError:  # reported with its line by _check_conditions
            condition = None
    return Field(
        name=name,
        table=table,
        column=given.pop("column", name),
        levels=_levels(entry),
        asked_if=condition,
        missing=missing or None,
        aliases=aliases or None,
        **cast(Any, given),
    )
