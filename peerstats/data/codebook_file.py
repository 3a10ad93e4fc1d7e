"""Read `codebook.toml`, the standard one or a study's own, and report all its mistakes at once.

Reading goes in four steps: text -> sections with line numbers; a study's lines laid over the
standard ones (`extends = "standard"`); each line -> Field; then what only the whole can show
(conditions, scales, keys that point to tables). Problems are collected, never raised one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerstats.data.codebook import (
    MISSING_CODES,
    Codebook,
    Field,
    Scale,
    TableKeys,
    parse_condition,
)
from peerstats.data.field_line import field_mistakes, read_field
from peerstats.errors import Problem, UsageError, did_you_mean
from peerstats.spec.document import read_document
from peerstats.spec.lines import Path as TomlPath
from peerstats.spec.lines import nearest_line

STANDARD = Path(__file__).with_name("codebook.toml")
SEVERITIES = ("error", "warn", "note", "off")

_TOP = ("name", "extends", "aliases", "missing", "rules", "tables", "scales", "fields")


def read_codebook(path: Path | None = None) -> Codebook:
    """Read the standard codebook, or a study's own from `path`.

    Raises UsageError with every mistake found, each with file and line.

    >>> read_codebook().fields["formality"].reference
    'informal'
    """
    own = _read_file(STANDARD if path is None else path)
    merged = own
    if own.content.get("extends") is not None:
        if own.content["extends"] != "standard":
            own.say(
                "extends", message='extends can only be "standard"; leave it out to stand alone.'
            )
        merged = _laid_over(_read_file(STANDARD), own)
    for name in own.content:
        if name not in _TOP:
            own.say(name, message=f"Unknown entry '{name}'.{did_you_mean(name, _TOP)}")
    codebook = _assemble(merged)
    if merged.problems:
        raise UsageError(*merged.problems)
    return codebook


# ----------------------------------------------------------------------------- 1. text -> sections


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One file's content, where each of its entries stands, and what is wrong with it."""

    file: str
    content: dict[str, Any]
    lines: Mapping[TomlPath, int]
    problems: list[Problem] = field(default_factory=list)

    def say(self, *path: str, message: str) -> None:
        line = nearest_line(self.lines, path) or 1
        self.problems.append(Problem(message=message, file=self.file, line=line))

    def words(self, name: str) -> dict[str, Any]:
        """A top table of plain entries, such as rules; anything else is reported and left out."""
        found = self.content.get(name, {})
        if not isinstance(found, dict):
            self.say(name, message=f"'{name}' must be a table: {name} = {{ … }}.")
            return {}
        for key, value in found.items():
            if not isinstance(value, str):
                self.say(name, key, message=f"'{key}' in '{name}' must be text.")
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def section(self, name: str) -> dict[str, Any]:
        """A top section; what is not a table of tables is reported and read as empty."""
        section = self.content.get(name, {})
        if not isinstance(section, dict):
            self.say(name, message=f"'{name}' must be a table: [{name}].")
            return {}
        good = {}
        for key, entry in section.items():
            if isinstance(entry, dict):
                good[key] = entry
            else:
                self.say(name, key, message=f"'{key}' must be a table: {key} = {{ … }}.")
        return good


def _read_file(path: Path) -> _Source:
    document = read_document(path, "codebook")
    file = path.name if path == STANDARD else document.file
    return _Source(file=file, content=document.content, lines=document.lines)


# ------------------------------------------------------------------- 2. a study over the standard


def _laid_over(base: _Source, own: _Source) -> _Source:
    """The standard's content with the study's on top; both keep their own line numbers."""
    content = dict(base.content) | {k: own.content[k] for k in ("name",) if k in own.content}
    for name in ("rules", "missing"):
        content[name] = base.words(name) | own.words(name)
    for name in ("tables", "scales", "aliases"):
        content[name] = _entrywise(base.section(name), own.section(name))
    fields = base.section("fields")
    for table, entries in own.section("fields").items():
        fields[table] = _entrywise(fields.get(table, {}), entries)
    content["fields"] = fields
    return _Source(file=own.file, content=content, lines=own.lines, problems=own.problems)


