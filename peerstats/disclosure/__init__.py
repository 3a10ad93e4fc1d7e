"""What may leave the building: profiles, the gate, and the last look at the bytes."""

from peerstats.disclosure.audits import AUDITS, Audit
from peerstats.disclosure.inspection import Inspection, inspect_bytes
from peerstats.disclosure.policy import PROFILES, Policy, policy
from peerstats.disclosure.release import release

__all__ = [
    "AUDITS",
    "PROFILES",
    "Audit",
    "Inspection",
    "Policy",
    "inspect_bytes",
    "policy",
    "release",
]
