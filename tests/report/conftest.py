"""Whole reports, composed once for all tests here."""

import pytest

from peerstats import report

SOFTWARE = {"peerstats": "0.1.0", "python": "3.12.1", "numpy": "2.4.6"}


@pytest.fixture(scope="session")
def reports(fixed):
    """Documents by name: exact, released and hostile."""
    studies = {
        "exact": fixed.results(),
        "released": fixed.results(released=True, groups=12),
        "hostile": fixed.results(hostile=True, groups=12),
    }
    return {
        name: report.compose(results, report.default_layout(results), SOFTWARE)
        for name, results in studies.items()
    }
