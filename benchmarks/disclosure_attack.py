"""Attack what the gate lets out: how many small cells of a Table 1 can be recovered exactly?

Three attackers, each told the rules of rounding:

* `bounds`: sees the released counts only;
* `sizes`: also knows exactly how many women each group has (site staff do);
* `margins`: also knows each level's exact total (the tables behind odds ratios give them).

Each looks for the smallest and the largest value that every cell of the true table can have, by
integer programming over all tables that agree with what she knows. A cell from 1 to 5 is recovered
when the two are equal; so is an empty cell ("nobody in that town").

The `insider` also knows the gate's program and every group's size: she runs it on every possible
table of that shape, keeps those that give the same output, and looks for cells that are the same in
all of them.

Run `python benchmarks/disclosure_attack.py [tables]`; it writes results/disclosure_attack.csv.
"""

from __future__ import annotations

import csv
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import LinearConstraint, milp

from peerstats.disclosure import Policy, policy, release
from peerstats.results import Number, Results
from peerstats.results.blocks import ALL, BaselineBlock, BaselineVariable, Group, Item
from peerstats.results.counting import count, percent

SMALL = range(1, 6)
Known = Sequence[tuple[np.ndarray, float, float]]  # weights of the cells, lowest, highest sum


def table_one(tables: Mapping[str, np.ndarray], women: list[int], **block: bool) -> Results:
    """Exact results of a Table 1: each table is (levels, groups), `women` the groups' sizes."""
    groups = [f"g{j}" for j in range(len(women))]
    numbers = [count(f"t1.{g}.n", n) for g, n in zip(groups, women, strict=True)]
    numbers.append(count("t1.all.n", sum(women), parts=tuple(n.address for n in numbers)))
    variables = []
    for name, cells in tables.items():
        numbers += _counts(name, np.asarray(cells), groups)
        levels = tuple(Item(key=f"l{i}", label=f"Level {i}") for i in range(len(cells)))
        variables.append(BaselineVariable(name=name, label=name, numeric=False, levels=levels))
    shown = (Group(key=ALL, label="All"), *(Group(key=g, label=g) for g in groups))
    table = BaselineBlock(
        key="t1", title="Table 1", groups=shown, variables=tuple(variables), **block
    )
    return Results(
        analysis="attack", title="Attack", synthetic=True, provenance="simulated",
        numbers={n.address: n for n in numbers}, blocks={"t1": table}, fits={},
    )  # fmt: skip


def _counts(name: str, cells: np.ndarray, groups: list[str]) -> Iterator[Number]:
    """n, percent and answered of every level and group, and for everybody."""
    columns = [(g, cells[:, j]) for j, g in enumerate(groups)]
    for group, column in [*columns, (ALL, cells.sum(axis=1))]:
        own = []
        for i, n in enumerate(column):
            parts = tuple(f"t1.{name}.l{i}.{g}.n" for g in groups) if group == ALL else ()
            own.append(count(f"t1.{name}.l{i}.{group}.n", int(n), parts=parts))
        answered = count(
            f"t1.{name}.{group}.answered", int(column.sum()), parts=tuple(n.address for n in own)
        )
        yield from (*own, answered)
        yield from (percent(n.address[:-1] + "percent", n, answered) for n in own)


def random_table(levels: int, groups: int, women: int, rng: np.random.Generator) -> np.ndarray:
    """Women spread over the cells with uneven probabilities, every group having somebody."""
    while True:
        shares = np.outer(rng.dirichlet(np.ones(levels)), rng.dirichlet(np.full(groups, 4.0)))
        cells = rng.multinomial(women, shares.ravel()).reshape(levels, groups)
        if (cells.sum(axis=0) > 0).all():
            return cells


def facts(released: Results, cells: np.ndarray, rule: Policy, attacker: str) -> Known:
    """What an attacker knows of one variable `v`: weights of the cells, lowest and highest sum."""
    levels, groups = cells.shape
    known = []
    for at, number in released.numbers.items():
        if number.kind != "count" or number.withheld or number.parts:
            continue  # a sum of printed addends says nothing more than they do
        weights = np.zeros(cells.shape)
        *_, name, group, _last = ("", "", *at.split("."))
        rows = [int(part[1:]) for part in name.split("+")] if name[:1] == "l" else range(levels)
        if at.startswith("t1.v.") or name == "t1":
            for i, j in itertools.product(rows, _columns(group, groups)):
                weights[i, j] = 1
        true = round(float((weights * cells).sum()))
        known.append((weights, rule.lower(true), rule.upper(true)))
        assert rule.rounded(true) == number.value
    return [*known, *side_knowledge(cells, attacker)]


def side_knowledge(cells: np.ndarray, attacker: str) -> Known:
    """What an attacker knows from elsewhere: exact totals."""
    exact = [] if attacker == "bounds" else [_line(cells, j, 1) for j in range(cells.shape[1])]
    if attacker == "margins":
        exact += [_line(cells, i, 0) for i in range(cells.shape[0])]
    return exact


