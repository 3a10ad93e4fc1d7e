"""Names of sites, where the profile does not let them stand.

A town's name heads a column of Table 1 in the profile `standard`: readers need to know where a
study was done, papers print it, and every such column has passed the rules for groups. Profile
`strict` replaces the names by letters in the descriptive and data-quality tables, the same letter
for the same site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, with_block, with_numbers
from peerstats.disclosure.rules.modes import letters
from peerstats.results import Number, address
from peerstats.results.blocks import ALL, BaselineBlock, Block, Group, QualityBlock


def hide_site_names(draft: Draft) -> Draft:
    """Replace names of sites by letters where the policy asks for it."""
    if draft.policy.site_names:
        return draft
    keys = sorted({g.key for b in draft.results.blocks.values() for g in sites(b)})
    if not keys:
        return draft
    names = letters(keys, draft.secret + b"sites")
    renamed: list[Number] = []
    gone: list[str] = []
    for block in list(draft.results.blocks.values()):
        own = {address(g.key): names[g.key] for g in sites(block)}
        if own:
            draft = with_block(draft, _renamed(block, names))
            for at, number in draft.numbers.items():
                if at.startswith(f"{address(block.key)}."):
                    new = _moved(at, own)
                    parts = tuple(_moved(part, own) for part in number.parts)
                    renamed.append(replace(number, address=new, parts=parts))
                    gone.append(at)
    return note(with_numbers(draft, renamed, gone), "names of sites replaced by letters")


def sites(block: Block) -> tuple[Group, ...]:
    """Return the groups of a block that are sites."""
    if isinstance(block, BaselineBlock) and block.sites:
        return tuple(g for g in block.groups if g.key != ALL)
    if isinstance(block, QualityBlock):
        return tuple(site for _, site in block.site_rates)
    return ()


def _renamed(block: Block, names: Mapping[str, str]) -> Block:
    """Put letters into a block; columns follow the letters, not the old order."""
    if isinstance(block, BaselineBlock):
        new = [_letter(g, names) for g in block.groups]
        ordered = sorted(new, key=lambda g: (g.key != ALL, len(g.key), g.key))
        return replace(block, groups=tuple(ordered))
    if isinstance(block, QualityBlock):
        rates = tuple((row, _letter(site, names)) for row, site in block.site_rates)
        return replace(block, site_rates=tuple(sorted(rates, key=lambda r: (r[0], r[1].key))))
    return block


def _letter(group: Group, names: Mapping[str, str]) -> Group:
    name = names.get(group.key)
    return group if name is None else Group(key=name, label=f"Site {name}")


def _moved(at: str, names: Mapping[str, str]) -> str:
    """Replace a site's key inside an address; the last part is never a site."""
    *places, last = at.split(".")
    return ".".join([*(names.get(place, place) for place in places), last])
