"""The audit in words: who keeps the level, and who would have misled."""

import dataclasses

from peerstats.report.audit import audit_sentences, too_often
from peerstats.results import Number
from peerstats.results.text import plain


def said(results):
    block = results.blocks["m1.audit"]
    return [plain(results, cell) for cell in audit_sentences(results, block)]


def test_a_method_that_misleads_is_named_with_its_rates(study):
    first, second = said(study)
    assert first == (
        "In studies like this one (as fitted), without an association of peer support, the method "
        "of this report would find one in 4.9%, as it should (one in twenty). GEE with robust z, "
        "as statsmodels prints, would find one without any in 12.3%, and 88.0% of its 95% "
        "intervals would hold the truth."
    )
    assert "28.1%" in second


def test_nothing_is_said_of_what_is_withheld(study):
    hidden = {
        at: dataclasses.replace(number, withheld="small numbers") if ".audit." in at else number
        for at, number in study.numbers.items()
    }
    assert said(dataclasses.replace(study, numbers=hidden)) == []


def test_an_error_of_simulation_is_no_error_of_the_method(study):
    def rate(value, error):
        at = "m1.support.audit.fitted.chosen.type1"
        numbers = dict(study.numbers)
        for place, number in ((at, value), (f"{at}.error", error)):
            numbers[place] = Number(
                address=place, kind="simulated", scale="percent", value=number, format="percent1"
            )
        return too_often(dataclasses.replace(study, numbers=numbers), at)

    assert not rate(7.5, 1.5)  # 2 standard errors from 5 %
    assert not rate(6.0, 0.1)  # within what is called nominal
    assert rate(8.5, 1.5)
