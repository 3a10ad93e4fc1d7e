"""Real public data that travel with the package, each with its codebook and its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from peerstats.data.codebook_file import read_codebook
from peerstats.data.load import Source
from peerstats.errors import UsageError, did_you_mean

HERE = Path(__file__).parent

# Each study's files by table; its folder also holds codebook.toml and PROVENANCE.md.
EMBEDDED: Mapping[str, Mapping[str, str]] = {
    "bangladesh": {"participants": "contraception.csv", "sites": "districts.csv"},
}

_PROVENANCE = {
    "bangladesh": (
        "Bangladesh Fertility Survey 1988-89 (Huq and Cleland 1990), extract distributed with the "
        "R package mlmRev, teaching data of the Centre for Multilevel Modelling"
    ),
}


def embedded_source(name: str) -> Source:
    """Return the source of an embedded study, ready for `load_study`.

    Raises UsageError for an unknown name.

    >>> sorted(embedded_source("bangladesh").tables)
    ['participants', 'sites']
    """
    if name not in EMBEDDED:
        hint = did_you_mean(name, EMBEDDED) or f" Known: {', '.join(EMBEDDED)}."
        raise UsageError(f"Unknown embedded study '{name}'.{hint}")
    folder = HERE / name
    return Source(
        name=name,
        tables={table: folder / file for table, file in EMBEDDED[name].items()},
        codebook=read_codebook(folder / "codebook.toml"),
        ignore=("use", "age2"),
        provenance=_PROVENANCE[name],
    )
