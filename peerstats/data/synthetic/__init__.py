"""Synthetic studies: invented women with known truth, for trying out, teaching and testing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from peerstats.data.synthetic.study import Synthetic
from peerstats.errors import UsageError, did_you_mean

__all__ = ["PROFILES", "Synthetic", "generate"]


class Profile(Protocol):
    """A way to draw a study from a seed."""

    def __call__(self, seed: int, *, scale: int, missing: bool) -> Synthetic:
        """Draw the study."""


def _border(seed: int, *, scale: int, missing: bool) -> Synthetic:
    from peerstats.data.synthetic.border import border

    return border(seed, scale=scale, missing=missing)


def _founding(seed: int, *, scale: int, missing: bool) -> Synthetic:
    from peerstats.data.synthetic.founding import founding

    return founding(seed, scale=scale, missing=missing)


# The modules are imported on use: numpy and pandas would slow down --help.
PROFILES: Mapping[str, Profile] = {"border": _border, "founding": _founding}


def generate(profile: str, seed: int, *, scale: int = 1, missing: bool = True) -> Synthetic:
    """Draw a synthetic study from a profile and a seed.

    The same arguments give the same tables. `scale` multiplies the number of sites (border only).
    With `missing=False` everybody answered everything, truthfully; the women and their outcomes are
    the same as with `missing=True`.

    Raises UsageError for an unknown profile, a negative seed, or a scale the profile does not have.

    >>> study = generate("border", seed=1)
    >>> len(study.tables["sites"]), study.truth["outcomes"]["ccu_clients"]["intercept"]
    (12, 1.223)
    """
    if profile not in PROFILES:
        hint = did_you_mean(profile, PROFILES) or f" There are: {', '.join(sorted(PROFILES))}."
        raise UsageError(f"Unknown profile '{profile}'.{hint}")
    if seed < 0:
        raise UsageError(f"The seed must be 0 or more, not {seed}.")
    if scale < 1:
        raise UsageError(f"The scale must be 1 or more, not {scale}.")
    return PROFILES[profile](seed, scale=scale, missing=missing)
