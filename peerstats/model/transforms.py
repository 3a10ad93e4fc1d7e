"""Values of a formula's factors: arithmetic, scaling and splines, without running any text.

Scaling and splines remember what they learned from the data they were fitted on (means, knots),
so that a prediction uses the same numbers. `Memory` maps a node of the tree to what it learned;
it is filled while a design is built and only read afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError
from peerstats.model.tree import Bar, Call, Name, Node, Number
from peerstats.model.variables import Categories, Values, Variable, as_categories

Memory = dict[Node, Any]

UNARY: Mapping[str, Callable[..., NDArray[np.float64]]] = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "exp": np.exp,
}
BINARY: Mapping[str, Callable[..., NDArray[np.float64]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}


def evaluate(node: Node, columns: Mapping[str, Values], memory: Memory, learn: bool) -> Values:
    """Return a factor's values: (n,) or (n, k) numbers, or categories.

    With `learn` the scaling and spline nodes take their constants from these columns; otherwise
    they use what `memory` holds. Raises DataError when a number is needed and text is found, or
    when a transformation is not finite (the log of zero).
    """
    if isinstance(node, Name):
        return columns[node.name]
    if isinstance(node, Call) and node.function == "C":
        assert isinstance(node.arguments[0], Name)  # noqa: S101 (the formula checked it)
        return _categories(columns[node.arguments[0].name])
    with np.errstate(all="ignore"):
        values = _numbers(node, columns, memory, learn)
    lost = int((~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).sum())
    if lost:
        raise DataError(f"'{node}' is not a finite number in {lost} row(s).")
    return values


def _categories(values: Values) -> Categories:
    if isinstance(values, Categories):
        return values
    return as_categories(Variable(name="", values=values, finite=False))


def _numbers(
    node: Node, columns: Mapping[str, Values], memory: Memory, learn: bool
) -> NDArray[np.float64]:
    if isinstance(node, Name):
        values = columns[node.name]
        if isinstance(values, Categories):
            raise DataError(f"'{node.name}' holds categories where a number is needed.")
        return values
    if isinstance(node, Number):
        return np.float64(node.value)  # type: ignore[return-value]
    if isinstance(node, Bar):
        raise UsageError("a random term has no values")
    if isinstance(node, Call):
        inside = _numbers(node.arguments[0], columns, memory, learn)
        if node.function in UNARY:
            return UNARY[node.function](inside)
        return inside if node.function == "I" else _learned(node, inside, memory, learn)
    right = _numbers(node.right, columns, memory, learn)
    if node.left is None:
        return -right if node.sign == "-" else right
    return BINARY[node.sign](_numbers(node.left, columns, memory, learn), right)


def _learned(
    node: Call, values: NDArray[np.float64], memory: Memory, learn: bool
) -> NDArray[np.float64]:
    if node.function in ("cr", "ns", "bs"):
        return _spline(node, values, memory, learn)
    if learn:
        centre = values.mean()
        # Population standard deviation (divisor n), as patsy's scale().
        spread = 1.0 if node.function == "center" else values.std()
        if not spread > 0:
            raise DataError(f"'{node}' cannot be scaled: its values are all the same.")
        memory[node] = (float(centre), float(spread))
    centre, spread = memory[node]
    return (values - centre) / spread


def _spline(
    node: Call, values: NDArray[np.float64], memory: Memory, learn: bool
) -> NDArray[np.float64]:
    """B-splines, or natural cubic splines centred so that they go with an intercept."""
    from patsy.mgcv_cubic_splines import CR
    from patsy.splines import BS

    options: dict[str, Any] = {key: int(value) for key, value in node.options}
    options.setdefault("df", 4)
    natural = node.function != "bs"
    if natural:
        options["constraints"] = "center"
    if learn:
        basis = CR() if natural else BS()
        try:
            basis.memorize_chunk(values, **options)
            basis.memorize_finish()
        except ValueError as problem:
            raise DataError(
                f"'{node}' needs more distinct values than the data hold; lower df."
            ) from problem
        memory[node] = basis
    try:
        return np.asarray(memory[node].transform(values, **options), dtype=np.float64)
    except ValueError as problem:
        raise DataError(
            f"'{node}' was asked for values outside the range it was fitted on."
        ) from problem
