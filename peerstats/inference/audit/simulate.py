"""Carry out the cells of audits: how many replicates, block by block, and their sums.

Outcomes are drawn in units of 20 replicates, each from the generator of its model, cell and number,
so every method is scored on the same replicates. A block is 1 unit of a method that is refitted
replicate by replicate, 5 of one that fits all at once.

Without a number of replicates a few are timed first, and the time that is given is shared out:
what concerns the exposure gets most of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.inference.audit.methods import AUDITED, SLOW, score
from peerstats.inference.audit.plan import AuditPlan, Cell, Item
from peerstats.inference.audit.scratch import Scratch
from peerstats.inference.audit.tally import Scored, Tally, added, tallies
from peerstats.inference.audit.workers import each

Array = NDArray[np.float64]

UNIT = 20  # replicates of one generator
UNITS = {"slow": 1, "quick": 5}  # of a block
LEVELS = (20, 40, 60, 100, 200, 400, 600, 1000, 1400, 2000)
WEIGHT = {True: 4.0, False: 1.0}  # share of the time of items that come first, and of the rest
TIMED = {"slow": 1, "quick": 20}  # replicates that are timed
BUSY = 0.85  # part of the time that workers spend on replicates
LATEST = 1.3  # times the time given, after which no block is begun: the machine may be busy

Advance = Callable[[int, int], None]
Key = tuple[str, str, str]  # model, cell, item


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated, and by whom.

    `replicates` of everything, or else what can be done in `seconds`. `fixed` gives numbers that do
    not depend on the machine's speed: replicates of (quick, slow) methods, of what concerns the
    exposure only.
    """

    seconds: float = 40.0
    replicates: int | None = None
    fixed: tuple[int, int] | None = None
    jobs: int = 2
    backend: str = "loky"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """A block of one item, with all that a worker needs."""

    model: str
    seed: int
    fingerprint: str
    cell: Cell
    item: Item
    block: int

    @property
    def key(self) -> Key:
        """The item it is a part of."""
        return self.model, self.cell.key, self.item.key

    @property
    def name(self) -> str:
        """Its name in the scratch folder."""
        return ":".join((*self.key, str(self.block)))


