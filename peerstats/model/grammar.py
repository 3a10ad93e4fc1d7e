"""The closed grammar of model formulas: text in, a small frozen tree out, nothing ever run.

patsy hands every piece of a formula to Python's evaluator, so a formula from a file could start a
program. Here a formula is read by a tokenizer and a recursive descent over a fixed list of
operators and functions; whatever is not on the list is refused before any data are touched.

    formula   := side "~" terms | "~" terms
    terms     := ["+"|"-"] product { ("+"|"-") product }
    product   := interact { ("*"|"/") interact }
    interact  := power { ":" power }
    power     := atom [ ("**"|"^") integer ]
    atom      := "0" | "1" | name | function | "(" terms ")" | "(" terms ("|"|"||") groups ")"
    function  := NAME "(" sum { "," argument } ")"      the first argument is arithmetic
               | "C(" name [ "," contrast ] ")"
    contrast  := ["ref" "="] TEXT | "Treatment(" ["reference" "="] TEXT ")"
               | "mm(" name "," name { "," name } [ "|" name { "," name } ] ")"
    sum       := factor { ("+"|"-") factor }            with the usual precedence of * / ** and -
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from peerstats.errors import did_you_mean
from peerstats.model.habits import about_function
from peerstats.model.tokens import Token, refuse, tokenize
from peerstats.model.tree import Bar, Call, Name, Node, Number, Operation, Tree

DEEPEST = 64  # nested parentheses, calls and unary signs
LARGEST_POWER = 8

# Functions a formula may call, with the options each takes beside its first argument.
ARITHMETIC = ("log", "log2", "log10", "log1p", "sqrt", "exp", "I")
SCALING = ("scale", "standardize", "center")
SPLINES = ("cr", "ns", "bs")
FUNCTIONS = (*ARITHMETIC, *SCALING, *SPLINES, "C", "offset", "cbind", "mm")
SPLINE_OPTIONS = {"cr": ("df",), "ns": ("df",), "bs": ("df", "degree")}


@dataclass(slots=True)
class _Reader:
    """Where the descent stands; lives only while one formula is read."""

    tokens: tuple[Token, ...]
    at: int = 0
    depth: int = field(default=0)

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def sign(self) -> str:
        return self.token.text if self.token.kind == "sign" else ""

    def step(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def take(self, *signs: str) -> str | None:
        return self.step().text if self.sign in signs else None

    def need(self, sign: str) -> None:
        if self.take(sign) is None:
            found = f"'{self.token.text}'" if self.token.text else "the end"
            refuse(f"'{sign}' expected at character {self.token.place}, found {found}.")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            refuse(f"nested deeper than {DEEPEST} levels.")


def parse(text: str) -> Tree:
    """Read a formula into a tree.

    Raises UsageError, saying what stood where, for anything outside the grammar of this module.

    >>> str(parse("y ~ x + (1 | site)").right)
    'x + (1 | site)'
    """
    if not isinstance(text, str):
        refuse(f"a formula is text, not {type(text).__name__}.")
    reader = _Reader(tokenize(text))
    if reader.token.kind == "end":
        refuse("the text is empty; write outcome ~ covariates.")
    left = None if reader.sign == "~" else _sum(reader)
    reader.need("~")
    right = _terms(reader)
    if reader.token.kind != "end":
        bar = " A random term stands in parentheses: (1 | group)." if "|" in reader.sign else ""
        refuse(f"'{reader.token.text}' at character {reader.token.place} does not fit there.{bar}")
    return Tree(left, right)


def _terms(reader: _Reader) -> Node:
    reader.deeper()
    sign = reader.take("+", "-")
    node = _product(reader)
    if sign == "-":
        node = Operation("-", None, node)
    while sign := reader.take("+", "-"):
        node = Operation(sign, node, _product(reader))
    reader.depth -= 1
    return node


def _product(reader: _Reader) -> Node:
    node = _interaction(reader)
    while sign := reader.take("*", "/"):
        node = Operation(sign, node, _interaction(reader))
    return node


def _interaction(reader: _Reader) -> Node:
    node = _power(reader)
    while reader.take(":"):
        node = Operation(":", node, _power(reader))
    return node


def _power(reader: _Reader) -> Node:
    node = _atom(reader)
    if not reader.take("**", "^"):
        return node
    token = reader.step()
    if (
        token.kind != "number"
        or not token.text.isdigit()
        or not 1 <= int(token.text) <= LARGEST_POWER
    ):
        refuse(
            f"after ** at character {token.place} comes a whole number from 1 to {LARGEST_POWER}."
        )
    return Operation("**", node, Number(int(token.text), token.text))


def _atom(reader: _Reader) -> Node:
    token = reader.step()
    if token.kind == "number":
        if token.text not in ("0", "1"):
            refuse(f"only 0 and 1 may stand as a term of their own (character {token.place}).")
        return Number(float(token.text), token.text)
    if token.kind == "name":
        return _name_or_call(reader, token)
    if token.kind != "sign" or token.text != "(":
        found = f"'{token.text}'" if token.text else "the end"
        refuse(f"a variable expected at character {token.place}, found {found}.")
    inside = _terms(reader)
    bar = reader.take("|", "||")
    if bar:
        inside = Bar(inside, _product(reader), bar == "|")
    reader.need(")")
    return inside


def _name_or_call(reader: _Reader, token: Token) -> Node:
    if reader.sign != "(":
        return Name(token.text)
    if token.text not in FUNCTIONS:
        known = f" ({', '.join(FUNCTIONS)}).{did_you_mean(token.text, FUNCTIONS)}"
        refuse(
            f"'{token.text}(...)' at character {token.place} is not a function of formulas"
            f"{about_function(token.text) or known}"
        )
    reader.deeper()
    reader.step()
    if token.text == "mm":
        return _membership(reader)
    arguments: list[Node] = [_sum(reader)]
    if token.text == "cbind":
        reader.need(",")
        arguments.append(_sum(reader))
    options = _options(reader, token)
    reader.need(")")
    reader.depth -= 1
    return Call(token.text, tuple(arguments), options)


def _membership(reader: _Reader) -> Node:
    """`mm(a, b)` or, with the weight of each, `mm(a, b | w_a, w_b)`."""
    members = _names(reader)
    weights = _names(reader) if reader.take("|") else ()
    reader.need(")")
    reader.depth -= 1
    if len(members) < 2 or len(weights) not in (0, len(members)):
        refuse("mm() takes two variables or more, then | and a weight for each if any has one.")
    return Call("mm", (*members, *weights), (("members", float(len(members))),))


def _names(reader: _Reader) -> tuple[Name, ...]:
    found: list[Name] = []
    while not found or reader.take(","):
        token = reader.step()
        if token.kind != "name":
            refuse(f"a variable expected in mm() at character {token.place}.")
        found.append(Name(token.text))
    return tuple(found)


def _options(reader: _Reader, function: Token) -> tuple[tuple[str, float | str], ...]:
    """Options such as `df=4` or a reference level; each at most once."""
    if function.text == "C":
        return _contrast(reader)
    known = SPLINE_OPTIONS.get(function.text, ())
    found: dict[str, float | str] = {}
    while reader.take(","):
        key = known[0] if known else ""
        if reader.token.kind == "name":
            key = reader.step().text
            reader.need("=")
        token = reader.step()
        if key not in known or key in found:
            allowed = ", ".join(known) or "no options"
            refuse(f"{function.text}() takes {allowed} (character {token.place}).")
        found[key] = _small_integer(token)
    return tuple(found.items())


def _contrast(reader: _Reader) -> tuple[tuple[str, str], ...]:
    """The reference level of C(): 'b', ref='b', Treatment('b') or Treatment(reference='b')."""
    if not reader.take(","):
        return ()
    key = "ref"
    patsy = reader.token.kind == "name" and reader.token.text == "Treatment"
    if patsy:
        reader.step()
        reader.need("(")
    if reader.token.kind == "name":
        key = reader.step().text
        if key != ("reference" if patsy else "ref"):
            refuse(f"C() takes ref='level' or Treatment(reference='level'), not '{key}'.")
        reader.need("=")
    token = reader.step()
    if token.kind != "string":
        refuse(f"the reference level in C() is quoted text (character {token.place}).")
    if patsy:
        reader.need(")")
    return ((key, token.text),)


def _small_integer(token: Token) -> float:
    if token.kind != "number" or not token.text.isdigit() or not 1 <= int(token.text) <= 20:
        refuse(f"a whole number from 1 to 20 is expected at character {token.place}.")
    return float(token.text)


def _sum(reader: _Reader) -> Node:
    """Arithmetic inside a function or left of `~`."""
    reader.deeper()
    node = _times(reader)
    while sign := reader.take("+", "-"):
        node = Operation(sign, node, _times(reader))
    reader.depth -= 1
    return node


def _times(reader: _Reader) -> Node:
    node = _signed(reader)
    while sign := reader.take("*", "/"):
        node = Operation(sign, node, _signed(reader))
    return node


def _signed(reader: _Reader) -> Node:
    if sign := reader.take("-", "+"):
        reader.deeper()
        node: Node = Operation(sign, None, _signed(reader))
        reader.depth -= 1
        return node
    base = _value(reader)
    if reader.take("**", "^"):
        reader.deeper()
        power = _signed(reader)
        reader.depth -= 1
        return Operation("**", base, power)
    return base


def _value(reader: _Reader) -> Node:
    token = reader.step()
    if token.kind == "number":
        if token.text.count(".") > 1 or not math.isfinite(float(token.text)):
            refuse(f"the number at character {token.place} is malformed or too large.")
        return Number(float(token.text), token.text)
    if token.kind == "name":
        return _name_or_call(reader, token)
    if token.kind != "sign" or token.text != "(":
        found = f"'{token.text}'" if token.text else "the end"
        refuse(f"a variable or number expected at character {token.place}, found {found}.")
    inside = _sum(reader)
    reader.need(")")
    if isinstance(inside, Operation):
        return Operation(inside.sign, inside.left, inside.right, grouped=True)
    return inside
