"""The whole report: every number traceable, nothing active inside, readable by anybody."""

import dataclasses
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from peerstats import report
from peerstats.errors import UsageError
from peerstats.render import FORMATS
from peerstats.report import TEMPLATES, render_document, unknown_names
from peerstats.resources import shipped

NAMES = ("exact", "released", "hostile")
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks nesting; collects headings, ids, links, and text outside and inside numbers."""

    def __init__(self):
        super().__init__()
        self.open, self.headings, self.ids, self.links = [], [], [], []
        self.keys, self.loose, self.tags, self.images = [], [], set(), []
        self.inside = None

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        assert not [name for name in found if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.images += [found] if tag == "img" else []
        if "data-key" in found or "data-fact" in found:
            self.inside = [found.get("data-key"), ""]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "span" and self.inside:
            self.keys.append(tuple(self.inside))
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.inside[1] += data
        elif "style" not in self.open:
            self.loose.append(data)


def page(reports, name):
    parsed = Page()
    parsed.feed(render_document(reports[name], "html").text)
    assert parsed.open == []
    return parsed


def words_of(value):
    """All strings in a value: what labels and settings may print."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from words_of(part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from words_of(getattr(value, field.name))


@pytest.mark.parametrize("name", NAMES)
def test_html_is_well_formed_and_inert(reports, name):
    parsed = page(reports, name)
    assert not parsed.tags & {"script", "iframe", "object", "embed", "link", "form", "svg", "base"}
    text = render_document(reports[name], "html").text
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert "javascript:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert all(link.startswith("#") for link in parsed.links)
    assert all(image["src"].startswith("data:image/png;base64,") for image in parsed.images)


@pytest.mark.parametrize("name", NAMES)
def test_html_is_accessible(reports, name):
    parsed = page(reports, name)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {link[1:] for link in parsed.links} <= set(parsed.ids)
    assert parsed.headings.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(parsed.headings))
    assert all(image["alt"].strip() for image in parsed.images)
    assert '<html lang="en">' in render_document(reports[name], "html").text


@pytest.mark.parametrize("name", ["exact", "released"])
def test_every_number_in_html_has_its_address(reports, name):
    results = reports[name].results
    parsed = page(reports, name)
    for key, text in parsed.keys:
        if key is not None:
            assert results.number(key).printed == text
    loose = " ".join(parsed.loose)
    known = {*words_of((*results.blocks.values(), *results.fits.values(), results.title))}
    known |= {results.provenance, *words_of(results.sentences)}
    known |= {number.withheld or "" for number in results.numbers.values()}
    for text in sorted((w for w in known if re.search(r"\d", w)), key=len, reverse=True):
        loose = re.sub(re.escape(text), " ", loose, flags=re.IGNORECASE)
    loose = re.sub(r"(Table|Figure) \d+\.|95%|“m1\.age\.or”", " ", loose)
    assert re.findall(r"\S*\d\S*", loose) == []


@pytest.mark.parametrize("name", ["exact", "released"])
def test_every_number_in_markdown_is_in_the_comment_after_it(reports, name):
    results = reports[name].results
    text = render_document(reports[name], "md").text
    before, seen = "", 0
    for part in re.split(r"(<!-- keys: .*? -->)", text):
        found = re.fullmatch(r"<!-- keys: (.*?) -->", part)
        if not found:
            before = part
            continue
        place = 0
        for key in found[1].split():
            printed = results.number(key).printed.replace("<", "&lt;").replace(">", "&gt;")
            printed = printed.replace("[", r"\[").replace("]", r"\]")
            place = before.index(printed, place) + len(printed)
            seen += 1
    assert seen > 300


def test_hostile_labels_do_nothing(reports):
    html = render_document(reports["hostile"], "html").text
    assert "<script" not in html
    markdown = render_document(reports["hostile"], "md").text
    assert "<script" not in markdown
    assert re.search(r"(?<!\\)\$x", markdown) is None
    assert re.search(r"(?<!\\)\[c(?<!\\)\]\(d\)", markdown) is None


