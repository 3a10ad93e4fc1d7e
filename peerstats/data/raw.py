"""What a reader hands on: cells as text, headings checked, and remarks on how it was read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import pandas as pd

# Characters that are in a file but not on the screen: zero-width and direction marks, soft hyphen.
_UNSEEN = re.compile("[\u200b-\u200f\u2060\u2066-\u2069\u202a-\u202e\ufeff\u00ad]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What the analysis file may say about a file of text: nothing else is guessed silently."""

    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawTable:
    """One file's cells as text, "" where empty, and what was accepted with a remark."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<RawTable: {len(self.frame)} rows, {self.frame.shape[1]} columns>"


def plain(text: str) -> str:
    """Text as one would type it: composed accents (NFC), no unseen characters, single blanks.

    >>> plain("  Tecu\\u0301n\\u200b  Umán ") == "Tecún Umán"
    True
    """
    if text.isascii():
        return " ".join(text.split())
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFC", text)).split())
