"""The rows of a model table: a covariate's levels, whose coefficient each is, and who is in it.

A level is tied to its coefficient by what the design says a column stands for, never by taking the
coefficient's name apart.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.data.codebook import Field
from peerstats.errors import ModelError, UsageError
from peerstats.model.columns import Column, Recipe, make_matrix
from peerstats.model.formula import Term as Factors
from peerstats.model.formula import parse_formula, term_name
from peerstats.model.transforms import evaluate
from peerstats.model.tree import Name, Node, names_in
from peerstats.model.variables import Categories, Values, find_column, find_variable, read_values
from peerstats.results.answers import level_value
from peerstats.results.blocks import Term, TermLevel

Rows = NDArray[np.bool_]
# Sites below which what compares them gives back their counts. From the interval of a site-level
# exposure and rounded counts, 39 of 43 small cells of 3 or 4 sites of 20 women followed.
# The limit itself is a judgement: 5 and more sites were not attacked.
FEW_SITES = 12
_YES, _NO = "1", "0"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermRows:
    """A covariate of a model: its rows in the table, and the women in each.

    `rows` holds a mask (n,) for each of `term.levels`; `cells` divides all women by the term's
    categories, which is what stands behind its coefficients. A measurement is one cell; but where
    half of the women or more have the same value (a yes/no answer declared as a number, arrests
    that nearly nobody had) its coefficient rests on the others, and they are a cell of their own.
    """

    term: Term
    rows: tuple[Rows, ...]
    cells: tuple[Rows, ...]
    variables: tuple[str, ...]
    factors: int  # more than one in an interaction

    @property
    def product(self) -> bool:
        """Whether it is an interaction."""
        return self.factors > 1

    @property
    def divides(self) -> bool:
        """Whether the rows shown divide all women, so that their counts add up."""
        return len(self.rows) > 1 and bool((np.sum(self.rows, axis=0) == 1).all())


def term_rows(
    text: str, frame: pd.DataFrame, fields: Mapping[str, Field], *, exposure: bool, reason: str
) -> TermRows:
    """Return the rows of one term: a variable, a transformation of one, or an interaction `a:b`.

    `frame` holds complete rows. A category shows its reference first with no coefficient, a yes/no
    variable coded 0 and 1 likewise; an interaction of categories shows every combination, so that
    the table shows which are empty, and those without a reference level have a coefficient. Raises
    UsageError when the text is more than one term.
    """
    factors = _one_term(text)
    columns = _read(factors, frame)
    parts = tuple(_part(factor, columns, fields) for factor in factors)
    levels, rows = _level_rows(factors, parts, columns)
    term = Term(
        variable=_variable(factors),
        label=" × ".join(part.label for part in parts),
        levels=levels,
        exposure=exposure,
        reason=reason,
    )
    divisions = [list(part.levels.values()) or list(part.split) for part in parts]
    divisions = [division for division in divisions if division]
    everybody = np.ones(len(frame), dtype=bool)
    cells = tuple(_crossed((everybody, *masks)) for masks in itertools.product(*divisions))
    return TermRows(
        term=term, rows=rows, cells=cells, variables=tuple(columns), factors=len(factors)
    )


def _read(factors: Factors, frame: pd.DataFrame) -> dict[str, Values]:
    names = dict.fromkeys(name for factor in factors for name in names_in(factor))
    return {name: read_values(find_variable(frame, name)) for name in names}


def with_sites(rows: TermRows, frame: pd.DataFrame, sites: pd.Series) -> TermRows:
    """Return a term that is constant inside each of few sites with the sites among its cells.

    Its estimate compares the sites' own outcomes, so the women behind it are those of a site.
    """
    flat = all(frame[name].groupby(sites).nunique().max() <= 1 for name in rows.variables)
    if not flat or sites.nunique() >= FEW_SITES:
        return rows
    own = [(sites == site).to_numpy() for site in sites.unique()]
    crossed = (cell & site for cell in rows.cells for site in own)
    return replace(rows, cells=(*rows.cells, *(cell for cell in crossed if cell.any())))


def empty_cells(
    text: str, frame: pd.DataFrame, fields: Mapping[str, Field]
) -> tuple[tuple[str, ...], ...]:
    """Return the combinations of levels, in words, that no woman has, for an interaction `a:b`.

    A product of two covariates with an empty combination cannot be told apart from their main
    effects: the data hold nothing on it. Every level that occurs is combined with every other.
    """
    factors = _one_term(text)
    columns = _read(factors, frame)
    parts = [p for p in (_part(f, columns, fields) for f in factors) if p.levels]
    return tuple(
        tuple(part.words[level] for part, level in zip(parts, levels, strict=True))
        for levels in itertools.product(*(part.levels for part in parts))
        if not _crossed(tuple(p.levels[v] for p, v in zip(parts, levels, strict=True))).any()
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """A factor of a term: its label, the rows and words of its levels (none if a measurement)."""

    name: str
    label: str
    levels: Mapping[str, Rows]
    words: Mapping[str, str]
    boolean: bool = False
    split: tuple[Rows, ...] = ()  # of a measurement: the rows with its commonest value, the others


def _one_term(text: str) -> Factors:
    terms = [t for t in parse_formula(f"outcome ~ {text}").fixed if t]
    if len(terms) != 1:
        raise UsageError(
            f"'{text}' is {len(terms)} terms of a model; give each one its own line and reason."
        )
    return terms[0]


def _variable(factors: Factors) -> str:
    plain = [next(names_in(f)) if str(f).startswith("C(") else str(f) for f in factors]
    return ":".join(plain)


def _part(factor: Node, columns: Mapping[str, Values], fields: Mapping[str, Field]) -> _Part:
    name = next(names_in(factor))
    field, values = fields.get(name), evaluate(factor, columns, {}, learn=True)
    label = _label(factor, fields)
    words = {level.value: level.label for level in field.levels} if field else {}
    if isinstance(values, Categories):
        found = {level: values.codes == k for k, level in enumerate(values.categories)}
        named = {level: words.get(level, level) for level in found}
        return _Part(name=str(factor), label=label, levels=found, words=named)
    boolean = field is not None and field.type == "boolean" and isinstance(factor, Name)
    if not boolean or not np.isin(values, (0.0, 1.0)).all():
        return _Part(
            name=str(factor), label=label, levels={}, words={}, split=_split(np.asarray(values))
        )
    return _Part(
        name=str(factor),
        label=label,
        levels={_NO: values == 0.0, _YES: values == 1.0},
        words={_NO: words.get(_NO, "No"), _YES: words.get(_YES, "Yes")},
        boolean=True,
    )


def _split(values: NDArray[np.float64]) -> tuple[Rows, ...]:
    """Divide rows by whether they have the commonest value, if half of them or more have it."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True, axis=0)
    common = np.ravel(which) == counts.argmax()
    return (common, ~common) if 2 * counts.max() >= len(common) else ()


