from types import SimpleNamespace

import pytest

from peerstats.inference.audit.rows import AuditRow
from peerstats.pipeline.audit_lines import audit_lines, verdict


@pytest.mark.parametrize(
    ("rate", "error", "words"),
    [
        (0.05, 0.01, "as it should (5%)"),
        (0.15, 0.02, "more than the 5% it promises"),
        (0.15, 0.083, "too few simulated studies to tell from 5%"),
    ],
)
def test_a_level_is_called_kept_only_where_it_could_be_seen(rate, error, words):
    who = {"term": "x", "scenario": "fitted", "method": "chosen", "replicates": 20}
    row = AuditRow(**who, type1=rate, type1_error=error)
    assert verdict(row).startswith(words)


def test_a_truth_that_time_did_not_reach_is_told():
    truth = SimpleNamespace(key="fitted", words="as fitted")
    block = SimpleNamespace(terms=())
    one = SimpleNamespace(
        section=SimpleNamespace(key="m1"),
        title="Support",
        audit=SimpleNamespace(scenarios=(truth,), rows=()),
        answer=SimpleNamespace(block=block),
    )
    assert "  Nothing was simulated in the time given: take more --seconds." in audit_lines(one)
