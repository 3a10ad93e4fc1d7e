"""Where the shipped analyses and report templates lie: in the wheel, or beside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).parent


def shipped(folder: Literal["analyses", "reports"]) -> Path:
    """Return the folder of shipped analyses or templates.

    A wheel carries them inside the package; in a source checkout they lie beside it.
    """
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def embedded() -> dict[str, Path]:
    """Return the folders of the embedded real studies by name; each has a codebook and its CSVs."""
    root = PACKAGE / "data" / "embedded"
    return {
        folder.name: folder
        for folder in sorted(root.iterdir())
        if (folder / "codebook.toml").is_file()
    }
