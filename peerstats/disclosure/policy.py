"""How strictly results are protected: the profiles, and the arithmetic they share.

Midpoint rounding. With base b, a count n > 0 is printed as the middle of the interval it falls in:

    lower(n) = b (⌈n/b⌉ - 1) + 1,   upper(n) = b ⌈n/b⌉,   rounded(n) = b ⌈n/b⌉ - ⌊b/2⌋

so that base 6 prints 1–6 as 3 and 7–12 as 9 (OpenSAFELY's "midpoint 6"), and 0 stays 0. The base is
always the threshold. A wider base would blur without need; a narrower one would let a reader tell a
count below the threshold from the threshold itself. For the same reason "small" means "at most the
threshold": the threshold shares its printed value with 1, and any rule that treated it otherwise
would tell it apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from peerstats.errors import DisclosureError, UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One profile with the reason it was chosen for.

    Raises DisclosureError for exact numbers without a written reason.
    """

    profile: str
    threshold: int  # counts from 1 to here are small; also the base of rounding
    exact: bool = False  # nothing is changed at all
    cells_large: bool = False  # cells of groups must not be small either, rounded or not
    site_names: bool = True  # whether a site may head a column of Table 1 under its name
    reason: str = ""
    quartiles_beyond: int = 12  # quartiles describe more women than this
    sd_beyond: int = 24  # and an SD more than this
    residual_df: int = 10  # the least a model may have
    parameter_share: float = 0.33  # parameters per woman, at most
    least_modes: int = 5  # groups in a plot of conditional modes, at least

    def __post_init__(self) -> None:
        if self.exact and not self.reason.strip():
            raise DisclosureError(
                f"Profile '{self.profile}' prints exact numbers and needs a written reason, such as"
                " 'synthetic data' or 'public use file'; give one or use profile 'standard'."
            )
        if not self.exact and self.threshold < 2:
            raise UsageError("A disclosure threshold is at least 2.")

    @property
    def rounding(self) -> str:
        """The rounding rule in words."""
        if self.exact:
            return "none"
        return f"midpoint-{self.threshold} (1 to {self.threshold} as {self.rounded(1):g})"

    def lower(self, n: int) -> int:
        """Return the smallest count that is printed like n."""
        return 0 if n <= 0 else self.upper(n) - self.threshold + 1

    def upper(self, n: int) -> int:
        """Return the largest count that is printed like n."""
        return 0 if n <= 0 else -(-n // self.threshold) * self.threshold

    def rounded(self, n: int) -> float:
        """Return the printed count.

        >>> [policy("standard").rounded(n) for n in (0, 1, 6, 7, 12, 13, 31)]
        [0.0, 3.0, 3.0, 9.0, 9.0, 15.0, 33.0]
        """
        return 0.0 if n <= 0 else float(self.upper(n) - self.threshold // 2)

    def small(self, n: int) -> bool:
        """Whether so few women (or none) must not be described.

        >>> [policy("standard").small(n) for n in (0, 6, 7)]
        [True, True, False]
        """
        return n <= self.threshold


PROFILES: Mapping[str, Callable[..., Policy]] = {
    "standard": partial(Policy, profile="standard", threshold=6),
    "strict": partial(Policy, profile="strict", threshold=10, cells_large=True, site_names=False),
    "public": partial(Policy, profile="public", threshold=0, exact=True),
}


def policy(profile: str, reason: str = "") -> Policy:
    """Return a profile's policy, carrying the reason for choosing it.

    Raises UsageError for an unknown profile, DisclosureError for `public` without a reason.

    >>> policy("strict").rounding
    'midpoint-10 (1 to 10 as 5)'
    """
    if profile not in PROFILES:
        raise UsageError(
            f"Unknown disclosure profile '{profile}'.{did_you_mean(profile, PROFILES)}"
            f" Known: {', '.join(PROFILES)}."
        )
    return PROFILES[profile](reason=reason.strip())