def simulate(
    plans: Sequence[AuditPlan],
    effort: Effort,
    scratch: Scratch,
    advance: Advance = lambda done, of: None,
) -> dict[Key, tuple[Tally, ...]]:
    """Return the sums of every item, a tally a position; items without replicates are left out."""
    wanted = _replicates(plans, effort)
    tasks = [
        Task(
            model=plan.model,
            seed=plan.seed,
            fingerprint=plan.fingerprint,
            cell=cell,
            item=item,
            block=block,
        )
        for plan, cell, item in _items(plans)
        for block in range(-(-wanted[plan.model, cell.key, item.key] // _size(item)))
    ]
    # What matters most first, and everything at an even pace, for the time may be up.
    tasks.sort(key=lambda task: (not task.item.first, task.block / wanted[task.key]))
    found = {t.name: scratch.read(t.fingerprint, t.name) for t in tasks}
    left = [task for task in tasks if found[task.name] is None]
    done = len(tasks) - len(left)
    advance(done, len(tasks))
    timed = effort.replicates is None and effort.fixed is None
    until = math.inf
    for at, result in each(work, left, effort.backend, effort.jobs):
        scratch.write(left[at].fingerprint, left[at].name, result)
        found[left[at].name] = result
        done += 1
        advance(done, len(tasks))
        if timed and math.isinf(until):  # from here on: workers may take long to start
            until = time.monotonic() + LATEST * effort.seconds
        if time.monotonic() > until:
            break
    return _summed(tasks, found)


def _summed(
    tasks: Sequence[Task], found: dict[str, tuple[Tally, ...] | None]
) -> dict[Key, tuple[Tally, ...]]:
    blocks: dict[Key, list[tuple[Tally, ...]]] = {}
    for task in sorted(tasks, key=lambda task: task.block):
        result = found[task.name]
        if result is not None:
            blocks.setdefault(task.key, []).append(result)
    return {
        key: tuple(added(parts) for parts in zip(*results, strict=True))
        for key, results in blocks.items()
    }


def work(task: Task) -> tuple[Tally, ...]:
    """Draw the block's replicates and score them."""
    units = UNITS[_pace(task.item)]
    first = task.block * units
    origin = (task.model, task.seed)
    drawn = [draw(origin, task.cell, unit) for unit in range(first, first + units)]
    return tallies(_score(task.cell, task.item, np.vstack(drawn)))


def _score(cell: Cell, item: Item, outcomes: Array) -> Scored:
    truth = AUDITED[item.method].truth(cell.setting)
    return score(item.way, cell.setting, truth, (outcomes, item.positions))


def draw(origin: tuple[str, int], cell: Cell, unit: int) -> Array:
    """Return the outcomes of one unit, (20, n), the same whoever asks; `origin`: model and seed."""
    model, seed = origin
    key = (*model.encode(), 0, *cell.key.encode(), 0, unit)
    sequence = np.random.SeedSequence(seed, spawn_key=key)
    return cell.setting.draw(np.random.default_rng(sequence), UNIT)


def _items(plans: Sequence[AuditPlan]) -> Iterator[tuple[AuditPlan, Cell, Item]]:
    for plan in plans:
        for cell in plan.cells:
            for item in cell.items:
                yield plan, cell, item


def _pace(item: Item) -> str:
    return "slow" if item.way in SLOW else "quick"


def _size(item: Item) -> int:
    return UNIT * UNITS[_pace(item)]


def _replicates(plans: Sequence[AuditPlan], effort: Effort) -> dict[Key, int]:
    items = list(_items(plans))
    keys = [(plan.model, cell.key, item.key) for plan, cell, item in items]
    if effort.replicates is not None:
        return dict.fromkeys(keys, effort.replicates)
    if effort.fixed is not None:
        quick, slow = effort.fixed
        return {
            key: (quick if _pace(item) == "quick" else slow) if item.first else 0
            for key, (_, _, item) in zip(keys, items, strict=True)
        }
    costs = _costs(items)
    weights = [WEIGHT[item.first] for _, _, item in items]
    shared = share_out(costs, weights, effort.seconds * effort.jobs * BUSY)
    return {
        key: max(count, UNIT) if item.first else count
        for key, count, (_, _, item) in zip(keys, shared, items, strict=True)
    }


def _costs(items: Sequence[tuple[AuditPlan, Cell, Item]]) -> list[float]:
    """Seconds a replicate, timed on the first cell of a model that has the item."""
    known: dict[tuple[str, str], float] = {}
    costs = []
    for plan, cell, item in items:
        key = (plan.model, item.way)
        weight = 1.0 + 2.0 * len(item.positions) if item.way in ("fe_firth", "site_fixed") else 1.0
        if key not in known:
            outcomes = draw((plan.model, plan.seed), cell, 0)[: TIMED[_pace(item)]]
            _score(cell, item, outcomes[:1])  # what is imported or cached at first use
            start = time.process_time()
            _score(cell, item, outcomes)
            known[key] = (time.process_time() - start) / len(outcomes) / weight
        costs.append(known[key] * weight)
    return costs


def share_out(costs: Sequence[float], weights: Sequence[float], total: float) -> list[int]:
    """Return numbers of replicates at `costs` seconds each that take about `total` seconds.

    Each gets its share by weight, rounded down to one of LEVELS; what the cheap ones leave is
    shared out again.

    >>> share_out([0.1, 0.001], [1, 1], 10.0)
    [60, 2000]
    """
    counts = [0] * len(costs)
    left, open_ = total, set(range(len(costs)))
    for _ in range(3):
        weight = sum(weights[i] for i in open_)
        for i in sorted(open_):
            seconds = counts[i] * costs[i] + left * weights[i] / weight
            fits = [level for level in LEVELS if level * costs[i] <= seconds]
            counts[i] = fits[-1] if fits else 0
        left = max(total - sum(n * cost for n, cost in zip(counts, costs, strict=True)), 0.0)
        open_ = {i for i in open_ if counts[i] < LEVELS[-1]}
        if not open_:
            break
    return counts
