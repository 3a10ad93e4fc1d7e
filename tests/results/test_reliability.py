import math

import numpy as np
import pytest

from peerstats.data.codebook import Codebook, Field, Scale
from peerstats.errors import DataError, UsageError
from peerstats.results import Number
from peerstats.results.reliability import reliability


def _codebook(items: tuple[str, ...] = ("s1", "s2", "s3")) -> Codebook:
    scale = Scale(name="ties", label="Ties", items=items, low=1, high=5, least_share=0.5)
    fields = {
        name: Field(
            name=name, table="visits", label=f"Item {name}", type="ordinal", column=name,
            reverse=name == "s3", sensitive=1 if name == "s1" else 0, low=1, high=5,
        )
        for name in items
    }  # fmt: skip
    return Codebook(name="c", tables={}, fields=fields, keys={}, scales={"ties": scale}, rules={})


# Item 3 is reversed: 6 - x. Turned rows: 1 1 1 (the lowest sum), 5 5 5, 2 3 2, 4 4 5, one woman
# with two of three items (score (3 + 4)·3/2 = 10.5) and one with a single item (no score).
ROWS = {
    "s1": [1, 5, 2, 4, 3, ".r"],
    "s2": [1, 5, 3, 4, 4, 2],
    "s3": [5, 1, 4, 1, ".d", ".m"],
}


def _by_address(numbers: tuple[Number, ...]) -> dict[str, Number]:
    found = {n.address: n for n in numbers}
    assert len(found) == len(numbers)
    return found


def test_a_scale_by_hand(make_table) -> None:
    block, found = reliability("rel", "Scales", make_table(ROWS), _codebook(), ["ties"])
    numbers = _by_address(found)
    at = "rel.ties"
    scores = [3, 15, 7, 13, 10.5]
    assert numbers[f"{at}.items"].value == 3
    assert numbers[f"{at}.n"].value == 5
    assert numbers[f"{at}.complete"].value == 4
    assert numbers[f"{at}.mean"].value == pytest.approx(np.mean(scores))
    assert numbers[f"{at}.sd"].value == pytest.approx(np.std(scores, ddof=1))
    assert (numbers[f"{at}.mean"].basis, numbers[f"{at}.alpha"].basis) == (5, 4)
    # Turned items 1 5 2 4 | 1 5 3 4 | 1 5 2 5: variances 40/12, 35/12, 51/12; of the sum 364/12.
    alpha = 3 / 2 * (1 - (40 + 35 + 51) / 12 / np.var([3, 15, 7, 13], ddof=1))
    assert numbers[f"{at}.alpha"].value == pytest.approx(alpha)
    rest = np.corrcoef([1, 5, 2, 4], [2, 10, 5, 9])[0, 1]
    assert numbers[f"{at}.s1.item_rest"].value == pytest.approx(rest)
    assert [i.label for i in block.scales[0][1]] == ["Item s1", "Item s2", "Item s3"]
    assert {n.sensitive for n in found if n.kind != "constant"} == {1}


def test_floor_and_ceiling_come_from_counts(make_table) -> None:
    numbers = _by_address(reliability("rel", "Scales", make_table(ROWS), _codebook(), ["ties"])[1])
    for end in ("floor", "ceiling"):
        share = numbers[f"rel.ties.{end}"]
        assert share.value == pytest.approx(25)
        assert share.parts == (f"rel.ties.{end}_n", "rel.ties.complete")
        assert numbers[f"rel.ties.{end}_n"].value == 1


def test_what_cannot_be_estimated_is_missing_and_said(make_table) -> None:
    same = {"s1": [2, 2, 2, 2], "s2": [1, 2, 3, 4], "s3": [5, 4, 2, 1]}
    block, found = reliability("rel", "Scales", make_table(same), _codebook(), ["ties"])
    assert math.isnan(_by_address(found)["rel.ties.alpha"].value)
    assert block.remarks == ("Ties: not every coefficient can be estimated from these answers.",)


def test_nobody_answered(make_table) -> None:
    none = {"s1": [".r", ".a"], "s2": [".r", ".a"], "s3": [".r", ".a"]}
    numbers = _by_address(reliability("rel", "Scales", make_table(none), _codebook(), ["ties"])[1])
    assert numbers["rel.ties.n"].value == 0
    assert numbers["rel.ties.mean"].printed == "–"
    assert numbers["rel.ties.floor"].printed == "–"


def test_unknown_scales_and_absent_items_are_refused(make_table) -> None:
    with pytest.raises(UsageError, match=r"no scale 'tie'. Did you mean 'ties'\?"):
        reliability("rel", "Scales", make_table(ROWS), _codebook(), ["tie"])
    with pytest.raises(DataError, match="needs the column"):
        reliability("rel", "S", make_table({"s1": [1]}), _codebook(), ["ties"])
