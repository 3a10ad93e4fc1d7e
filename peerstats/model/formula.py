"""A model formula as a value: outcome, fixed terms, random terms, offset and trials.

The algebra of terms is that of Wilkinson & Rogers (1973), as R and patsy read it: `a*b` is
`a + b + a:b`, `a/b` is `a + a:b`, `(a + b)**2` keeps interactions up to second order, `- 1` takes
the intercept away. Random terms follow lme4: `(effects | groups)`, and `(1 | a/b)` is
`(1 | a) + (1 | a:b)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from peerstats.model import grammar
from peerstats.model.grammar import ARITHMETIC, SCALING
from peerstats.model.tokens import refusal, refuse
from peerstats.model.tree import Bar, Call, Name, Node, Number, Operation, names_in

MOST_TERMS = 500
MOST_FACTORS = 8  # in one interaction

Term = tuple[Node, ...]  # an interaction of factors; () is the intercept


def term_name(term: Term) -> str:
    """Return the name patsy gives a term.

    >>> term_name(())
    'Intercept'
    """
    return ":".join(str(factor) for factor in term) or "Intercept"


@dataclass(frozen=True, kw_only=True)
class RandomTerm:
    """Random effects of one grouping factor: `(1 + x | site)`.

    `factors` holds the variables whose combination is the grouping factor: ("site", "venue") for
    `site:venue`. Uncorrelated effects (`||`) have `correlated` False. In a membership of several
    levels, `mm(venue1, venue2 | w1, w2)`, `factors` hold the memberships and `shares` their
    weights, if any.
    """

    effects: tuple[Term, ...]
    factors: tuple[str, ...]
    correlated: bool = True
    membership: bool = False
    shares: tuple[str, ...] = ()

    @cached_property
    def group(self) -> str:
        """The grouping factor's name, as lme4 writes it."""
        return f"mm({', '.join(self.factors)})" if self.membership else ":".join(self.factors)

    @property
    def optional(self) -> tuple[str, ...]:
        """Variables that may be missing: memberships beyond the first, and weights."""
        return (*self.factors[1:], *self.shares) if self.membership else ()

    @property
    def intercept_only(self) -> bool:
        """True for `(1 | g)`."""
        return self.effects == ((),)

    def __str__(self) -> str:
        names = [term_name(t) if t else "1" for t in self.effects]
        if () not in self.effects:
            names.insert(0, "0")
        return f"({' + '.join(names)} {'|' if self.correlated else '||'} {self.group})"


