"""What a fit's summary shows: headline facts, coefficients, variance components, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from peerstats.model import text

if TYPE_CHECKING:
    from peerstats.model.result import Fit


def shown(fit: Fit) -> text.Shown:
    """Return the parts of a fit's summary."""
    interval = fit.conf_int()
    columns = {
        "estimate": fit.params,
        "std error": fit.bse,
        "t" if fit.method == "ols" else "z": fit.tvalues,
        "p": fit.pvalues,
        "2.5 %": interval[0],
        "97.5 %": interval[1],
    }
    frame = fit.varcorr
    label = (frame["group"] + " " + frame["term"]).str.strip()
    kept = ["variance", "sd"] + (["corr"] if frame["corr"].notna().any() else [])
    return text.Shown(
        title=f"Model of {fit.formula.outcome}",
        facts=_facts(fit),
        fixed=pd.DataFrame(columns),
        random=frame[kept].set_index(pd.Index(label)),
        messages=fit.messages,
    )


def _facts(fit: Fit) -> list[tuple[str, str]]:
    lost = ", ".join(f"{count} without {name}" for name, count in fit.dropped.items())
    counts = ", ".join(f"{count} {name}" for name, count in fit.groups.items())
    parts = [f"{fit.nobs} rows", counts, lost and f"left out: {lost}"]
    nodes = f" ({fit.nodes} nodes)" if fit.nodes > 1 else ""
    facts = [
        ("Model", str(fit.formula)),
        ("Family", f"{fit.family.name} ({fit.family.link})"),
        ("Method", f"{fit.method}{nodes}"),
        ("Data", "; ".join(part for part in parts if part)),
        _likelihood(fit),
        ("Converged", "yes" if fit.converged else "NO"),
    ]
    own = fit.auxiliary.drop(fit.params.index, errors="ignore")  # thresholds are coefficients
    if len(own) and not np.isnan(own.to_numpy()).all():
        facts.append(("Family's own", ", ".join(f"{k} = {v:.4g}" for k, v in own.items())))
    if fit.convergence.singular:
        facts.append(("Singular", "yes: a variance is zero"))
    return facts


def _likelihood(fit: Fit) -> tuple[str, str]:
    if fit.sampled:
        return "Weights", f"sampling: pseudo-likelihood, sandwich by {fit.sampled}; no likelihood"
    return "Log-lik.", f"{fit.llf:.2f}   AIC {fit.aic:.2f}   BIC {fit.bic:.2f}"
