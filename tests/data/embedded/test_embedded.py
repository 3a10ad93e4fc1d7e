from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from peerstats.data.embedded import EMBEDDED, embedded_source
from peerstats.data.load import load_study
from peerstats.data.sample import take_sample
from peerstats.errors import UsageError


def test_the_bangladesh_survey_loads_whole() -> None:
    study = load_study(embedded_source("bangladesh"))
    women = study.tables["participants"].values
    assert (len(women), len(study.tables["sites"].values)) == (1934, 60)
    assert not study.synthetic
    assert study.findings == ()
    assert study.notes == ()
    assert list(women.columns) == ["participant_id", "site_id", "usen", "age", "urban", "livch"]


def test_its_margins_are_those_of_the_source() -> None:
    # Counted in R 4.2.2, mlmRev 1.0-8:
    # with(mlmRev::Contraception, c(table(use), table(urban), table(livch), sum(age)))
    study = load_study(embedded_source("bangladesh"))
    women = study.tables["participants"].values
    assert int(women["usen"].sum()) == 759
    assert women["urban"].value_counts().to_dict() == {"N": 1372, "Y": 562}
    assert women["livch"].value_counts().to_dict() == {"3+": 743, "0": 530, "1": 356, "2": 305}
    assert women["age"].sum() == pytest.approx(4.2507, abs=5e-5)  # printed with four decimals


def test_references_and_labels_are_those_of_the_published_analyses() -> None:
    codebook = embedded_source("bangladesh").codebook
    assert codebook is not None
    assert codebook.fields["urban"].reference == "N"
    assert codebook.fields["livch"].reference == "0"
    assert codebook.fields["usen"].label == "Currently using contraception"


def test_a_sample_is_complete() -> None:
    sample = take_sample(
        load_study(embedded_source("bangladesh")), ["usen", "age", "urban", "livch"]
    )
    assert (len(sample.frame), sample.dropped) == (1934, ())
    assert isinstance(sample.frame["livch"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_embedded_study_says_where_it_comes_from(name: str) -> None:
    folder = Path(str(next(iter(embedded_source(name).tables.values())))).parent
    text = (folder / "PROVENANCE.md").read_text(encoding="utf-8")
    for heading in ("**What.**", "**Origin.**", "**Identity.**", "**Licence.**"):
        assert heading in text
    assert (folder / "codebook.toml").is_file()


def test_an_unknown_study() -> None:
    with pytest.raises(UsageError, match="Did you mean 'bangladesh'"):
        embedded_source("bangladseh")