def _columns(group: str, groups: int) -> list[int]:
    return list(range(groups)) if group == ALL else [int(g[1:]) for g in group.split("+")]


def _line(cells: np.ndarray, at: int, axis: int) -> tuple[np.ndarray, float, float]:
    weights = np.zeros(cells.shape)
    weights[(slice(None), at) if axis else (at, slice(None))] = 1
    total = float((weights * cells).sum())
    return weights, total, total


def recovered(known: Known, cells: np.ndarray, before: Known = ()) -> list[int]:
    """The values of small and empty cells that have only one possible value.

    What follows from `before`, the attacker's knowledge without the release, is no find.
    """
    found = [at for at, n in enumerate(cells.ravel()) if n in SMALL or n == 0]
    found = [at for at in found if _known(at, known, cells)]
    return [int(cells.ravel()[at]) for at in found if not _known(at, before, cells)]


def _known(at: int, known: Known, cells: np.ndarray) -> bool:
    """Whether one cell has the same value in all tables that agree with what is known."""
    if not len(known):
        return False
    weights = np.array([w.ravel() for w, _, _ in known])
    among = LinearConstraint(weights, [low for _, low, _ in known], [high for *_, high in known])
    aim = np.zeros(cells.size)
    aim[at] = 1
    return _bound(aim, among) == cells.ravel()[at] == -_bound(-aim, among)


def _bound(aim: np.ndarray, among: LinearConstraint) -> float:
    solved = milp(aim, constraints=among, integrality=np.ones(len(aim)))
    return round(solved.fun)


def attack(tables: int, shape: tuple[int, int, int], rule: Policy, seed: int) -> list[dict]:
    """Release random tables of (levels, groups, women) and attack each three times."""
    rng = np.random.default_rng(seed)
    tally: dict[str, dict[str, int]] = {a: defaultdict(int) for a in ("bounds", "sizes", "margins")}
    for _ in range(tables):
        cells = random_table(*shape, rng)
        released = release(table_one({"v": cells}, cells.sum(axis=0).tolist()), rule)
        for attacker, found in tally.items():
            before = side_knowledge(cells, attacker)
            values = recovered(facts(released, cells, rule, attacker), cells, before)
            found["small"] += int(np.isin(cells, list(SMALL)).sum())
            found["empty"] += int((cells == 0).sum())
            found["small_recovered"] += sum(v > 0 for v in values)
            found["empty_recovered"] += sum(v == 0 for v in values)
    levels, groups, women = shape
    head = {"levels": levels, "groups": groups, "women": women, "profile": rule.profile}
    return [{**head, "attacker": a, "tables": tables, **found} for a, found in tally.items()]


def signature(released: Results) -> tuple:
    """Everything printed, as one comparable value."""
    return tuple(sorted((at, n.printed) for at, n in released.numbers.items()))


def insider(levels: int, sizes: tuple[int, ...], rule: Policy) -> dict:
    """Run the gate on every table with these group sizes and compare those that look alike."""
    columns = [
        [c for c in itertools.product(range(n + 1), repeat=levels) if sum(c) == n] for n in sizes
    ]
    alike: dict[tuple, list[np.ndarray]] = defaultdict(list)
    for combination in itertools.product(*columns):
        cells = np.array(combination).T
        alike[signature(release(table_one({"v": cells}, list(sizes)), rule))].append(cells)
    found: dict[str, int] = defaultdict(int)
    for group in alike.values():
        stack = np.array(group)
        same = (stack == stack[0]).all(axis=0)
        small = np.isin(stack, list(SMALL))
        found["small"] += int(small.sum())
        found["empty"] += int((stack == 0).sum())
        found["small_recovered"] += int((small & same).sum())
        found["empty_recovered"] += int(((stack == 0) & same).sum())
    total = sum(map(len, alike.values()))
    head = {"levels": levels, "groups": len(sizes), "women": sum(sizes), "profile": rule.profile}
    return {**head, "attacker": f"insider {sizes}", "tables": total, **found}


def main() -> None:
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    rows = []
    for profile in ("standard", "strict"):
        for shape in ((4, 3, 31), (2, 3, 31), (4, 3, 52), (5, 2, 52), (4, 3, 120), (4, 5, 300)):
            start = time.perf_counter()
            rows += attack(tables, shape, policy(profile), seed=sum(shape))
            print(rows[-1], f"{time.perf_counter() - start:.1f} s", file=sys.stderr)
    pairs = [(2, (a, b)) for a in range(7, 21) for b in range(a, 21)]
    for levels, sizes in (*pairs, (2, (13, 11, 7)), (3, (9, 8)), (3, (8, 14)), (3, (10, 15))):
        rows.append(insider(levels, sizes, policy("standard")))
        print(rows[-1], file=sys.stderr)
    path = Path(__file__).parent / "results" / "disclosure_attack.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
