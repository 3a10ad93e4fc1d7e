"""The reliability of every scale a study has, at first visits, under the codebook's names."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from peerstats.data.codebook import Codebook, Scale
from peerstats.data.derived.source import Source
from peerstats.data.derived.support import received_acts
from peerstats.data.linked import first_visits, link, unit
from peerstats.data.scales import Reliability, reliability
from peerstats.data.study import Table


def reliabilities(tables: Mapping[str, Table], codebook: Codebook) -> Mapping[str, Reliability]:
    """Return one Reliability per scale whose items are all there, by the name of its score.

    Acts of support received are a scale of items 0/1 under `ps_total`. Only first visits count, so
    that every woman counts once.
    """
    found = {}
    rows = link(tables, unit(tables))
    first = first_visits(rows)
    for scale in codebook.scales.values():
        if scale.items and set(scale.items) <= set(rows.values.columns):
            turned = {i for i in scale.items if codebook.fields[i].reverse}
            items = rows.values.loc[first, list(scale.items)]
            found[scale.score or scale.name] = reliability(items, scale, turned)
    acts = _acts(Source(tables=tables, codebook=codebook, rows=rows))
    if acts is not None:
        scale = Scale(name="ps_total", label="ps_total", items=tuple(acts.columns), low=0, high=1)
        found["ps_total"] = reliability(acts[first], scale)
    return found


def _acts(source: Source) -> pd.DataFrame | None:
    table = source.tables.get("support_acts")
    if table is None or not {"act", "received"} <= set(table.values.columns):
        return None
    return received_acts(source)[0]
