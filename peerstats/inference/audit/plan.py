"""What an audit simulates: truths, and for each of them which methods are scored on which terms.

The first truth is the fitted model. A site variance that maximum likelihood puts at zero is no
evidence that sites are alike, and an audit at zero would flatter every method; so there is a second
truth with that standard deviation at the upper end of its 95 % profile interval, or at the one that
makes the intraclass correlation 0.2 where that is smaller. Each truth is also simulated without
each term (its coefficients at 0, the others fitted again), which gives type I errors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import peerstats
from peerstats.errors import ModelError, PeerstatsError
from peerstats.inference.audit import quick
from peerstats.inference.audit.methods import AUDITED, agreeing
from peerstats.inference.audit.setting import Setting, setting_of, with_sds, without
from peerstats.inference.estimates import Estimates
from peerstats.inference.layout import factor_noun, layout
from peerstats.inference.remarks import AT_ZERO, at_zero
from peerstats.model.fit import Fit
from peerstats.resources import PACKAGE

Positions = tuple[int, ...]

LARGEST_ICC = 0.2  # of the second truth; surveys of sites seldom report more
ROOMS = ("model", "inference")  # whose code decides what a simulation gives
TRIED = 2  # replicates on which two ways of scoring the chosen method are compared
QUICKER = ("fe_firth", "site_fixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A method on some coefficients of a cell; `first` items have to be done, the rest may be."""

    method: str
    way: str
    positions: Positions
    first: bool

    @property
    def key(self) -> str:
        """Its name in scratch files."""
        return f"{self.method}-{self.way}-{'-'.join(map(str, self.positions))}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """A truth: the scenario, the term whose coefficients are 0 ("" for none), what is scored."""

    scenario: str
    null: str
    setting: Setting
    items: tuple[Item, ...]

    @property
    def key(self) -> str:
        """Its name, from which its random numbers follow too."""
        return f"{self.scenario}:{self.null}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A truth about how much groups differ, in words; `plain` without numbers of the study."""

    key: str
    words: str
    plain: str = "as fitted"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditPlan:
    """All cells of one model. `names` are the design's columns, `terms` the term of each."""

    model: str
    names: tuple[str, ...]
    terms: tuple[str, ...]
    estimates: Estimates
    scenarios: tuple[Scenario, ...]
    cells: tuple[Cell, ...]
    seed: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """A fitted model to audit: what the report infers from it, its sites, exposure and seed.

    `sites` is what `infer` was given; `digest` stands for the model's part of the analysis file.
    """

    model: str
    fit: Fit
    estimates: Estimates
    sites: pd.Series | str | None
    exposure: str
    seed: int
    digest: str = ""


def plan_audit(request: Request) -> AuditPlan:
    """Return the cells of one model's audit.

    Raises ModelError for a family that cannot be simulated from.
    """
    fit = request.fit
    if not can_be_simulated(fit):
        raise ModelError(f"{fit.family!r} cannot be simulated from, so it has no audit.")
    where = layout(fit, request.sites)
    top = where.top
    fitted = setting_of(
        fit, request.sites, top.codes if top else np.zeros(fit.design.n, dtype=np.intp)
    )
    columns = fit.design.columns
    asked = tuple(k for k, column in enumerate(columns) if column.variables)
    ways = _ways(fitted, request, asked)
    settings = dict(_scenarios(fitted, request.fit))
    cells = [
        cell
        for scenario, setting in settings.items()
        for cell in _cells(scenario.key, setting, ways, request)
    ]
    return AuditPlan(
        model=request.model,
        names=tuple(column.name for column in columns),
        terms=tuple(column.term if column.variables else "" for column in columns),
        estimates=request.estimates,
        scenarios=tuple(settings),
        cells=tuple(cells),
        seed=request.seed,
        fingerprint=_fingerprint(request, cells),
    )


def can_be_simulated(fit: Fit) -> bool:
    """Whether outcomes of the fit's family can be drawn."""
    return fit.family.draw is not None or fit.family.at is not None


Ways = tuple[tuple[str, str, Positions], ...]


def _ways(fitted: Setting, request: Request, asked: Positions) -> Ways:
    """Method, way and positions of everything that is scored in every cell."""
    rows = request.estimates.rows()
    offset = len(rows) - len(request.fit.design.columns)
    given = tuple(k for k in asked if math.isfinite(rows[k + offset].conf_low))
    tried = fitted.draw(np.random.default_rng([request.seed, *b"agreeing"]), TRIED)
    found: list[tuple[str, str, Positions]] = []
    for way in QUICKER:
        same = agreeing(fitted, tried, given, way)
        found += [("chosen", way, same)] if same else []
        given = tuple(k for k in given if k not in same)
    found += [("chosen", "rule", given)] if given else []
    for name in (n for n in AUDITED if n != "chosen" and AUDITED[n].applies(fitted)):
        way = ("ml_z" if quick.one_intercept(fitted) else "refit") if name == "ml_z" else name
        found.append((name, way, asked))
    return tuple(found)


