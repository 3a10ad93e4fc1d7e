"""One frozen value: every number that may be printed, addressed and typed by scale."""

from peerstats.results.number import Kind, Number, Scale, address
from peerstats.results.results import Clearance, FitRecord, Results

__all__ = ["Clearance", "FitRecord", "Kind", "Number", "Results", "Scale", "address"]