def _entrywise(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, entry in own.items():
        old = base.get(name)
        merged[name] = (
            {**old, **entry} if isinstance(old, dict) and isinstance(entry, dict) else entry
        )
    return merged


# --------------------------------------------------------------------------------- 3. line -> Field


def _assemble(source: _Source) -> Codebook:
    tables = _tables(source)
    fields = _fields(source, tables)
    _check_conditions(source, fields)
    name = source.content.get("name", "study")
    return Codebook(
        name=str(name),
        fields=fields,
        keys=_keys(source, tables, fields),
        scales=_scales(source, fields),
        rules=_rules(source),
        tables=tables,
    )


def _tables(source: _Source) -> dict[str, TableKeys]:
    tables: dict[str, TableKeys] = {}
    known = ("label", "key", "points_to")
    for name, entry in source.section("tables").items():
        for attribute in entry:
            if attribute not in known:
                hint = did_you_mean(attribute, known)
                source.say("tables", name, message=f"table '{name}': unknown '{attribute}'.{hint}")
        key, points_to = entry.get("key"), entry.get("points_to", {})
        if not (isinstance(key, list) and key and all(isinstance(k, str) for k in key)):
            source.say("tables", name, message=f"table '{name}': key must list its columns.")
            continue
        if not isinstance(points_to, dict):
            source.say(
                "tables", name, message=f"table '{name}': points_to = {{ column = \"table\" }}."
            )
            continue
        tables[name] = TableKeys(
            name=name, label=str(entry.get("label", name)), key=tuple(key), points_to=points_to
        )
    for name in ("participants", "sites"):
        if name not in tables:
            source.say("tables", message=f"[tables] must declare '{name}', with its key.")
    return tables


def _fields(source: _Source, tables: Mapping[str, TableKeys]) -> dict[str, Field]:
    shared = source.words("missing")
    for code in shared.values():
        if code not in MISSING_CODES:
            known = ", ".join(MISSING_CODES)
            source.say("missing", message=f"unknown missing code '{code}'. One of: {known}.")
    booleans = source.section("aliases").get("boolean", {})
    fields: dict[str, Field] = {}
    for table, entries in source.section("fields").items():
        if table not in tables:
            hint = did_you_mean(table, tables)
            source.say("fields", table, message=f"Unknown table '{table}'.{hint}")
        for name, entry in entries.items():
            where = ("fields", table, name)
            if not isinstance(entry, dict):
                source.say(
                    *where, message=f"'{name}' must be a table: {name} = {{ label = …, type = … }}."
                )
                continue
            if name in fields:
                other = fields[name].table
                source.say(*where, message=f"'{name}' is already a variable of table '{other}'.")
                continue
            if problems := list(field_mistakes(name, entry)):
                for message in problems:
                    source.say(*where, message=f"'{name}': {message}")
                continue
            fields[name] = read_field(name, table, entry, shared, booleans)
    return fields


# --------------------------------------------------------------- 4. what only the whole can show


def _check_conditions(source: _Source, fields: Mapping[str, Field]) -> None:
    for table, entries in source.section("fields").items():
        for name, entry in entries.items():
            if name not in fields or not isinstance(entry, dict) or "asked_if" not in entry:
                continue
            where = ("fields", table, name)
            try:
                condition = parse_condition(entry["asked_if"])
            except UsageError as error:
                source.say(*where, message=f"'{name}': asked_if: {error}")
                continue
            gate = fields.get(condition.variable)
            if gate is None:
                hint = did_you_mean(condition.variable, fields)
                source.say(
                    *where,
                    message=f"'{name}': asked_if: unknown variable '{condition.variable}'.{hint}",
                )
                continue
            values = [level.value for level in gate.levels]
            for value in condition.values:
                if values and condition.operator in ("=", "!=", "in") and value not in values:
                    hint = did_you_mean(value, values)
                    source.say(
                        *where,
                        message=f"'{name}': asked_if: '{gate.name}' has no level '{value}'.{hint}",
                    )


def _keys(
    source: _Source, tables: Mapping[str, TableKeys], fields: Mapping[str, Field]
) -> dict[str, tuple[Field, ...]]:
    keys: dict[str, tuple[Field, ...]] = {}
    for name, table in tables.items():
        for column, target in table.points_to.items():
            if target not in tables:
                hint = did_you_mean(target, tables)
                source.say(
                    "tables", name, message=f"'{column}' points to unknown table '{target}'.{hint}"
                )
        for column in (*table.key, *table.points_to):
            if column not in fields:
                hint = did_you_mean(column, fields)
                source.say(
                    "tables", name, message=f"table '{name}': key '{column}' is not declared.{hint}"
                )
        wanted = dict.fromkeys((*table.key, *table.points_to))
        keys[name] = tuple(fields[c] for c in wanted if c in fields and fields[c].type == "key")
    return keys


def _scales(source: _Source, fields: Mapping[str, Field]) -> dict[str, Scale]:
    declared = source.section("scales")
    for item in fields.values():
        if item.scale is not None and item.scale not in declared:
            hint = did_you_mean(item.scale, declared)
            source.say(
                "fields",
                item.table,
                item.name,
                message=f"'{item.name}': unknown scale '{item.scale}'.{hint}",
            )
    scales = {}
    known = ("label", "low", "high", "least_share", "score")
    for name, entry in declared.items():
        for attribute in entry:
            if attribute not in known:
                hint = did_you_mean(attribute, known)
                source.say("scales", name, message=f"scale '{name}': unknown '{attribute}'.{hint}")
        if not all(isinstance(entry.get(bound), (int, float)) for bound in ("low", "high")):
            source.say(
                "scales", name, message=f"scale '{name}': low and high of one item are needed."
            )
            continue
        score = entry.get("score")
        if score is not None and str(score) not in fields:
            hint = did_you_mean(str(score), fields)
            source.say("scales", name, message=f"scale '{name}': unknown score '{score}'.{hint}")
        scales[name] = Scale(
            name=name,
            label=str(entry.get("label", name)),
            items=tuple(f.name for f in fields.values() if f.scale == name),
            low=entry["low"],
            high=entry["high"],
            least_share=entry.get("least_share", 0.5),
            score=None if score is None else str(score),
        )
    return scales


def _rules(source: _Source) -> dict[str, str]:
    rules = source.words("rules")
    for rule, severity in rules.items():
        if severity not in SEVERITIES:
            hint = did_you_mean(str(severity), SEVERITIES) or f" One of: {', '.join(SEVERITIES)}."
            source.say(
                "rules", rule, message=f"rule '{rule}': unknown severity '{severity}'.{hint}"
            )
    return rules
