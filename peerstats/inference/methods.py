"""The registry of inference methods."""

from __future__ import annotations

from collections.abc import Mapping

from peerstats.inference.method import Method
from peerstats.inference.wald import WALD_BETWEEN_WITHIN, WALD_T, WALD_Z

METHODS: Mapping[str, Method] = {m.name: m for m in (WALD_BETWEEN_WITHIN, WALD_T, WALD_Z)}
