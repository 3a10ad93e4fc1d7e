"""peerstats.data.checks: the consistency rules, one function and one registry line each."""

from peerstats.data.checks.check import RULES, check, check_all, offenders
from peerstats.data.checks.patterns import empty_cells

__all__ = ["RULES", "check", "check_all", "empty_cells", "offenders"]
