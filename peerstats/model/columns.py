"""The fixed part's matrix: terms to named columns, and the columns no data can tell apart.

Coding of categories (treatment contrasts, full rank with or without an intercept) is patsy's. It
is handed finished values through `LookupFactor`, in an empty environment: no text of a formula is
ever evaluated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.errors import DataError, ModelError, shortened
from peerstats.model.formula import Term, term_name
from peerstats.model.transforms import Memory, evaluate
from peerstats.model.tree import Call, Node, names_in
from peerstats.model.variables import Categories, Values

# A column counts as a combination of others when less than this share of its length is left
# after projecting it on them; R's lm() and glm() take the same share. Centring comes first, so a
# date in seconds since 1970 is far from it.
COLLINEAR = 1e-7
CLEARLY = 1e-3  # the same share, far above what rounding does to cross-products
VARIES = 1e-8  # sd over mean
LARGEST = 1e100
ROWS_AT_A_TIME = 30_000  # so that no second matrix of the size of X is made

# Factors whose columns are multiplied, each with the contrast that codes its categories, if any.
Product = tuple[tuple[str, NDArray[np.float64] | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of X.

    `levels` pairs each categorical factor in it with the level the column stands for, e.g.
    (("urban", "Y"),); a numeric column has none.
    """

    name: str
    term: str
    variables: tuple[str, ...]
    levels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """How X was made, so that new rows can be made the same way.

    `categories` maps each categorical factor to its levels, `references` to its reference level.
    `products` says what is multiplied for which columns, in their order.
    """

    terms: tuple[Term, ...]
    columns: tuple[Column, ...]
    categories: Mapping[str, tuple[str, ...]]
    references: Mapping[str, str]
    memory: Mapping[Node, Any]
    products: tuple[Product, ...]


def make_matrix(
    terms: tuple[Term, ...], columns: Mapping[str, Values], n: int, *, intercept: bool = True
) -> tuple[NDArray[np.float64], Recipe]:
    """Return X (n, p) and the recipe it was made by.

    Without `intercept` factors are coded as if it were there, but its column is left out: ordinal
    models have thresholds for it.

    Raises DataError for values a term cannot use and ModelError for a category with one level.
    """
    if terms == ((),) and intercept:
        return np.ones((n, 1)), _constant()
    memory: Memory = {}
    factors = tuple(dict.fromkeys(factor for term in terms for factor in term))
    data = {str(f): evaluate(f, columns, memory, learn=True) for f in factors}
    categories = _categories(data)
    references = _references(factors, categories)
    kinds = tuple(
        Kind(1, categories[name], references[name])
        if isinstance(values, Categories)
        else Kind(values[:1].size)
        for name, values in data.items()
    )
    products, names = _coding(terms, kinds)
    if not intercept:
        products = tuple(product for product in products if product)
        names = tuple(column for column in names if column.term != "Intercept")
    recipe = Recipe(
        terms=terms,
        columns=names,
        categories=MappingProxyType(categories),
        references=MappingProxyType(references),
        memory=MappingProxyType(memory),
        products=products,
    )
    return _fill(recipe, data, n), recipe


@cache
def _constant() -> Recipe:
    """The recipe of a column of ones, as for random intercepts."""
    products, names = _coding(((),), ())
    nothing: Mapping[Any, Any] = MappingProxyType({})
    return Recipe(
        terms=((),),
        columns=names,
        categories=nothing,
        references=nothing,
        memory=nothing,
        products=products,
    )


def remake_matrix(recipe: Recipe, columns: Mapping[str, Values], n: int) -> NDArray[np.float64]:
    """Return X for new rows; DataError when a category was not there in the fit."""
    data: dict[str, Values] = {}
    for factor in dict.fromkeys(factor for term in recipe.terms for factor in term):
        name = str(factor)
        values = evaluate(factor, columns, dict(recipe.memory), learn=False)
        if name in recipe.categories:
            if not isinstance(values, Categories):
                raise DataError(f"'{name}' held categories in the fit and holds numbers here.")
            if not set(values.categories) <= set(recipe.categories[name]):
                raise DataError(f"'{name}' has a level here that the fit has not seen.")
            values = values.recoded(recipe.categories[name])
        elif isinstance(values, Categories):
            raise DataError(f"'{name}' held numbers in the fit and holds categories here.")
        data[name] = values
    return _fill(recipe, data, n)