def _label(factor: Node, fields: Mapping[str, Field]) -> str:
    """The factor in words: the variable's label, inside the transformation if there is one."""
    name = next(names_in(factor))
    label = fields[name].label if name in fields else name.replace("_", " ")
    if isinstance(factor, Name):
        unit = fields[name].unit if name in fields else None
        return f"{label}, per {unit.removesuffix('s')}" if unit else label
    if str(factor).startswith("C("):
        return label
    return re.sub(rf"\b{re.escape(name)}\b", lambda _: label, str(factor))


def _level_rows(
    factors: Factors, parts: tuple[_Part, ...], columns: Mapping[str, Values]
) -> tuple[tuple[TermLevel, ...], tuple[Rows, ...]]:
    n = len(next(iter(columns.values())))
    # Main effects beside an interaction make its coding the one a whole model has.
    terms: tuple[Factors, ...] = ((), *((f,) for f in factors)) if len(factors) > 1 else ((),)
    try:
        _, recipe = make_matrix((*terms, factors), columns, n)
    except ModelError:
        # A category of one level has no coefficient; the fit says so, the table shows the level.
        return _bare(parts, n)
    own = [c for c in recipe.columns if c.term == term_name(factors)]
    shown = [_shown(column, parts, at, len(own)) for at, column in enumerate(own)]
    rows = [_column_rows(column, parts, n) for column in own]
    if len(parts) == 1 and parts[0].levels:
        level, mask = _reference(recipe, parts[0])
        shown.insert(0, level)
        rows.insert(0, mask)
    if len(parts) > 1 and all(part.levels for part in parts):
        return _combinations(parts, {level.key: level.term for level in shown})
    return tuple(shown), tuple(rows)


