from __future__ import annotations

import subprocess
import sys

import pytest

import peerstats as ps


def test_importing_the_package_loads_no_heavy_module():
    code = (
        "import sys, peerstats\n"
        "print({'numpy', 'pandas', 'scipy', 'statsmodels', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_door_offers_its_names():
    for name in ps.__all__:
        assert getattr(ps, name) is not None
    assert set(ps.__all__) <= set(dir(ps))


def test_refusals_can_be_caught_at_the_door():
    with pytest.raises(ps.UsageError, match="no option 'methud'"):
        ps.fit("y ~ x", {"y": [0, 1], "x": [1, 2]}, methud="agq")
    for refusal in (ps.UsageError, ps.DataError, ps.ModelError):
        assert issubclass(refusal, ps.PeerstatsError)


def test_the_command_line_does_not_take_the_place_of_the_function():
    import peerstats.run  # noqa: F401

    assert callable(ps.run)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        ps.fitt  # noqa: B018
