"""Why a derived value is absent, and the rules that decide whether it is.

A derived variable inherits the reason of the input that stops it. When inputs are absent for
different reasons one code must rule:

    .a  .n   first: if the question did not apply, neither does what is made of it
    .r       then what she decided,
    .d       what she did not know,
    .x       what was not collected here,
    .m       and last what nobody can explain.

Where structural absences do not stop a result (a count or an "any" over several items), the lost
items rule instead: the order is then .r .d .x .m .a .n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

PRECEDENCE = (".a", ".n", ".r", ".d", ".x", ".m")
LOST_FIRST = (".r", ".d", ".x", ".m", ".a", ".n")
Column = tuple[pd.Series, pd.Series]  # the values and, beside them, the codes


def ruling_code(codes: pd.DataFrame, *, lost_first: bool = False) -> pd.Series:
    """Return per row the code that takes precedence among its columns, "" when none is absent.

    >>> c = pd.DataFrame({"a": ["", ".m", ".a"], "b": ["", ".r", ".r"]})
    >>> ruling_code(c).tolist(), ruling_code(c, lost_first=True).tolist()
    (['', '.r', '.a'], ['', '.r', '.r'])
    """
    table = codes.to_numpy(dtype=object)
    out = np.full(len(codes), "", dtype=object)
    for code in reversed(LOST_FIRST if lost_first else PRECEDENCE):
        out[(table == code).any(axis=1)] = code
    return pd.Series(out, index=codes.index, dtype=object)


def all_needed(values: pd.Series, *codes: pd.Series) -> Column:
    """Return a value that needs every input, with the ruling code where one is absent.

    A value that cannot be (NaN although every input was observed, because they contradict each
    other) has the code `.m`.

    >>> v, c = all_needed(pd.Series([1.0, 2.0]), pd.Series(["", ".r"]))
    >>> v.tolist(), c.tolist()
    ([1.0, nan], ['', '.r'])
    """
    code = ruling_code(pd.concat(codes, axis=1, keys=range(len(codes))))
    code = code.mask((code == "") & values.isna(), ".m")
    return values.mask(code != ""), code


def any_of(values: pd.DataFrame, codes: pd.DataFrame) -> Column:
    """Return 1 if one observed item is 1, 0 if all that applied are observed 0, else missing.

    Items that did not apply (.a, .n) cannot have happened and are left out; a row in which no item
    applied is itself structural.

    >>> v = pd.DataFrame({"a": [1.0, 0.0, 0.0, np.nan], "b": [np.nan, np.nan, 0.0, np.nan]})
    >>> c = pd.DataFrame({"a": ["", "", "", ".a"], "b": [".r", ".r", "", ".a"]})
    >>> [x.tolist() for x in any_of(v, c)]
    [[1.0, nan, 0.0, nan], ['', '.r', '', '.a']]
    """
    structural = codes.isin([".a", ".n"])
    happened = (values == 1).any(axis=1)
    settled = (values.notna() | structural).all(axis=1) & ~structural.all(axis=1)
    out = pd.Series(np.where(happened, 1.0, 0.0), index=values.index).where(happened | settled)
    return out, ruling_code(codes, lost_first=True).mask(out.notna(), "").astype(object)


def both_of(first: Column, second: Column) -> Column:
    """Return the three-valued AND of two 0/1 columns: one observed 0 is enough for 0.

    >>> one = (pd.Series([0.0, 1.0]), pd.Series(["", ""]))
    >>> two = (pd.Series([np.nan, np.nan]), pd.Series([".r", ".r"]))
    >>> [x.tolist() for x in both_of(one, two)]
    [[0.0, nan], ['', '.r']]
    """
    (a, a_code), (b, b_code) = first, second
    never = (a == 0) | (b == 0)
    out = pd.Series(np.where(never, 0.0, 1.0), index=a.index).where(never | (a.notna() & b.notna()))
    code = ruling_code(pd.concat([a_code, b_code], axis=1, keys=["a", "b"]))
    return out, code.mask(out.notna(), "")


def cut(values: pd.Series, edges: Sequence[float], labels: Sequence[str]) -> pd.Series:
    """Return the label of the half-open interval [edge, next edge) each value lies in.

    >>> cut(pd.Series([0.5, 1.0, np.nan]), (1,), ("new", "old")).tolist()
    ['new', 'old', nan]
    """
    place = np.searchsorted(
        np.asarray(edges, dtype=float), values.to_numpy(dtype=float), side="right"
    )
    names = np.asarray(labels, dtype=object)[np.minimum(place, len(labels) - 1)]
    return pd.Series(names, index=values.index, dtype=object).mask(values.isna(), np.nan)