def _combinations(
    parts: tuple[_Part, ...], coefficients: Mapping[str, str | None]
) -> tuple[tuple[TermLevel, ...], tuple[Rows, ...]]:
    """Every combination of levels with who is in it; some have the product's coefficients."""
    shown, rows = [], []
    for levels in itertools.product(*(part.levels for part in parts)):
        pairs = tuple(zip(parts, levels, strict=True))
        key = ":".join(levels)
        words = (f"{p.label}: {p.words[v]}" if p.boolean else p.words[v] for p, v in pairs)
        shown.append(TermLevel(key=key, label=" × ".join(words), term=coefficients.get(key)))
        rows.append(_crossed(tuple(part.levels[level] for part, level in pairs)))
    return tuple(shown), tuple(rows)


def _bare(parts: tuple[_Part, ...], n: int) -> tuple[tuple[TermLevel, ...], tuple[Rows, ...]]:
    levels = [(key, rows) for part in parts[:1] for key, rows in part.levels.items()]
    shown = [TermLevel(key=k, label=parts[0].words[k], term=None) for k, _ in levels]
    if not shown:
        return (TermLevel(key="", label=parts[0].label, term=None),), (np.ones(n, dtype=bool),)
    return tuple(shown), tuple(rows for _, rows in levels)


def _shown(column: Column, parts: tuple[_Part, ...], at: int, count: int) -> TermLevel:
    pairs = dict(column.levels)
    keys, labels = [], []
    for part in parts:
        if part.name in pairs:
            keys.append(pairs[part.name])
            labels.append(part.words[pairs[part.name]])
        elif part.boolean:
            keys.append(_YES)
            labels.append(part.words[_YES] if len(parts) == 1 else part.label)
        elif len(parts) > 1:
            labels.append(part.label)
    if not keys and count > 1:  # the columns of a spline
        return TermLevel(key=str(at + 1), label=f"basis {at + 1}", term=column.name)
    label = " × ".join(labels) or parts[0].label
    return TermLevel(key=":".join(keys), label=label, term=column.name)


def _column_rows(column: Column, parts: tuple[_Part, ...], n: int) -> Rows:
    pairs = dict(column.levels)
    chosen = [p.levels[pairs[p.name]] for p in parts if p.name in pairs]
    chosen += [p.levels[_YES] for p in parts if p.boolean and p.name not in pairs]
    return _crossed(tuple(chosen)) if chosen else np.ones(n, dtype=bool)


def _reference(recipe: Recipe, part: _Part) -> tuple[TermLevel, Rows]:
    key = _NO if part.boolean else recipe.references[part.name]
    return TermLevel(key=key, label=part.words[key], term=None), part.levels[key]


def _crossed(masks: tuple[Rows, ...]) -> Rows:
    return np.asarray(np.logical_and.reduce(masks))


def prepared(
    frame: pd.DataFrame, fields: Mapping[str, Field], names: tuple[str, ...]
) -> pd.DataFrame:
    """Return the columns of a model with categories as the codebook orders them.

    A yes/no variable becomes 0 and 1; a category or named ordinal that is not one yet becomes a
    categorical with the codebook's levels, the reference first.
    """
    made = {}
    for name in names:
        column, field = find_column(frame, name), fields.get(name)
        if field is not None and field.type == "boolean":
            column = column.astype("Float64").astype(float)
        elif field is not None and field.levels and field.type in ("category", "ordinal"):
            made[name] = _ordered(column, field)
            continue
        made[name] = column
    return pd.DataFrame(made, index=frame.index)


def _ordered(column: pd.Series, field: Field) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    levels = [level.value for level in field.levels]
    text = column.map(level_value, na_action="ignore")
    return pd.Series(pd.Categorical(text, categories=levels), index=column.index, name=column.name)