def _cells(scenario: str, setting: Setting, ways: Ways, request: Request) -> Iterator[Cell]:
    """The truth itself, and without each term; the exposure's come first."""
    columns = request.fit.design.columns
    exposed = {k for k, c in enumerate(columns) if request.exposure in c.variables}
    terms: dict[str, Positions] = {}
    for k, column in enumerate(columns):
        if column.variables:
            terms[column.term] = (*terms.get(column.term, ()), k)
    order = sorted(terms, key=lambda term: not exposed & set(terms[term]))
    for term in ("", *order):
        own = terms.get(term, tuple(k for ks in terms.values() for k in ks))
        first = bool(exposed & set(own))
        try:
            truth = without(setting, own) if term else setting
        except (PeerstatsError, np.linalg.LinAlgError):
            continue  # without this term the model cannot be fitted, so there is no such truth
        items = []
        for method, way, positions in ways:
            kept = tuple(k for k in positions if k in own)
            for part, urgent in _parts(kept, exposed, way):
                items.append(Item(method=method, way=way, positions=part, first=first and urgent))
        yield Cell(scenario=scenario, null=term, setting=truth, items=tuple(items))


def _parts(kept: Positions, exposed: set[int], way: str) -> Iterator[tuple[Positions, bool]]:
    """The exposure's positions apart from the others where every position costs time of its own."""
    if way not in ("rule", "site_fixed"):
        yield from [(kept, True)] if kept else []
        return
    for part, urgent in ((exposed & set(kept), True), (set(kept) - exposed, False)):
        yield from [(tuple(sorted(part)), urgent)] if part else []


def _scenarios(fitted: Setting, fit: Fit) -> Iterator[tuple[Scenario, Setting]]:
    yield Scenario(key="fitted", words=f"as fitted{_told(fit)}"), fitted
    sds = np.array(fit.solution.sds, dtype=np.float64)
    words, plain = [], []
    at = 0
    for block in fit.design.random:
        if len(block.effects) == 1 and at_zero(fit, block.group):
            sds[at], said = _upper(fit, block.group, block.effects[0])
            words.append(f"{factor_noun(block.group)} SD {sds[at]:.2f}, {said}")
            plain.append(f"between-{factor_noun(block.group)} variance at {said}")
        at += len(block.effects)
    if words:
        scenario = Scenario(key="upper", words="; ".join(words), plain="; ".join(plain))
        yield scenario, with_sds(fitted, sds)


def _told(fit: Fit) -> str:
    parts = fit.varcorr[fit.varcorr["group"] != "Residual"]
    said = [
        f"{factor_noun(str(group))} SD {0.0 if sd < AT_ZERO else sd:.2f}"
        for group, sd in zip(parts["group"], parts["sd"], strict=True)
    ]
    return f" ({', '.join(said)})" if said else ""


def _upper(fit: Fit, group: str, effect: str) -> tuple[float, str]:
    """The standard deviation of the second truth and where it comes from."""
    residual = fit.family.latent_variance or (fit.dispersion if fit.family.has_dispersion else 1.0)
    cap = math.sqrt(LARGEST_ICC / (1 - LARGEST_ICC) * float(residual))
    try:
        interval = fit.profile([f"sd({group} {effect})"]).conf_int()
        upper = float(interval.to_numpy(dtype=np.float64)[0, 1])
    except (PeerstatsError, ValueError, np.linalg.LinAlgError):
        upper = math.nan
    if upper < cap:
        return upper, "the upper end of its 95% profile interval"
    return cap, f"an intraclass correlation of {LARGEST_ICC:g}"


def _fingerprint(request: Request, cells: list[Cell]) -> str:
    """What the simulated numbers depend on: the truths, the layout and the code, no outcome."""
    made = hashlib.sha256(f"{request.digest}:{request.seed}:{code_version()}".encode())
    for cell in cells:
        made.update(repr((cell.key, cell.items)).encode())
        design, solution = cell.setting.fit.design, cell.setting.fit.solution
        parts: list[NDArray[np.generic] | None] = [design.X, design.offset, cell.setting.codes]
        parts += [solution.beta, solution.sds, solution.auxiliary]
        parts += [np.array(solution.dispersion)]
        parts += [group.codes for group in design.groups.values()]
        for part in parts:
            made.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    return made.hexdigest()[:16]


@cache
def code_version() -> str:
    """Return the version and a digest of the code that fits and infers."""
    made = hashlib.sha256(peerstats.__version__.encode())
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            made.update(path.read_bytes())
    return made.hexdigest()[:16]
