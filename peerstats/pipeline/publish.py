"""From exact results to the two trees of files: exact in `private/`, gated in `release/`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from peerstats.data.study import Study
from peerstats.disclosure import inspect_bytes, release
from peerstats.figures import Figure
from peerstats.pipeline.checking import CHECKS
from peerstats.pipeline.plan import Plan
from peerstats.pipeline.record import (
    as_json,
    fingerprints,
    manifest_record,
    results_record,
    software,
)
from peerstats.render import Document
from peerstats.render.markdown import path
from peerstats.report import Layout, Place, compose, render_document
from peerstats.results import Results, address
from peerstats.tables import Table

KEY_FILE = "manifest.key"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Publication:
    """The files of both trees, by path below the tree."""

    private: Mapping[str, bytes]
    release: Mapping[str, bytes]

    @property
    def trees(self) -> Mapping[str, Mapping[str, bytes]]:
        """Both trees by name."""
        return {"private": self.private, "release": self.release}


def publish(plan: Plan, study: Study, results: Results, key: bytes | None = None) -> Publication:
    """Return every file of a report.

    `key` keys the fingerprints of the data; a new one is made when there is none. The release is
    made from gated results only, and its bytes are searched for ids before they are handed on.
    Raises DisclosureError when one is found.
    """
    key = key or secrets.token_bytes(32)
    data = fingerprints(study, key)
    private = _files(plan, results, data)
    released = _files(plan, release(results, plan.policy), data)
    inspect_bytes(released, identifiers(study))
    return Publication(private={**private, KEY_FILE: key}, release=released)


def layout_of(plan: Plan, results: Results) -> Layout:
    """Return what the analysis file shows, in order; a block that does not exist is left out.

    A plot of groups has no block when its model was refused or the gate removed it.
    """
    places: list[Place] = [
        ("table", t.kind, t.model if t.model else t.key) for t in plan.analysis.tables
    ]
    for figure in plan.analysis.figures:
        own = figure.kind == "caterpillar" or figure.kind in CHECKS
        block = figure.key if own else figure.model or figure.table
        places.append(("figure", figure.kind, str(block)))
    return tuple(place for place in places if _block_of(place) in results.blocks)


def _block_of(place: Place) -> str:
    return address(place[2], "audit") if place[1] == "audit" else place[2]


def identifiers(study: Study) -> dict[str, str]:
    """Return every id that points to a woman, her visit, venue or interviewer, with its table."""
    found: dict[str, str] = {}
    for table in study.tables.values():
        for field in (f for f in study.codebook.of_table(table.name) if f.type == "key"):
            if field.name != "site_id" and field.name in table.values:
                ids = table.values[field.name].dropna().astype(str).unique()
                found |= dict.fromkeys(ids, table.name)
    return found


def places_of(document: Document) -> dict[str, list[str]]:
    """Return, by address, the tables and figures that print the number."""
    places: dict[str, list[str]] = {}
    for piece in document.pieces():
        if isinstance(piece, Table):
            name, refs = f"table{piece.number}", piece.refs
        elif isinstance(piece, Figure):
            name, refs = f"figure{piece.number}", (*piece.drawn, *piece.refs)
        else:
            continue
        for at in dict.fromkeys(refs):
            places.setdefault(at, []).append(name)
    return places


def _files(plan: Plan, results: Results, data: Mapping[str, str]) -> dict[str, bytes]:
    document = compose(results, layout_of(plan, results), software())
    files = {path(figure): figure.png for figure in document.figures}
    for name in plan.formats:
        rendered = render_document(document, name, plan.analysis.report.template)
        files[f"report{rendered.suffix}"] = rendered.text.encode()
    record = as_json(results_record(results, places_of(document)))
    files["results.json"] = record
    manifest = manifest_record(plan.digest, plan.analysis.seed, data, files)
    return {**files, "manifest.json": as_json(manifest)}
