import pandas as pd
import pytest

from peerstats.data.checks import RULES
from peerstats.data.codebook import Codebook, Field, TableKeys
from peerstats.data.study import Finding, Study, Table
from peerstats.results import Number
from peerstats.results.quality import quality

SITE = Field(name="site_id", table="sites", label="Site", type="key", column="site_id")
CONDOM = Field(
    name="ccu_clients", table="visits", label="Always used condoms", type="boolean",
    column="ccu_clients", sensitive=1,
)  # fmt: skip


def _finding(rule: str, count: int, *by_site: tuple[str, int, int]) -> Finding:
    return Finding(
        rule=rule,
        severity="warn",
        table="visits",
        columns=("ccu_clients", "unprotected_7d"),
        count=count,
        checked=40,
        message=f"always used condoms in {count} of 40 rows",
        by_site=by_site,
    )


def _study(*findings: Finding) -> Study:
    values = pd.DataFrame({"site_id": ["tapachula", "tecun"], "site_name": ["Tapachula", "Tecún"]})
    sites = Table(name="sites", values=values, codes=values.map(lambda _: ""))
    women = pd.DataFrame({"age": [20.0], "age_entry": [19.0]})
    home = TableKeys(name="sites", label="Sites", key=("site_id",), points_to={})
    codebook = Codebook(
        name="c",
        fields={"ccu_clients": CONDOM},
        keys={"sites": (SITE,)},
        scales={},
        rules={},
        tables={"sites": home},
    )
    return Study(
        name="s",
        codebook=codebook,
        tables={
            "sites": sites,
            "participants": Table(name="participants", values=women, codes=women.map(lambda _: "")),
        },
        findings=findings,
        rules_run=("C01", "C02", "C15"),
        notes=(
            "participants.csv: semicolons read as separators",
            "column 'age': 17 values matched after removing blanks",
        ),
        flow=(),
        synthetic=True,
        provenance="",
    )


def _by_address(numbers: tuple[Number, ...]) -> dict[str, Number]:
    found = {n.address: n for n in numbers}
    assert len(found) == len(numbers)
    return found


def test_rates_of_contradiction_by_site() -> None:
    study = _study(_finding("C15", 7, ("tapachula", 6, 15), ("tecun", 1, 25)))
    block, found = quality("dq", "Data quality", study)
    numbers = _by_address(found)
    at = "dq.C15.site.tapachula"
    assert numbers[f"{at}.percent"].value == pytest.approx(40)
    assert numbers[f"{at}.percent"].parts == (f"{at}.count", f"{at}.checked")
    assert numbers[f"{at}.percent"].basis == 15
    assert numbers["dq.C15.count"].value == 7
    assert numbers["dq.C15.count"].parts == (f"{at}.count", "dq.C15.site.tecun.count")
    assert numbers["dq.C15.checked"].parts == (f"{at}.checked", "dq.C15.site.tecun.checked")
    assert {n.sensitive for a, n in numbers.items() if a != "dq.rules_run"} == {1}
    assert [(r, g.key, g.label) for r, g in block.site_rates] == [
        ("C15", "tapachula", "Tapachula"),
        ("C15", "tecun", "Tecún"),
    ]


def test_sites_that_do_not_add_up_are_no_parts() -> None:
    numbers = _by_address(quality("dq", "Q", _study(_finding("C15", 7, ("tecun", 6, 40))))[1])
    assert numbers["dq.C15.count"].parts == ()
    assert numbers["dq.C15.checked"].parts == ("dq.C15.site.tecun.checked",)


def test_two_findings_of_one_rule_have_rows_of_their_own() -> None:
    block, numbers = quality("dq", "Q", _study(_finding("C19", 1), _finding("C19", 2)))
    assert [(r.key, r.rule) for r in block.rows] == [("C19", "C19"), ("C19_2", "C19")]
    assert _by_address(numbers)["dq.C19_2.count"].value == 2


def test_a_check_that_found_nothing_has_no_row_unless_its_rate_is_published() -> None:
    rate = _finding("C15", 0, ("tapachula", 0, 15), ("tecun", 0, 25))
    block, found = quality("dq", "Q", _study(_finding("C01", 0), rate))
    assert [r.key for r in block.rows] == ["C15"]
    assert _by_address(found)["dq.C15.site.tecun.percent"].value == 0


def test_the_rules_that_ran_are_counted() -> None:
    block, numbers = quality("dq", "Q", _study())
    number = _by_address(numbers)["dq.rules_run"]
    assert block.rules_run == number.value
    assert block.rules_run == 3
    assert number.basis is None


def test_no_sentence_repeats_a_count() -> None:
    block, _ = quality("dq", "Q", _study(_finding("C15", 7), _finding("sentinel", 7)))
    assert [r.message for r in block.rows] == [
        f"Expected: {RULES['C15'].title}",
        "always used condoms in some rows",
    ]
    assert block.notes == (
        "participants.csv: semicolons read as separators",
        "column 'age': some values matched after removing blanks",
    )


def test_headings_that_were_not_read_are_not_women() -> None:
    found = _by_address(quality("dq", "Q", _study(_finding("undeclared", 3)))[1])
    assert (found["dq.undeclared.count"].kind, found["dq.undeclared.count"].basis) == (
        "constant",
        None,
    )
