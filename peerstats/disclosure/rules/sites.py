"""Names of sites, where the profile does not let them stand.

A town's name heads a column of Table 1 in the profile `standard`: readers need to know where a
study was done, papers print it, and every such column has passed the rules for groups. Profile
`strict` replaces the names by letters in the descriptive and data-quality tables, the same letter
for the same site. That holds for the sites' rows, too, where the site is a variable of a table. A
name never stands beside what a model says of a site: its levels are letters in every profile, and
their sizes, which would lead back to the names, are withheld.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, with_block, with_numbers
from peerstats.disclosure.rules.modes import SIZE, letters
from peerstats.results import Number, address
from peerstats.results.blocks import (
    ALL,
    BaselineBlock,
    BaselineVariable,
    Block,
    Group,
    Item,
    ModelBlock,
    QualityBlock,
    Term,
    TermLevel,
)

SITE = "site_id"


def hide_site_names(draft: Draft) -> Draft:
    """Replace names of sites by letters where the policy asks for it."""
    blocks = [
        block
        for block in draft.results.blocks.values()
        if isinstance(block, ModelBlock) or not draft.policy.site_names
    ]
    keys = sorted({g.key for b in blocks for g in sites(b)})
    if not keys:
        return draft
    names = letters(keys, draft.secret + b"sites")
    renamed: list[Number] = []
    gone: list[str] = []
    for block in blocks:
        own = {address(g.key): names[g.key] for g in sites(block)}
        if own:
            draft = with_block(draft, _renamed(block, names))
            for at, number in draft.numbers.items():
                if at.startswith(f"{address(block.key)}."):
                    new = _moved(at, own)
                    parts = tuple(_moved(part, own) for part in number.parts)
                    size = isinstance(block, ModelBlock) and new != at and number.kind == "count"
                    why = number.withheld or (SIZE if size else None)
                    renamed.append(replace(number, address=new, parts=parts, withheld=why))
                    gone.append(at)
    return note(with_numbers(draft, renamed, gone), "names of sites replaced by letters")


def sites(block: Block) -> tuple[Group | Item | TermLevel, ...]:
    """Return the groups of a block that are sites, and the levels where a site is a variable."""
    if isinstance(block, BaselineBlock):
        columns = tuple(g for g in block.groups if g.key != ALL) if block.sites else ()
        rows = (level for v in block.variables if v.name == SITE for level in v.levels)
        return (*columns, *rows)
    if isinstance(block, QualityBlock):
        return tuple(site for _, site in block.site_rates)
    if isinstance(block, ModelBlock):
        return tuple(level for t in block.terms if t.variable == SITE for level in t.levels)
    return ()


def _renamed(block: Block, names: Mapping[str, str]) -> Block:
    """Put letters into a block; columns and rows follow the letters, not the old order."""
    if isinstance(block, BaselineBlock):
        new = [_letter(g, names) for g in block.groups] if block.sites else block.groups
        if block.sites:
            new = sorted(new, key=lambda g: (g.key != ALL, len(g.key), g.key))
        variables = tuple(_rows(v, names) if v.name == SITE else v for v in block.variables)
        return replace(block, groups=tuple(new), variables=variables)
    if isinstance(block, QualityBlock):
        rates = tuple((row, _letter(site, names)) for row, site in block.site_rates)
        return replace(block, site_rates=tuple(sorted(rates, key=lambda r: (r[0], r[1].key))))
    if isinstance(block, ModelBlock):
        terms = tuple(_levels(t, names) if t.variable == SITE else t for t in block.terms)
        return replace(block, terms=terms)
    return block


def _rows(variable: BaselineVariable, names: Mapping[str, str]) -> BaselineVariable:
    new = (Item(key=names[v.key], label=f"Site {names[v.key]}") for v in variable.levels)
    return replace(variable, levels=tuple(sorted(new, key=lambda v: (len(v.key), v.key))))


def _levels(term: Term, names: Mapping[str, str]) -> Term:
    """The reference stays first."""
    new = [replace(v, key=names[v.key], label=f"Site {names[v.key]}") for v in term.levels]
    new.sort(key=lambda v: (v.term is not None, len(v.key), v.key))
    return replace(term, levels=tuple(new))


def _letter(group: Group, names: Mapping[str, str]) -> Group:
    name = names.get(group.key)
    return group if name is None else Group(key=name, label=f"Site {name}")


def _moved(at: str, names: Mapping[str, str]) -> str:
    """Replace a site's key inside an address; the last part is never a site."""
    *places, last = at.split(".")
    return ".".join([*(names.get(place, place) for place in places), last])
