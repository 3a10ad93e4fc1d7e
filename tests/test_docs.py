"""The documents name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from peerstats.data.synthetic import PROFILES as SYNTHETIC
from peerstats.disclosure import PROFILES
from peerstats.figures import FIGURES
from peerstats.inference.methods import METHODS
from peerstats.model.families import FAMILIES
from peerstats.render import FORMATS
from peerstats.resources import embedded
from peerstats.spec.analysis import json_schema
from peerstats.tables import TABLES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "analysis-file.md").read_text(encoding="utf-8")


def keys_of_the_analysis_file():
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        yield from section["properties"]


@pytest.mark.parametrize("key", sorted(set(keys_of_the_analysis_file())))
def test_every_key_of_the_analysis_file_is_explained(key):
    assert re.search(rf"`{key}[`\s]|\[{key}\]|\[\[{key}\]\]|{key} = ", PAGE)


@pytest.mark.parametrize(
    "name", [*TABLES, *FIGURES, *FAMILIES, *FORMATS, *PROFILES, *SYNTHETIC, "bangladesh"]
)
def test_every_registered_name_is_in_the_page(name):
    assert re.search(rf'["`]{name}["`]', PAGE)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_inference_is_explained(name):
    page = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
    assert f"**`{name}`**" in page


def test_the_page_names_embedded_data():
    assert "bangladesh" in embedded()


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda p: p.stem)
def test_links_between_documents_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link
