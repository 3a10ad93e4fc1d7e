"""Find the file a study names, or say why it cannot be one."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from peerstats.errors import DataError, UsageError, did_you_mean

MOST_BYTES = 2_000_000_000


def existing_file(path: Path | str, endings: Collection[str]) -> Path:
    """Return the path of a local, non-empty file with a known ending.

    Raises UsageError for a web address, a folder, a missing file and an unknown ending; DataError
    for an empty file and one above 2 GB.
    """
    text = str(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text):
        raise UsageError(
            f"'{text}' is a web address. peerstats reads local files only: download it first."
        )
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder. Name the file in it.")
    if not path.is_file():
        raise UsageError(f"There is no file '{path}'.{_near(path)}")
    if path.suffix.lower() not in endings:
        known = ", ".join(sorted(endings))
        raise UsageError(f"'{path}': no reader for '{path.suffix}' files. Known endings: {known}.")
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"'{path}' is empty (0 bytes).")
    if size > MOST_BYTES:
        raise DataError(f"'{path}' is larger than {MOST_BYTES // 10**9} GB.")
    return path


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" Its folder '{folder}' does not exist either."
    return did_you_mean(path.name, sorted(p.name for p in folder.iterdir()))
