"""A yes/no study at six sites of unequal size, with a women-level and a site-level exposure."""

import numpy as np
import pandas as pd
import pytest

from peerstats.inference.audit.plan import AuditPlan, Request, plan_audit
from peerstats.inference.audit.setting import Setting, setting_of
from peerstats.inference.layout import layout
from peerstats.inference.rule import infer
from peerstats.model.fit import Fit, fit


def study(sites: int, women: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), [women + 3 * (j % 3) for j in range(sites)])
    support = rng.binomial(1, 0.5, len(site))
    mexico = (np.arange(sites) % 2)[site]
    eta = -0.3 + 0.6 * support + 0.2 * mexico + rng.normal(0, 0.5, sites)[site]
    return pd.DataFrame(
        {
            "y": rng.binomial(1, 1 / (1 + np.exp(-eta))),
            "support": support,
            "mexico": mexico,
            "site": site,
        }
    )


def fitted(sites: int = 6, women: int = 25) -> Fit:
    return fit("y ~ support + mexico + (1 | site)", study(sites, women))


def request_of(model: Fit, seed: int = 7) -> Request:
    return Request(
        model="m1", fit=model, estimates=infer(model), sites=None, exposure="support", seed=seed
    )


@pytest.fixture(scope="session")
def model() -> Fit:
    return fitted()


@pytest.fixture(scope="session")
def setting(model: Fit) -> Setting:
    return setting_of(model, None, layout(model).levels[0].codes)


@pytest.fixture(scope="session")
def plan(model: Fit) -> AuditPlan:
    return plan_audit(request_of(model))
