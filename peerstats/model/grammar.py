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
from typing import Literal, NoReturn

from peerstats.errors import UsageError, did_you_mean
from peerstats.model.tree import Bar, Call, Name, Node, Number, Operation, Tree

LONGEST = 2_000  # characters
DEEPEST = 64  # nested parentheses, calls and unary signs
LARGEST_POWER = 8
MOST_TOKENS = 600  # keeps the tree shallow enough for plain recursion

# Functions a formula may call, with the options each takes beside its first argument.
ARITHMETIC = ("log", "sqrt", "exp", "I")
SCALING = ("scale", "standardize", "center")
SPLINES = ("cr", "ns", "bs")
FUNCTIONS = (*ARITHMETIC, *SCALING, *SPLINES, "C", "offset", "cbind", "mm")
SPLINE_OPTIONS = {"cr": ("df",), "ns": ("df",), "bs": ("df", "degree")}


Kind = Literal["name", "number", "string", "sign", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the formula and where it starts (counted from 1)."""

    kind: Kind
    text: str
    place: int


SIGNS = ("**", "||", "~", "+", "-", "*", "/", ":", "^", "(", ")", "|", ",", "=")


def refusal(reason: str) -> UsageError:
    """Return the one kind of error that formulas know."""
    return UsageError(f"Formula: {reason}")


def refuse(reason: str) -> NoReturn:
    """Raise it."""
    raise refusal(reason)


def _printable(character: str) -> str:
    return f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"


def _word_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return end


def _number_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end] in "0123456789."):
        end += 1
    exponent = end + 1 if text[end : end + 1] in ("e", "E") else end
    if exponent > end:
        exponent += text[exponent : exponent + 1] in ("+", "-")
        stop = exponent
        while stop < len(text) and text[stop] in "0123456789":
            stop += 1
        end = stop if stop > exponent else end
    return end


def _quoted(text: str, start: int, kind: Kind) -> tuple[Token, int]:
    end = text.find(text[start], start + 1)
    inside = text[start + 1 : end]
    if end < 0:
        refuse(f"the quote opened at character {start + 1} is not closed.")
    if not inside or "\\" in inside or not inside.isprintable():
        refuse(
            f"the quoted text at character {start + 1} is empty or holds a backslash or a "
            "character that cannot be printed."
        )
    return Token(kind, inside, start + 1), end + 1


def _next_token(text: str, at: int) -> tuple[Token, int]:
    character = text[at]
    if character == "`":
        return _quoted(text, at, "name")
    if character in "'\"":
        return _quoted(text, at, "string")
    if character.isalpha() or character == "_":
        end = _word_end(text, at)
        return Token("name", text[at:end], at + 1), end
    if character in "0123456789.":
        end = _number_end(text, at)
        if end == at or text[end : end + 1].isalnum() or text[at:end].strip(".") == "":
            refuse(f"'.' or a malformed number at character {at + 1}; write `a.b` in backquotes.")
        return Token("number", text[at:end], at + 1), end
    for sign in SIGNS:
        if text.startswith(sign, at):
            return Token("sign", sign, at + 1), at + len(sign)
    refuse(f"{_printable(character)} at character {at + 1} has no meaning here.")


def tokenize(text: str) -> tuple[Token, ...]:
    """Split a formula into words; UsageError for any character outside the grammar.

    >>> [t.text for t in tokenize("y ~ x")]
    ['y', '~', 'x', '']
    """
    if len(text) > LONGEST:
        refuse(f"longer than {LONGEST:,} characters.")
    tokens = []
    at = 0
    while at < len(text):
        if text[at] in " \t\n\r":
            at += 1
            continue
        token, at = _next_token(text, at)
        tokens.append(token)
    if len(tokens) > MOST_TOKENS:
        refuse(f"more than {MOST_TOKENS:,} words.")
    return (*tokens, Token("end", "", len(text) + 1))


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
        refuse(f"'{reader.token.text}' at character {reader.token.place} does not fit there.")
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
        refuse(
            f"'{token.text}(...)' at character {token.place} is not a function of formulas "
            f"({', '.join(FUNCTIONS)}).{did_you_mean(token.text, FUNCTIONS)}"
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
