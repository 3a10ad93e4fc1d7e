"""What every result can say of how it came about: the rows it lost, and whether it is a maximum."""

from __future__ import annotations

from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design


class Account:
    """Base of results that hold the design they were fitted to and the engine's solution."""

    __slots__ = ()
    design: Design
    solution: Solution

    @property
    def dropped(self) -> dict[str, int]:
        """Rows left out for a missing value, by variable."""
        return dict(self.design.dropped)

    @property
    def convergence(self) -> Convergence:
        """What is known about the optimum."""
        return self.solution.convergence

    @property
    def converged(self) -> bool:
        """False when the numbers must not be used."""
        return self.convergence.converged
