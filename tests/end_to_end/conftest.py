"""Reports of the shipped analyses, each made once and read by many tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peerstats.run import main


class Made:
    """A report on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, file: str) -> str:
        return (self.folder / file).read_text(encoding="utf-8")

    def record(self, tree: str) -> dict[str, dict]:
        return json.loads(self.text(f"{tree}/results.json"))

    def numbers(self, tree: str) -> dict[str, dict]:
        return self.record(tree)["numbers"]

    def printed(self, tree: str, address: str) -> str:
        return self.numbers(tree)[address]["printed"]


def make(name: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out = tmp_path_factory.mktemp(name) / "out"
    assert main([name, "--out", str(out), "--quiet"]) == 0
    return Made(out)


@pytest.fixture(scope="session")
def border(tmp_path_factory):
    return make("border", tmp_path_factory)


@pytest.fixture(scope="session")
def bangladesh(tmp_path_factory):
    return make("bangladesh", tmp_path_factory)


@pytest.fixture(scope="session")
def founding(tmp_path_factory):
    return make("founding", tmp_path_factory)
