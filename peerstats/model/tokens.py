"""The words of a formula: names, numbers, quoted levels and signs, and where each starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

from peerstats.errors import UsageError
from peerstats.model.habits import about_dot, about_sign

LONGEST = 2_000  # characters
MOST_TOKENS = 600  # keeps the tree shallow enough for plain recursion

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


def _in_words(character: str) -> bool:
    return character.isalnum() or character == "_"


def _word_end(text: str, start: int) -> int:
    end = start
    while _in_words(text[end : end + 1]):
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
        glued = character == "." and at > 0 and _in_words(text[at - 1])
        if glued or _in_words(text[end : end + 1]) or text[at:end].strip(".") == "":
            refuse(about_dot(text, at))
        return Token("number", text[at:end], at + 1), end
    habit = about_sign(text, at)
    if habit:
        refuse(habit)
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
