"""peerstats: honest mixed-model statistics for follow-up surveys at a few sites.

The library's door. Names are looked up on first use, so that `import peerstats` stays fast:
numpy, pandas and statsmodels are loaded when the first of them is needed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from peerstats.errors import DataError as DataError
    from peerstats.errors import ModelError as ModelError
    from peerstats.errors import PeerstatsError as PeerstatsError
    from peerstats.errors import UsageError as UsageError
    from peerstats.inference.door import infer as infer
    from peerstats.model.compare import anova as anova
    from peerstats.model.fit import fit as fit
    from peerstats.model.marginal.conditional import conditional_logit as conditional_logit
    from peerstats.model.marginal.firth import firth_logit as firth_logit
    from peerstats.model.marginal.gee import gee as gee
    from peerstats.model.marginal.modified_poisson import modified_poisson as modified_poisson
    from peerstats.pipeline.door import load_study as load_study
    from peerstats.pipeline.door import run as run

_HOME = {
    "DataError": "peerstats.errors",
    "ModelError": "peerstats.errors",
    "PeerstatsError": "peerstats.errors",
    "UsageError": "peerstats.errors",
    "anova": "peerstats.model.compare",
    "conditional_logit": "peerstats.model.marginal.conditional",
    "firth_logit": "peerstats.model.marginal.firth",
    "fit": "peerstats.model.fit",
    "gee": "peerstats.model.marginal.gee",
    "infer": "peerstats.inference.door",
    "load_study": "peerstats.pipeline.door",
    "modified_poisson": "peerstats.model.marginal.modified_poisson",
    "run": "peerstats.pipeline.door",
}

__all__ = [
    "DataError",
    "ModelError",
    "PeerstatsError",
    "UsageError",
    "__version__",
    "anova",
    "conditional_logit",
    "firth_logit",
    "fit",
    "gee",
    "infer",
    "load_study",
    "modified_poisson",
    "run",
]


class _Door(ModuleType):
    """This module, where importing the command line `peerstats.run` leaves `run()` in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'peerstats' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
