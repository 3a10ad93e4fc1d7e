from __future__ import annotations

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.load import Source, load_study
from peerstats.data.sample import take_sample
from peerstats.resources import embedded

FOLDER = embedded()["bangladesh"]
CODEBOOK = read_codebook(FOLDER / "codebook.toml")
SOURCE = Source(
    name="bangladesh",
    tables={"participants": FOLDER / "contraception.csv", "sites": FOLDER / "districts.csv"},
    codebook=CODEBOOK,
    ignore=("use", "age2"),
)


def test_the_bangladesh_survey_loads_whole() -> None:
    study = load_study(SOURCE)
    women = study.tables["participants"].values
    assert (len(women), len(study.tables["sites"].values)) == (1934, 60)
    assert not study.synthetic
    assert study.findings == ()
    assert study.notes == ()
    assert list(women.columns) == ["participant_id", "site_id", "usen", "age", "urban", "livch"]


def test_its_margins_are_those_of_the_source() -> None:
    # Counted in R 4.2.2, mlmRev 1.0-8:
    # with(mlmRev::Contraception, c(table(use), table(urban), table(livch), sum(age)))
    study = load_study(SOURCE)
    women = study.tables["participants"].values
    assert int(women["usen"].sum()) == 759
    assert women["urban"].value_counts().to_dict() == {"N": 1372, "Y": 562}
    assert women["livch"].value_counts().to_dict() == {"3+": 743, "0": 530, "1": 356, "2": 305}
    assert women["age"].sum() == pytest.approx(4.2507, abs=5e-5)  # printed with four decimals


def test_references_and_labels_are_those_of_the_published_analyses() -> None:
    assert CODEBOOK.fields["urban"].reference == "N"
    assert CODEBOOK.fields["livch"].reference == "0"
    assert CODEBOOK.fields["usen"].label == "Currently using contraception"


def test_a_sample_is_complete() -> None:
    sample = take_sample(load_study(SOURCE), ["usen", "age", "urban", "livch"])
    assert (len(sample.frame), sample.dropped) == (1934, ())
    assert isinstance(sample.frame["livch"].dtype, pd.CategoricalDtype)


def test_the_survey_says_where_it_comes_from() -> None:
    text = (FOLDER / "PROVENANCE.md").read_text(encoding="utf-8")
    for heading in ("**What.**", "**Origin.**", "**Identity.**", "**Licence.**"):
        assert heading in text


@pytest.mark.parametrize("name", embedded())
def test_every_embedded_study_has_a_codebook(name: str) -> None:
    assert read_codebook(embedded()[name] / "codebook.toml").fields