@pytest.mark.parametrize("fmt", sorted(FORMATS))
def test_the_same_results_give_the_same_bytes(fixed, reports, fmt):
    results = fixed.results()
    again = report.render(
        results, report.default_layout(results), fmt,
        {"peerstats": "0.1.0", "python": "3.12.1", "numpy": "2.4.6"},
    )  # fmt: skip
    assert again == render_document(reports["exact"], fmt)


@pytest.mark.parametrize("name", ["exact", "released"])
@pytest.mark.parametrize("fmt", sorted(FORMATS))
def test_golden(reports, golden, name, fmt):
    text = render_document(reports[name], fmt).text
    text = re.sub(r"(data:image/png;base64,)[A-Za-z0-9+/=]+", r"\1…", text)
    text = re.sub(r"<style>.*?</style>", "<style>…</style>", text, flags=re.DOTALL)
    text = re.sub(r' width="\d+" height="\d+"', "", text)  # a font's measures, not ours
    golden(f"{name}.{fmt}", text)


def test_synthetic_data_are_called_so_everywhere(reports, fixed):
    html = render_document(reports["exact"], "html").text
    assert '<div class="watermark" aria-hidden="true">SYNTHETIC</div>' in html
    assert '@top-left { content: "SYNTHETIC DATA' in html
    captions = re.findall(r"<caption.*?</caption>|<figcaption><b>.*?</figcaption>", html, re.DOTALL)
    assert len(captions) > 10
    assert all("Synthetic data." in caption for caption in captions)
    assert "**SYNTHETIC DATA.**" in render_document(reports["exact"], "md").text
    real = dataclasses.replace(fixed.results(), synthetic=False, provenance="A real survey.")
    for fmt in FORMATS:
        assert "synthetic" not in body(report.render(real, (), fmt, {}).text).lower()


def body(text):
    return re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_exact_results_are_called_private(reports):
    for fmt in FORMATS:
        exact, released = (render_document(reports[n], fmt).text for n in ("exact", "released"))
        assert "not cleared for release" in exact
        assert "not cleared for release" not in released
        assert "profile “standard”" in released


def test_tables_and_figures_are_numbered_in_order(reports):
    text = render_document(reports["exact"], "md").text
    for word in ("Table", "Figure"):
        found = [int(n) for n in re.findall(rf"\*\*{word} (\d+)\.\*\*", text)]
        assert found == list(range(1, len(found) + 1))


def test_markdown_pictures_lie_beside_the_report(reports):
    rendered = render_document(reports["exact"], "md")
    linked = re.findall(r"\]\((figures/[^)]+)\)", rendered.text)
    assert sorted(linked) == sorted(rendered.images)
    assert render_document(reports["exact"], "html").images == {}


def test_reasons_and_fits_are_shown_even_if_the_layout_leaves_them_out(study):
    text = report.render(study, (), "md", {}).text
    assert "why each variable is in the model" in text
    assert "how each fit went" in text


def test_a_wrong_layout_is_refused(study):
    with pytest.raises(UsageError, match="tables and figures; 'tabel' is neither"):
        report.compose(study, (("tabel", "flow", "flow"),), {})


def test_unknown_formats_and_templates_are_named(reports):
    with pytest.raises(UsageError, match="Did you mean 'html'"):
        render_document(reports["exact"], "htm")
    with pytest.raises(UsageError, match="Did you mean 'standard'"):
        render_document(reports["exact"], "html", "standart")
    with pytest.raises(UsageError, match="Unknown template"):
        render_document(reports["exact"], "html", "../standard")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("fmt", sorted(FORMATS))
def test_templates_name_only_what_a_report_has(template, fmt):
    assert unknown_names(template, fmt) == ()


def test_a_misspelt_name_in_a_template_is_found(tmp_path, monkeypatch):
    from peerstats.report import template

    for file in shipped("reports").iterdir():
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "standard.html.j2").write_text("{{ docment.title }}", encoding="utf-8")
    monkeypatch.setattr(template, "shipped", lambda _: tmp_path)
    assert unknown_names("standard", "html") == ("docment",)


def test_the_style_sheets_cannot_leave_their_element():
    for sheet in shipped("reports").glob("*.css"):
        assert "<" not in sheet.read_text(encoding="utf-8")
