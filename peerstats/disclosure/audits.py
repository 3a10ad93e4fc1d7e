"""The place of proofs over a whole report: can its released numbers, taken together, be undone?

The rules judge one table at a time. An audit sees exact and released results side by side, tries to
recover what was protected from everything released (this report's tables at once, or earlier
reports too), and says what it recovered. The gate refuses to open when any audit says anything.
No audit exists yet, so the gate gives no such proof; `docs/disclosure.md` says what was measured
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from peerstats.disclosure.policy import Policy
from peerstats.results import Results


class Audit(Protocol):
    """An attack on a release by somebody who knows the rules but not the data."""

    def __call__(self, exact: Results, released: Results, policy: Policy) -> tuple[str, ...]:
        """Return a sentence for each number that could be recovered, without the number."""
        ...


AUDITS: Mapping[str, Audit] = {}
