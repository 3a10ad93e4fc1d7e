"""What several folders of tests share: fixed results, and golden text that can be regenerated."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser):
    parser.addoption("--overwrite", action="store_true", help="write the golden files again")


@pytest.fixture(scope="session")
def fixed():
    """The module `fixed_results`: fixed.results(released=…, hostile=…, groups=…)."""
    spec = importlib.util.spec_from_file_location("fixed_results", HERE / "fixed_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def study(fixed):
    """Exact results of a rich study."""
    return fixed.results()


@pytest.fixture
def golden(request):
    """Compare text with golden/NAME beside the test; `--overwrite` writes it instead."""

    def check(name: str, text: str) -> None:
        path = Path(request.path).parent / "golden" / name
        if request.config.getoption("--overwrite"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8")

    return check
