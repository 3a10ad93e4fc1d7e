"""results.json and manifest.json: what a reviewer needs to find, recompute and compare numbers.

Nothing in a record depends on the clock or the machine, except the manifest's list of software. A
hash of a data file would let an insider who knows all rows but one test guesses for the last one,
so data are fingerprinted with a keyed hash (HMAC-SHA256) whose key stays in `private/`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from peerstats import __version__
from peerstats.data.study import Study
from peerstats.results.formats import shortest
from peerstats.results.number import Number
from peerstats.results.results import Clearance, FitRecord, Results

SOFTWARE = ("numpy", "scipy", "pandas", "statsmodels", "patsy", "matplotlib", "seaborn")


def software() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"peerstats": __version__, "python": platform.python_version()}
    for name in SOFTWARE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def results_record(results: Results, places: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return results.json as a value: fits, numbers by address, and where each is printed.

    `places` maps an address to the keys of the tables and figures that print it.
    """
    return {
        "schema": "peerstats.results/1",
        "analysis": results.analysis,
        "title": results.title,
        "synthetic": results.synthetic,
        "provenance": results.provenance,
        "clearance": _clearance(results.clearance),
        "fits": {key: _fit(fit) for key, fit in sorted(results.fits.items())},
        "numbers": {
            at: _number(number, places.get(at, ()))
            for at, number in sorted(results.numbers.items())
        },
    }


def _number(number: Number, places: Sequence[str]) -> dict[str, Any]:
    return {
        "value": shortest(number.value) if number.shown else None,
        "printed": number.printed,
        "kind": number.kind,
        "scale": number.scale,
        "format": number.format,
        "se": None if number.se is None else shortest(number.se),
        "fit": number.fit,
        "withheld": number.withheld,
        "at": list(places),
    }


def _fit(fit: FitRecord) -> dict[str, Any]:
    return {
        "formula": fit.formula,
        "family": fit.family,
        "link": fit.link,
        "method": fit.method,
        "n": fit.nobs,
        "groups": dict(fit.groups),
        "converged": fit.converged,
        "singular": fit.singular,
        "gradient": None if fit.gradient is None else shortest(fit.gradient),
        "min_eigenvalue": None if fit.min_eigenvalue is None else shortest(fit.min_eigenvalue),
        "loglik": shortest(fit.loglik),
        "dropped": dict(fit.dropped),
        "messages": list(fit.messages),
    }


def _clearance(clearance: Clearance | None) -> dict[str, Any] | None:
    if clearance is None:
        return None
    return {
        "profile": clearance.profile,
        "reason": clearance.reason,
        "threshold": clearance.threshold,
        "rounding": clearance.rounding,
        "withheld": clearance.withheld,
        "actions": list(clearance.actions),
    }


def fingerprints(study: Study, key: bytes) -> dict[str, str]:
    """Return a keyed fingerprint of each table's values and codes, whatever the row order."""
    found = {}
    for name, table in sorted(study.tables.items()):
        columns = [
            [code or str(value) for value, code in zip(values, codes, strict=True)]
            for values, codes in (
                (table.values[c].tolist(), table.codes[c].tolist()) for c in table.values
            )
        ]
        lines = sorted(map("\x1f".join, zip(*columns, strict=True)))
        text = "\x1e".join(["\x1f".join(map(str, table.values.columns)), *lines])
        found[name] = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return found


def manifest_record(
    plan_digest: str, seed: int, data: Mapping[str, str], files: Mapping[str, bytes]
) -> dict[str, Any]:
    """Return manifest.json as a value: inputs, software, seed, and every file with its SHA-256."""
    return {
        "schema": "peerstats.manifest/1",
        "analysis_file_sha256": plan_digest,
        "seed": seed,
        "data_hmac_sha256": dict(data),
        "software": software(),
        "files": {
            name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())
        },
    }


def as_json(record: Mapping[str, Any]) -> bytes:
    """Return a record as bytes: sorted, indented, UTF-8, ending in a newline."""
    return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
