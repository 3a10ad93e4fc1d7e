"""Profile likelihood: intervals that follow the likelihood's own shape.

For one parameter ψ let pl(ψ) be the maximum of the log-likelihood over all others and

    ζ(ψ) = sign(ψ - ψ̂) √(2 [L̂ - pl(ψ)]).

The interval holds every ψ with |ζ| below the normal quantile (Bates & Watts 1988, chapter 6;
Venzon & Moolgavkar 1988, Appl Stat 37:87). Where ζ is a straight line it is Wald's. For a standard
deviation the interval may begin at 0, where the test is conservative (Self & Liang 1987).

Tracing. Each point starts where the last ones lead: along the line that the covariance predicts
first, by extrapolation then, effects' modes included, and is searched for in the space whitened by
the covariance of the others given ψ. One to three evaluations are enough, since the curvature
there is known. ζ's slope comes with each point, dζ/dψ = -pl'(ψ)/ζ (the envelope theorem), so few
points a side and cubic Hermite interpolation give an end to about 1e-4 of its distance.

A correlation has no meaning where one of its effects has no variance, so pl is at least the maximum
of the models without one or the other, which a search from the estimate does not find: |ζ| is cut
there, and where that is below the quantile the interval is open (-1, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq
from scipy.special import ndtri

from peerstats.errors import ModelError, UsageError, did_you_mean
from peerstats.model.engines.optimise import highest
from peerstats.model.limits import check_likelihood
from peerstats.model.refit import refit, with_solution
from peerstats.model.surface import Coordinate, Surface, covariance_of, surface_of

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

TARGETS = (0.7, 1.4, 2.1, 2.65)  # |ζ| of the points on each side
FURTHEST = 2.6  # of an interval's end: 99 % needs 2.576
NEAR = 1e-4  # gradient in standard errors at which a point is good: an error of 1e-8 in pl
SMALL = 0.1  # first step of a standard deviation estimated at zero
MOST_POINTS = 12  # on one side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """`points` has columns parameter, value, zeta, slope; `estimate` is by parameter.

    A side whose points end early (the likelihood does not fall any further, or 0 is reached) has
    an open end: nan, 0 for a standard deviation, -1 or 1 for a correlation.
    """

    estimate: pd.Series
    points: pd.DataFrame
    messages: tuple[str, ...] = ()

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Intervals by inverse interpolation of ζ; columns 0 and 1. `alpha` is 0.01 or more."""
        limit = float(ndtri(1 - alpha / 2))
        if not 0 < limit <= FURTHEST:
            raise UsageError("Profile intervals are traced to 99 %: use alpha from 0.01 to 1.")
        rows = {}
        for name, part in self.points.groupby("parameter", sort=False):
            rows[name] = (self._end(part, -limit), self._end(part, limit))
        return pd.DataFrame.from_dict(rows, orient="index", columns=[0, 1])

    def _end(self, part: pd.DataFrame, zeta: float) -> float:
        x, z = part["value"].to_numpy(), part["zeta"].to_numpy()
        if not z[0] <= zeta <= z[-1]:
            name = str(part["parameter"].iloc[0])
            if name.startswith("corr("):
                return float(np.sign(zeta))
            return 0.0 if zeta < 0 and name.startswith("sd(") else float("nan")
        curve = CubicHermiteSpline(x, z, part["slope"].to_numpy())
        k = int(np.clip(np.searchsorted(z, zeta), 1, len(z) - 1))
        return float(brentq(lambda at: float(curve(at)) - zeta, x[k - 1], x[k]))

    def __repr__(self) -> str:
        return f"<Profile: {', '.join(self.estimate.index)}>"


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    phi: Array
    modes: Array
    zeta: float
    slope: float


@dataclass(frozen=True, slots=True, eq=False)
class _Trace:
    """One parameter being profiled; `scale` whitens the others given it."""

    surface: Surface
    place: int
    scale: Array
    direction: Array  # of all parameters, by a unit of this one
    spread: float  # its standard error
    top: float


