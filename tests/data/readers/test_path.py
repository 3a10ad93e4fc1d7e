from __future__ import annotations

from pathlib import Path

import pytest

from peerstats.data.readers import path as paths
from peerstats.errors import DataError, UsageError


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "x.sav"
    file.write_text("x")
    with pytest.raises(UsageError, match=r"no reader for '\.sav' files\. Known endings: \.csv"):
        paths.existing_file(file, [".csv"])


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist either"):
        paths.existing_file(tmp_path / "no" / "x.csv", [".csv"])


def test_a_file_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.csv"
    file.write_text("id\n1\n")
    monkeypatch.setattr(paths, "MOST_BYTES", 4)
    with pytest.raises(DataError, match="larger than"):
        paths.existing_file(file, [".csv"])


def test_endings_are_read_whatever_their_case(tmp_path: Path) -> None:
    file = tmp_path / "X.CSV"
    file.write_text("id\n1\n")
    assert paths.existing_file(str(file), [".csv"]) == file
