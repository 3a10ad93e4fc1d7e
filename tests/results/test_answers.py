import pandas as pd
import pytest

from peerstats.data.codebook import Codebook, Condition, Field, Level, TableKeys
from peerstats.data.study import Study, Table
from peerstats.errors import DataError, UsageError
from peerstats.results.answers import name_levels, read_answers, skip_rule


def _field(name: str = "v", **changes: object) -> Field:
    return Field(
        **{"name": name, "table": "women", "label": "V", "type": "boolean", "column": name}
        | changes
    )


def test_structural_absences_were_not_asked_and_lost_answers_were(make_table) -> None:
    table = make_table({"v": [1, ".a", ".n", ".r", ".d", ".x", ".m"]})
    answers = read_answers(table, _field())
    assert answers.asked.tolist() == [True, False, False, True, True, True, True]
    assert answers.answered.tolist() == [True] + [False] * 6


@pytest.mark.parametrize(
    "cells", [[True, False, True], [1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"]]
)
def test_yes_and_no_read_the_same_however_they_are_stored(make_table, cells) -> None:
    answers = read_answers(make_table({"v": cells}), _field())
    assert answers.values.tolist() == ["1", "0", "1"]
    assert [level.label for level in answers.levels] == ["No", "Yes"]


def test_levels_keep_the_order_of_the_codebook(make_table) -> None:
    levels = (Level(value="formal", label="Formal"), Level(value="informal", label="Informal"))
    table = make_table({"v": ["informal", "formal"]})
    assert read_answers(table, _field(type="category", levels=levels)).levels == levels


def test_a_category_that_nobody_has_is_left_out_and_a_scale_is_kept_whole(make_table) -> None:
    levels = (Level(value="1", label="Never"), Level(value="2", label="Always"))
    table = make_table({"v": ["1", "1"]})
    assert read_answers(table, _field(type="category", levels=levels)).levels == levels[:1]
    assert read_answers(table, _field(type="ordinal", levels=levels)).levels == levels


def test_a_key_takes_its_levels_from_the_table(make_table) -> None:
    table = make_table({"v": ["tecun_uman", "tapachula", ".m"]})
    answers = read_answers(table, _field(type="key"))
    assert [(lv.value, lv.label) for lv in answers.levels] == [
        ("tapachula", "tapachula"),
        ("tecun_uman", "tecun uman"),
    ]


def test_an_undeclared_level_is_refused_without_being_quoted(make_table) -> None:
    with pytest.raises(DataError, match="1 values are not among the levels") as caught:
        read_answers(make_table({"v": ["1", "Maria Lopez"]}), _field())
    assert "Maria" not in str(caught.value)
    assert "column 'v'" in str(caught.value)


@pytest.mark.parametrize("kind", ["text", "date", "multi"])
def test_types_without_a_summary_are_refused(make_table, kind) -> None:
    with pytest.raises(UsageError, match=f"type '{kind}', which this table cannot summarise"):
        read_answers(make_table({"v": ["x"]}), _field(type=kind))


def test_an_unknown_variable_names_the_nearest_one(make_table) -> None:
    with pytest.raises(UsageError, match=r"no variable 'agee'. Did you mean 'age'\?"):
        read_answers(make_table({"age": [1]}), _field("agee"))


def test_a_skip_rule_uses_the_words_of_the_codebook() -> None:
    gate = _field("ever_deported", label="Ever deported")
    rule = Condition(variable="ever_deported", operator="=", values=("1",))
    item = _field("n_deport", type="integer", asked_if=rule)
    assert skip_rule(item, {"ever_deported": gate}) == "asked if Ever deported is Yes"
    assert skip_rule(item, {}) == "asked if ever_deported is 1"
    assert skip_rule(gate, {}) is None


def test_a_skip_rule_with_several_values() -> None:
    rule = Condition(variable="mode", operator="in", values=("rds", "snowball"))
    assert skip_rule(_field(asked_if=rule), {}) == "asked if mode is one of rds or snowball"


def _sites(names: list[str | None]) -> Study:
    values = pd.DataFrame({"site_id": ["tecun", "tapachula"], "site_name": names})
    sites = Table(name="sites", values=values, codes=values.map(lambda _: ""))
    home = TableKeys(name="sites", label="Sites", key=("site_id",), points_to={})
    codebook = Codebook(name="c", fields={}, keys={}, scales={}, rules={}, tables={"sites": home})
    return Study(
        name="s", codebook=codebook, tables={"sites": sites}, findings=(), notes=(), flow=(),
        synthetic=True, provenance="",
    )  # fmt: skip


def test_a_key_is_spoken_of_by_the_names_in_its_own_table() -> None:
    named = name_levels(_sites(["Tecún Umán", "Tapachula"]), _field("site_id", type="key"))
    assert [(lv.value, lv.label) for lv in named.levels] == [
        ("tecun", "Tecún Umán"),
        ("tapachula", "Tapachula"),
    ]


def test_a_key_without_a_name_for_each_row_stays_as_it_is() -> None:
    site, venue = _field("site_id", type="key"), _field("venue_id", type="key")
    assert name_levels(_sites(["Tecún Umán", None]), site) == site
    assert name_levels(_sites(["Tecún Umán", "Tapachula"]), venue) == venue