def _fill(recipe: Recipe, data: Mapping[str, Values], n: int) -> NDArray[np.float64]:
    """Multiply the factors' columns together; the first factor runs fastest, as in patsy.

    patsy describes the coding but would code categories row by row in Python.
    """
    X = np.empty((n, len(recipe.columns)))
    at = 0
    for product in recipe.products:
        blocks = [_block(data[name], contrast) for name, contrast in product]
        if not blocks:
            X[:, at] = 1.0
            at += 1
        elif len(blocks) == 1:
            width = blocks[0].shape[1]
            X[:, at : at + width] = blocks[0]
            at += width
        else:
            for chosen in itertools.product(*(block.T for block in reversed(blocks))):
                X[:, at] = reduce(np.multiply, reversed(chosen))
                at += 1
    return X


def _block(values: Values, contrast: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """A factor's columns: (n, k)."""
    if isinstance(values, Categories):
        assert contrast is not None  # noqa: S101 (a factor of categories is coded by one)
        return contrast[values.codes]
    return values.reshape(len(values), -1)


def _categories(data: Mapping[str, Values]) -> dict[str, tuple[str, ...]]:
    found = {k: v.categories for k, v in data.items() if isinstance(v, Categories)}
    single = [name for name, levels in found.items() if len(levels) < 2]
    if single:
        raise ModelError(
            *(f"'{name}' takes only one value in the rows used; leave it out." for name in single)
        )
    return found


def _references(
    factors: tuple[Node, ...], categories: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    references = {name: levels[0] for name, levels in categories.items()}
    for factor in factors:
        if isinstance(factor, Call) and factor.function == "C" and factor.options:
            wanted = str(factor.options[0][1])
            if wanted not in categories[str(factor)]:
                raise ModelError(f"The reference level in '{factor}' is not among its levels.")
            references[str(factor)] = wanted
    return references


class Kind(NamedTuple):
    """What the coding of a factor depends on: its numeric columns, or its levels."""

    width: int
    levels: tuple[str, ...] = ()
    reference: str = ""


@lru_cache(maxsize=256)
def _coding(
    terms: tuple[Term, ...], kinds: tuple[Kind, ...]
) -> tuple[tuple[Product, ...], tuple[Column, ...]]:
    """How patsy codes the terms, which rests on the kinds of their factors and not on the rows."""
    from patsy.build import design_matrix_builders
    from patsy.desc import Term as PatsyTerm
    from patsy.eval import EvalEnvironment

    factors = tuple(dict.fromkeys(factor for term in terms for factor in term))
    kind_of = dict(zip(factors, kinds, strict=True))
    known = {factor: _factor(str(factor), kind) for factor, kind in kind_of.items()}
    patsy_terms = [PatsyTerm([known[f] for f in term]) for term in terms]
    # One row is enough for patsy to see which factors are numbers and which categories.
    glance = {
        str(factor): pd.Categorical([kind.levels[0]], categories=list(kind.levels))
        if kind.levels
        else np.zeros((1, kind.width))
        for factor, kind in kind_of.items()
    }
    (info,) = design_matrix_builders([patsy_terms], lambda: iter([glance]), EvalEnvironment([]))
    used = {str(f): tuple(dict.fromkeys(names_in(f))) for f in factors}
    subterms = itertools.chain.from_iterable(info.term_codings.values())
    products = tuple(
        tuple((f.name(), _contrast(subterm, f)) for f in subterm.factors) for subterm in subterms
    )
    return products, _name_columns(info, used)


def _contrast(subterm: Any, factor: Any) -> NDArray[np.float64] | None:
    if factor not in subterm.contrast_matrices:
        return None
    return np.asarray(subterm.contrast_matrices[factor].matrix, dtype=np.float64)


def _factor(name: str, kind: Kind) -> Any:
    from patsy.contrasts import Treatment
    from patsy.user_util import LookupFactor

    if not kind.levels:
        return LookupFactor(name)
    contrast = Treatment(kind.reference)
    return LookupFactor(name, force_categorical=True, contrast=contrast, levels=kind.levels)


def _name_columns(info: Any, variables: Mapping[str, tuple[str, ...]]) -> tuple[Column, ...]:
    columns: list[Column] = []
    names = iter(info.column_names)
    for term, subterms in info.term_codings.items():
        label = term_name(tuple(f.name() for f in term.factors))
        used = tuple(dict.fromkeys(v for f in term.factors for v in variables[f.name()]))
        for subterm in subterms:
            for levels in _combinations(info, subterm):
                columns.append(Column(name=next(names), term=label, variables=used, levels=levels))
    return tuple(columns)


def _combinations(info: Any, subterm: Any) -> list[tuple[tuple[str, str], ...]]:
    """The levels each column stands for; the first factor runs fastest, as in patsy."""
    choices: list[list[tuple[str, str] | None]] = []
    for factor in subterm.factors:
        described = info.factor_infos[factor]
        if factor in subterm.contrast_matrices:
            matrix = subterm.contrast_matrices[factor].matrix
            shown = [described.categories[int(np.argmax(column))] for column in matrix.T]
            choices.append([(factor.name(), str(level)) for level in shown])
        else:
            choices.append([None] * described.num_columns)
    return [
        tuple(pair for pair in reversed(combined) if pair is not None)
        for combined in itertools.product(*reversed(choices))
    ]


def check_columns(X: NDArray[np.float64], columns: tuple[Column, ...]) -> None:
    """Raise ModelError naming columns that are constant, too many, too large or collinear."""
    n, p = X.shape
    if p > n:
        raise ModelError(f"The model has {p} coefficients and {n} complete rows; simplify it.")
    if not p:
        return
    with np.errstate(over="ignore", invalid="ignore"):  # columns that are too large
        centre, gram = _centred(X, columns)
        if _clearly_apart(centre, gram, n, columns):
            return
    low, high = X.min(axis=0), X.max(axis=0)
    if max(high.max(), -low.min()) > LARGEST:
        huge = [c.name for c, a, b in zip(columns, low, high, strict=True) if max(-a, b) > LARGEST]
        raise ModelError(f"{_quote(huge)} holds numbers above 1e100; rescale or correct it.")
    flat = [columns[k].name for k in np.flatnonzero(low == high) if columns[k].term != "Intercept"]
    if flat:
        raise ModelError(f"{_quote(flat)} is constant in the rows used; leave it out.")
    _check_rank((X - centre) / np.sqrt(gram.diagonal()), columns)


def _centred(
    X: NDArray[np.float64], columns: tuple[Column, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The columns' means, beside an intercept only, and cross-products about them."""
    n, p = X.shape
    centre = np.zeros(p)
    if columns[0].term == "Intercept":
        # Centring first: a date in days since 1970 is not collinear with the intercept.
        centre[1:] = (np.ones(n) @ X)[1:] / n
    gram = np.zeros((p, p))
    for start in range(0, n, ROWS_AT_A_TIME):
        part = X[start : start + ROWS_AT_A_TIME] - centre
        gram += part.T @ part
    return centre, gram


def _clearly_apart(
    centre: NDArray[np.float64], gram: NDArray[np.float64], n: int, columns: tuple[Column, ...]
) -> bool:
    """Tell whether cross-products, quickly made, show already that no column is to be refused.

    R is the Cholesky factor of X'X, and where it is clearly not singular as good as that of the QR.
    A column is not constant where its variance is clearly above the rounding of its mean.
    """
    square = gram.diagonal()
    whole = square + n * centre * centre
    if columns[0].term != "Intercept" or not (whole < LARGEST**2).all():
        return False
    factor, failed = lapack.dpotrf(gram)
    apart = (np.square(factor.diagonal()) > CLEARLY**2 * square) & (square > VARIES**2 * whole)
    return not failed and bool(apart.all())


def _check_rank(scaled: NDArray[np.float64], columns: tuple[Column, ...]) -> None:
    """Find columns that are combinations of earlier ones (QR without pivoting, unit columns)."""
    triangle: NDArray[np.float64] = np.asarray(np.linalg.qr(scaled, mode="r"))
    for k in range(1, len(columns)):
        if abs(triangle[k, k]) > COLLINEAR:
            continue
        weights, *_ = np.linalg.lstsq(scaled[:, :k], scaled[:, k], rcond=None)
        partners = [columns[i].name for i in np.flatnonzero(np.abs(weights) > 1e-6)]
        raise ModelError(
            f"'{columns[k].name}' cannot be told apart from {_quote(partners) or 'the intercept'}: "
            "it is a combination of them. Leave one out or merge levels."
        )


def _quote(names: list[str]) -> str:
    return shortened([f"'{name}'" for name in names])
