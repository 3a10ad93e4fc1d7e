"""How numbers become characters: digits, rounding and missing values, in this one place.

Rounding is half up, as journals do it, and is done on the shortest decimal that reads back as the
same double. Python's own rounding works on the binary value and prints 0.0455 as "0.045".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

MISSING = "–"
WITHHELD = "[c]"
MINUS = "−"


def fixed(value: float, digits: int) -> str:
    """Print with a fixed number of decimals, rounding half up.

    >>> fixed(0.0455, 3), fixed(-1.005, 2), fixed(1234.5, 0)
    ('0.046', '−1.01', '1,235')
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    wide = Context(prec=400)  # holds every double; the default of 28 digits refuses 1e27
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, wide)
    text = f"{rounded.copy_abs():,}"
    return f"{MINUS}{text}" if rounded < 0 else text


def p_value(value: float) -> str:
    """Print a p-value with three decimals, "<0.001" below that and ">0.999" above.

    >>> p_value(0.0455), p_value(0.00004), p_value(0.99999)
    ('0.046', '<0.001', '>0.999')
    """
    if math.isnan(value):
        return MISSING
    if value < 0.001:
        return "<0.001"
    return ">0.999" if value > 0.999 else fixed(value, 3)


def ratio(value: float) -> str:
    """Print a ratio with two decimals, fewer from 10 and 100 upwards.

    >>> ratio(1.645), ratio(12.34), ratio(0.004), ratio(234.5)
    ('1.65', '12.3', '0.004', '235')
    """
    if math.isnan(value):
        return MISSING
    if 0 < value < 0.01:
        return "<0.001" if value < 0.001 else fixed(value, 3)
    if value >= 999.5:  # what would round to 1,000 is beyond 999 too
        return ">999"
    return fixed(value, 2 if value < 9.995 else 1 if value < 99.95 else 0)


FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": lambda v: fixed(v, 0),
    "percent0": lambda v: fixed(v, 0),
    "percent1": lambda v: fixed(v, 1),
    "decimal0": lambda v: fixed(v, 0),
    "decimal1": lambda v: fixed(v, 1),
    "decimal2": lambda v: fixed(v, 2),
    "decimal3": lambda v: fixed(v, 3),
    "ratio": ratio,
    "p": p_value,
}


def shortest(value: float) -> str | None:
    """Return the shortest decimal that reads back as the same double; None where there is none.

    >>> shortest(0.1), shortest(3.0), shortest(float("nan"))
    ('0.1', '3.0', None)
    """
    return repr(float(value)) if math.isfinite(value) else None
