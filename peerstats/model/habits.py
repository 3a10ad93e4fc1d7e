"""What people write in formulas out of habit from R or patsy, and how it is said here.

Nothing of this is run or guessed at: a formula that means something else here, or nothing, is
refused, and the refusal names the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLUMN = "make a column of it in the data first"
CORRELATED = (
    "correlations along time are not fitted: write a random slope, (time | group), or use gee()"
)
SMOOTH = "write a spline, cr(x, df=4)"

NUMPY = ("log", "log2", "log10", "log1p", "sqrt", "exp")  # np.log(x) is log(x) here

FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "factor": "write C(x)",
        "as.factor": "write C(x)",
        "relevel": "write C(x, ref='level')",
        "ordered": "write C(x), or for an outcome make the column a pd.Categorical(..., "
        "ordered=True)",
        "poly": "write the powers, x + I(x**2)",
        "s": SMOOTH,
        "te": SMOOTH,
        "rcs": SMOOTH,
        "interaction": "write a:b",
        "Q": "write the name in backquotes, `a b`",
        "strata": "use conditional_logit(..., groups=...), or a random term (1 | group)",
        "cluster": "use gee(..., groups=...)",
        "Error": "write a random term, (1 | group)",
        "us": "write (x | group), which is unstructured",
        "diag": "write (x || group) for effects without correlations",
        "cs": "write (1 | group), or use gee()",
        "homdiag": "write (x || group) for effects without correlations",
        **dict.fromkeys(("ar1", "ou", "toep", "exp_", "gau", "mat", "corAR1"), CORRELATED),
        **dict.fromkeys(("abs", "round", "floor", "sin", "cos", "ifelse", "cut", "lag"), COLUMN),
        **dict.fromkeys(("as.numeric", "as.integer", "is.na", "min", "max", "rank"), COLUMN),
    }
)

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "%in%": "'%in%' is not read; write nested groups as (1 | a/b), nested covariates as a/b",
        "$": "name the column alone, without 'data$'",
        "[": f"parts of a column are not read; {COLUMN}",
        **dict.fromkeys(
            ("==", "!=", ">=", "<=", ">", "<", "&", "!", "%"),
            f"comparisons are not calculated in formulas; {COLUMN}, e.g. "
            "data['older'] = data['age'] > 30",
        ),
    }
)


def about_function(name: str) -> str:
    """Return the way out after "... is not a function of formulas", or an empty string.

    >>> about_function("factor")
    ': write C(x).'
    """
    return f": {FUNCTIONS[name]}." if name in FUNCTIONS else ""


def about_sign(text: str, at: int) -> str:
    """Return a refusal for a sign that formulas do not have, or an empty string."""
    for sign, words in SIGNS.items():
        if text.startswith(sign, at):
            return f"'{sign}' at character {at + 1}: {words}."
    return ""


def about_dot(text: str, at: int) -> str:
    """Return a refusal for a dot that is no part of a number: `y ~ .`, `np.log(x)`, `a.b`.

    >>> about_dot("y ~ np.log(x)", 6)
    "'np.log(...)' at character 5 is not a function of formulas: write log(x)."
    """
    start, end = at, at
    while start and _in_dotted(text[start - 1]):
        start -= 1
    while _in_dotted(text[end : end + 1]):
        end += 1
    word, place = text[start:end], f"at character {start + 1}"
    if word == ".":
        return f"'.' {place} would be every other column; name the covariates."
    if text[end:].lstrip().startswith("("):
        last = word.rpartition(".")[2]
        way = f": write {last}(x)." if last in NUMPY else f": {COLUMN}."
        return f"'{word}(...)' {place} is not a function of formulas{about_function(word) or way}"
    if word[0].isdigit():
        return f"a malformed number {place}."
    return f"a name with a dot {place} stands in backquotes: `{word}`."


def _in_dotted(character: str) -> bool:
    return character.isalnum() or character in ("_", ".")
