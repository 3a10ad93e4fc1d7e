"""peerstats.data.checks: the consistency rules, one function and one registry line each."""

from peerstats.data.checks.check import RULES, check, offenders, rules_run
from peerstats.data.checks.patterns import empty_cells

__all__ = ["RULES", "check", "empty_cells", "offenders", "rules_run"]