def profile(fit: Fit, parameters: Sequence[str] | None) -> Profile:
    """Trace the parameters named, or all: coefficients, `sd(group term)`, correlations.

    A REML fit is profiled by maximum likelihood, as in lme4. Raises UsageError for a parameter
    that does not exist and ModelError for a fit that is not at a maximum.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> model.profile(["sd(site Intercept)"]).conf_int().round(2).to_numpy().tolist()
    [[0.25, 0.85]]
    """
    check_likelihood(fit, "profile")
    messages: tuple[str, ...] = ()
    if fit.method == "reml":
        fit = with_solution(fit, refit(fit, fit.design, reml=False), method="ml")
        messages = ("Profiled by maximum likelihood: REML does not compare fixed effects.",)
    if not fit.converged:
        raise ModelError("The fit did not converge (see its messages), so it has no profile.")
    surface = surface_of(fit)
    chosen = _chosen(surface, parameters)
    here = surface.objective(surface.best, surface.modes)
    covariance = covariance_of(surface, here.modes)
    frames, estimates = [], {}
    for coordinate in chosen:
        trace = _trace(surface, coordinate, covariance, here.value)
        points = _both_sides(trace, coordinate, here.modes)
        frames.append(_frame(coordinate, points, _most(trace, coordinate, here.modes)))
        estimates[coordinate.name] = coordinate.shown(float(surface.best[coordinate.place]))
    return Profile(
        estimate=pd.Series(estimates, name="estimate"),
        points=pd.concat(frames, ignore_index=True),
        messages=(*messages, *surface.messages),
    )


def root_of(fit: Fit, parameter: str) -> Callable[[float], float]:
    """Return ζ of one parameter at any value, each search starting where the nearest ones lead.

    For a fit by (penalised) maximum likelihood without a standard deviation at zero: there it
    would stay at zero, whatever the value asked for. The function raises ModelError where a
    maximum is not reached.
    """
    surface = surface_of(fit)
    (coordinate,) = _chosen(surface, [parameter])
    here = surface.objective(surface.best, surface.modes)
    trace = _trace(surface, coordinate, covariance_of(surface, here.modes), here.value)
    found = [_Point(surface.best, here.modes, 0.0, 1.0 / trace.spread)]

    def root(value: float) -> float:
        nearest = sorted(found, key=lambda point: -abs(float(point.phi[trace.place]) - value))[-3:]
        if float(nearest[-1].phi[trace.place]) == value:
            return nearest[-1].zeta
        point = _at(trace, nearest, value)
        if point is None:
            raise ModelError(f"The profile of '{parameter}' was not reached at a value asked for.")
        found.append(point)
        return point.zeta

    return root


def _chosen(surface: Surface, parameters: Sequence[str] | None) -> list[Coordinate]:
    if parameters is None:
        return list(surface.coordinates)
    known = {coordinate.name: coordinate for coordinate in surface.coordinates}
    for name in parameters:
        if name not in known:
            raise UsageError(
                f"The model has no parameter '{name}' (it has {', '.join(known)})."
                f"{did_you_mean(name, known)}"
            )
    return [known[name] for name in parameters]


def _trace(surface: Surface, coordinate: Coordinate, covariance: Array, top: float) -> _Trace:
    place, own = coordinate.place, float(covariance[coordinate.place, coordinate.place])
    direction = np.zeros(len(covariance))
    rest = covariance.copy()
    if own > 0:
        direction = covariance[place] / own
        rest -= np.outer(covariance[place], covariance[place]) / own
    direction[place] = 1.0
    rest[place] = rest[:, place] = 0.0
    free = np.flatnonzero(np.diag(rest) > 0)
    scale = np.zeros((len(rest), len(free)))
    scale[free] = np.linalg.cholesky(rest[np.ix_(free, free)])
    return _Trace(surface, place, scale, direction, float(np.sqrt(own)), top)


def _both_sides(trace: _Trace, coordinate: Coordinate, modes: Array) -> list[_Point]:
    best, spread = trace.surface.best, trace.spread
    centre = _Point(best, modes, 0.0, 1 / spread if spread else 0.0)
    above = _side(trace, coordinate, centre, 1)
    at_zero = coordinate.is_sd and best[coordinate.place] == 0
    below = [] if at_zero else _side(trace, coordinate, centre, -1)
    return [*below[::-1], centre, *above]


