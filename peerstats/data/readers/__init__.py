"""The file formats that peerstats reads, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from peerstats.data.raw import RawTable, ReadOptions
from peerstats.data.readers.csv import read_csv

Reader = Callable[[Path, ReadOptions], RawTable]

# A new format is one module in this folder and one line here.
READERS: Mapping[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
}