@dataclass(frozen=True, kw_only=True)
class Formula:
    """What a formula's text says; `fixed` holds the intercept as an empty term.

    `trials` is True for `cbind(successes, failures)`; `failures` is then the second column.
    """

    text: str
    response: Node
    failures: Node | None
    fixed: tuple[Term, ...]
    random: tuple[RandomTerm, ...]
    offset: tuple[Node, ...]

    @property
    def outcome(self) -> str:
        """What stands left of the tilde, e.g. `hiv_test` or `cbind(cases, healthy)`."""
        return (
            str(self.response)
            if self.failures is None
            else f"cbind({self.response}, {self.failures})"
        )

    @property
    def trials(self) -> bool:
        """True when the outcome is a pair of successes and failures."""
        return self.failures is not None

    @cached_property
    def optional(self) -> frozenset[str]:
        """Variables that may be missing in a row: memberships beyond the first, their weights."""
        return frozenset(name for random in self.random for name in random.optional)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Every column the model needs, each once: outcome, fixed part, random part, offset."""
        nodes = [self.response, *([self.failures] if self.failures is not None else [])]
        nodes += [factor for term in self.fixed for factor in term]
        found = [name for node in nodes for name in names_in(node)]
        for random in self.random:
            found += [n for term in random.effects for factor in term for n in names_in(factor)]
            found += (*random.factors, *random.shares)
        found += [name for node in self.offset for name in names_in(node)]
        return tuple(dict.fromkeys(found))

    @cached_property
    def predictors(self) -> tuple[str, ...]:
        """The columns of the fixed part, of random effects and of the offset, each once."""
        terms = [*self.fixed, *(effect for r in self.random for effect in r.effects)]
        nodes = [*(factor for term in terms for factor in term), *self.offset]
        return tuple(dict.fromkeys(name for node in nodes for name in names_in(node)))

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=256)
def parse_formula(text: str) -> Formula:
    """Read a formula in lme4 notation; the last ones are remembered.

    Raises UsageError for anything outside the closed grammar (`peerstats.model.grammar`); nothing
    in the text is ever run.

    >>> f = parse_formula("used ~ age*urban + (1 | district/village)")
    >>> [term_name(t) for t in f.fixed]
    ['Intercept', 'age', 'urban', 'age:urban']
    >>> [r.group for r in f.random]
    ['district', 'district:village']
    >>> f.variables
    ('used', 'age', 'urban', 'district', 'village')
    """
    tree = grammar.parse(text)
    if tree.left is None:
        refuse("the outcome is missing; write outcome ~ covariates.")
    response, failures = _read_outcome(tree.left)
    parts = _parts(tree.right)
    fixed: list[tuple[str, Node]] = [
        (s, n) for s, n in parts if not isinstance(n, Bar) and not _is_offset(n)
    ]
    if any(sign == "-" for sign, node in parts if isinstance(node, Bar) or _is_offset(node)):
        refuse("a random term or an offset cannot be subtracted; leave it out instead.")
    formula = Formula(
        text=" ".join(line.strip() for line in text.strip().splitlines()),
        response=response,
        failures=failures,
        fixed=_collect(fixed),
        random=tuple(r for _, node in parts if isinstance(node, Bar) for r in _read_bar(node)),
        offset=tuple(_read_offset(n) for _, n in parts if _is_offset(n)),
    )
    _check_repeats(formula)
    return formula


def _is_offset(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "offset"


def _parts(node: Node) -> list[tuple[str, Node]]:
    """Flatten a sum into signed parts, in reading order."""
    parts: list[tuple[str, Node]] = []
    while isinstance(node, Operation) and node.sign in "+-":
        parts.append((node.sign, node.right))
        if node.left is None:
            return parts[::-1]
        node = node.left
    return [*parts, ("+", node)][::-1]


def _read_outcome(node: Node) -> tuple[Node, Node | None]:
    if isinstance(node, Call) and node.function == "cbind":
        successes, failures = node.arguments
        return _arithmetic(successes), _arithmetic(failures)
    if isinstance(node, Name) or (isinstance(node, Call) and node.function in ARITHMETIC):
        return _arithmetic(node), None
    if isinstance(node, Operation) and node.sign == "/" and node.left is not None:
        refuse(
            f"a share of successes is written cbind({node.left}, {node.right} - {node.left}) ~ ..."
        )
    raise refusal(
        "the outcome is a variable, log(y), sqrt(y), I(...) or cbind(successes, failures)."
    )


def _read_offset(node: Node) -> Node:
    assert isinstance(node, Call)  # noqa: S101 (the caller selected these)
    return _arithmetic(node.arguments[0])


def _read_bar(bar: Bar) -> list[RandomTerm]:
    effects = _collect(_parts(bar.effects))
    if not effects:
        refuse(f"{bar} has no effect left of the bar; write (1 | group).")
    correlated = bar.correlated or len(effects) == 1
    if isinstance(bar.groups, Call) and bar.groups.function == "mm":
        count = int(dict(bar.groups.options)["members"])
        names = tuple(names_in(bar.groups))
        if len(set(names[:count])) < count:
            refuse(f"{bar.groups} names a variable twice.")
        return [
            RandomTerm(
                effects=effects,
                factors=names[:count],
                correlated=correlated,
                membership=True,
                shares=names[count:],
            )
        ]
    return [
        RandomTerm(effects=effects, factors=factors, correlated=correlated)
        for factors in _grouping(bar.groups)
    ]


def _grouping(node: Node) -> list[tuple[str, ...]]:
    """`a/b/c` is a, a:b, a:b:c (nesting); `a:b` one factor made of both."""
    if isinstance(node, Name):
        return [(node.name,)]
    if isinstance(node, Operation) and node.left is not None and node.sign in ("/", ":"):
        left, right = _grouping(node.left), _grouping(node.right)
        if len(right) == 1 and (node.sign == "/" or len(left) == 1):
            joined = (*left[-1], *right[0])
            if len(set(joined)) == len(joined) <= MOST_FACTORS:
                return [*left, joined] if node.sign == "/" else [joined]
    raise refusal(
        "a grouping factor is a variable, a:b or a/b; write crossed factors as two terms."
    )


def _collect(parts: list[tuple[str, Node]]) -> tuple[Term, ...]:
    """Add and subtract the parts of a sum, starting from an intercept."""
    terms: list[Term] = [()]
    for sign, node in parts:
        if isinstance(node, Number):
            adds = (node.value == 1) == (sign == "+")
            terms = [t for t in terms if t]
            terms = [(), *terms] if adds else terms
            continue
        found = _expand(node)
        terms = _union(terms, found) if sign == "+" else _without(terms, found)
    return tuple(terms)


def _expand(node: Node) -> list[Term]:
    if isinstance(node, Name | Call):
        return [(_factor(node),)]
    if isinstance(node, Number):
        refuse("0 and 1 only switch the intercept; they cannot be part of an interaction.")
    if isinstance(node, Bar):
        refuse(f"the random term {node} stands alone, joined by +.")
    if node.sign == "**":
        return _to_power(_expand(node.left or node.right), node.right)
    if node.left is None:
        refuse("a minus sign inside parentheses has nothing to take away from.")
    if node.sign in "+-":
        found: list[Term] = []
        for sign, part in _parts(node):
            found = _union(found, _expand(part)) if sign == "+" else _without(found, _expand(part))
        return found
    left, right = _expand(node.left), _expand(node.right)
    if node.sign == ":":
        return _cross(left, right)
    if node.sign == "*":
        return _union(_union(left, right), _cross(left, right))
    whole: Term = ()
    for term in left:
        whole = _join(whole, term)
    return _union(left, _cross([whole], right))


def _to_power(terms: list[Term], power: Node) -> list[Term]:
    found = terms
    for _ in range(int(power.value) - 1 if isinstance(power, Number) else 0):
        found = _union(found, _cross(found, terms))
    return found


def _key(term: Term) -> frozenset[Node]:
    return frozenset(term)


def _union(left: list[Term], right: list[Term]) -> list[Term]:
    found = {_key(term): term for term in left}
    for term in right:
        found.setdefault(_key(term), term)
    if len(found) > MOST_TERMS:
        refuse(f"more than {MOST_TERMS} terms.")
    return list(found.values())


def _without(terms: list[Term], gone: list[Term]) -> list[Term]:
    keys = {_key(term) for term in gone}
    return [term for term in terms if _key(term) not in keys]


def _join(left: Term, right: Term) -> Term:
    joined = tuple(dict.fromkeys((*left, *right)))
    if len(joined) > MOST_FACTORS:
        refuse(f"an interaction of more than {MOST_FACTORS} variables.")
    return joined


def _cross(left: list[Term], right: list[Term]) -> list[Term]:
    if len(left) * len(right) > MOST_TERMS**2:
        refuse(f"more than {MOST_TERMS} terms.")
    return _union([], [_join(a, b) for a in left for b in right])


def _factor(node: Name | Call) -> Node:
    if isinstance(node, Name):
        return node
    if node.function in ("offset", "cbind"):
        refuse(f"{node.function}() cannot be part of an interaction or a random effect.")
    if node.function == "mm":
        refuse("mm() stands right of a bar: (1 | mm(venue1, venue2)).")
    if node.function == "C":
        if not isinstance(node.arguments[0], Name):
            refuse("C() takes one variable, e.g. C(parity, ref='0').")
        return node
    _arithmetic(node.arguments[0])
    return node


def _arithmetic(node: Node) -> Node:
    """Return the node when it is plain arithmetic of numbers and columns."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Call):
            if here.function not in (*ARITHMETIC, *SCALING):
                refuse(f"{here.function}() cannot stand inside another function.")
            waiting += here.arguments
        elif isinstance(here, Operation):
            waiting += [here.right, *([here.left] if here.left is not None else [])]
    if not any(True for _ in names_in(node)):
        refuse(f"'{node}' holds no variable.")
    return node


def _check_repeats(formula: Formula) -> None:
    """A grouping factor with the same effect twice has two variances nobody can tell apart."""
    seen = set()
    for random in formula.random:
        for effect in random.effects:
            if (random.group, _key(effect)) in seen:
                refuse(f"the random effect {random} is given twice.")
            seen.add((random.group, _key(effect)))
    outcome = {*names_in(formula.response)}
    for term in formula.fixed:
        again = outcome & {name for factor in term for name in names_in(factor)}
        if again:
            refuse(f"'{sorted(again)[0]}' is on both sides of the tilde.")