def _side(trace: _Trace, coordinate: Coordinate, centre: _Point, sign: int) -> list[_Point]:
    """Points outwards until ζ reaches the last target."""
    found = [centre]
    targets = iter(TARGETS)
    target = next(targets)
    for _ in range(MOST_POINTS):
        last = found[-1]
        step = SMALL if last.slope <= 0 else (target - abs(last.zeta)) / last.slope
        if len(found) > 1:
            before = abs(last.phi[trace.place] - found[-2].phi[trace.place])
            step = min(step, 2.0 * before) if last.slope > 0 else 2.0 * before
        to = float(last.phi[trace.place]) + sign * step
        ends = coordinate.is_sd and to <= 0
        point = _at(trace, found, 0.0 if ends else to)
        if point is None:
            break
        found.append(point)
        if ends:
            break
        while abs(point.zeta) >= target - 0.15:
            following = next(targets, None)
            if following is None:
                return found[1:]
            target = following
    return found[1:]


def _at(trace: _Trace, found: list[_Point], value: float) -> _Point | None:
    """The maximum with the parameter held at `value`, from where the last points lead."""
    start, modes = _extrapolated(trace, found, value)
    surface = trace.surface
    try:
        phi, there = highest(surface.objective, start, trace.scale, modes, None, NEAR)
    except (np.linalg.LinAlgError, ValueError):
        return None
    if not there.usable:
        return None
    sign = 1.0 if value > surface.best[trace.place] else -1.0
    zeta = sign * float(np.sqrt(max(2 * (trace.top - there.value), 0.0)))
    slope = -float(there.gradient[trace.place]) / zeta if zeta else 0.0
    return _Point(phi, there.modes, zeta, max(slope, 0.0))


def _extrapolated(trace: _Trace, found: list[_Point], value: float) -> tuple[Array, Array]:
    """Lagrange's polynomial through the last three points, a straight line from the first."""
    last = found[-1]
    place = trace.place
    if len(found) == 1:
        start = last.phi + (value - last.phi[place]) * trace.direction
        modes = last.modes
    else:
        used = found[-3:]
        at = np.array([point.phi[place] for point in used])
        weights = np.array(
            [
                np.prod((value - np.delete(at, k)) / (at[k] - np.delete(at, k)))
                for k in range(len(at))
            ]
        )
        start = sum(w * point.phi for w, point in zip(weights, used, strict=True))
        modes = sum(w * point.modes for w, point in zip(weights, used, strict=True))
    start = np.asarray(start, dtype=np.float64).copy()
    start[place] = value
    return start, np.asarray(modes, dtype=np.float64)


def _most(trace: _Trace, coordinate: Coordinate, modes: Array) -> float:
    """|ζ| of a correlation where one of its effects has no variance; infinite for the others."""
    most = np.inf
    beside = (-1, 1) if coordinate.name.startswith("corr(") else ()  # places of its two sds
    for place in (coordinate.place + k for k in beside):
        start, scale = trace.surface.best.copy(), trace.scale.copy()
        start[place] = scale[place] = 0.0
        _, there = highest(trace.surface.objective, start, scale, modes, None, NEAR)
        if there.usable:
            most = min(most, float(np.sqrt(max(2 * (trace.top - there.value), 0.0))))
    return most


def _frame(coordinate: Coordinate, points: list[_Point], most: float) -> pd.DataFrame:
    raw = np.array([point.phi[coordinate.place] for point in points])
    zeta = np.array([point.zeta for point in points])
    slope = np.where(np.abs(zeta) < most, [point.slope for point in points], 0.0)
    # dζ by the scale printed: dζ/dψ divided by dshown/dψ.
    shown = np.array([coordinate.shown(float(value)) for value in raw])
    h = 1e-6
    change = np.array(
        [(coordinate.shown(float(v + h)) - coordinate.shown(float(v - h))) / (2 * h) for v in raw]
    )
    apart = change > 0  # a correlation's last points may all be printed as 1
    return pd.DataFrame(
        {
            "parameter": coordinate.name,
            "value": shown[apart],
            "zeta": np.clip(zeta, -most, most)[apart],
            "slope": slope[apart] / change[apart],
        }
    )
