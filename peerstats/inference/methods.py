"""The registry of inference methods."""

from __future__ import annotations

from collections.abc import Mapping

from peerstats.inference.exact import EXACT, EXACT_MID_P
from peerstats.inference.fe_firth import FE_FIRTH
from peerstats.inference.gee import GEE_CR2
from peerstats.inference.lrt import LRT, LRT_BETWEEN_WITHIN
from peerstats.inference.method import Method
from peerstats.inference.modified_poisson import MODIFIED_POISSON_CR2
from peerstats.inference.parametric_bootstrap import BARTLETT, PARAMETRIC_BOOTSTRAP
from peerstats.inference.penalised import PENALISED_LRT, PENALISED_WALD
from peerstats.inference.permutation import PERMUTATION
from peerstats.inference.quasi_likelihood import QUASI_LIKELIHOOD
from peerstats.inference.site_fixed import SITE_FIXED
from peerstats.inference.site_fixed_t import SITE_FIXED_T
from peerstats.inference.site_slopes import SITE_SLOPES
from peerstats.inference.small_sample import KENWARD_ROGER, SATTERTHWAITE
from peerstats.inference.two_stage import TWO_STAGE
from peerstats.inference.wald import WALD_BETWEEN_WITHIN, WALD_T, WALD_Z
from peerstats.inference.wild_bootstrap import WILD_BOOTSTRAP

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        FE_FIRTH,
        TWO_STAGE,
        SITE_SLOPES,
        SITE_FIXED,
        SITE_FIXED_T,
        QUASI_LIKELIHOOD,
        PENALISED_LRT,
        PENALISED_WALD,
        LRT,
        LRT_BETWEEN_WITHIN,
        PARAMETRIC_BOOTSTRAP,
        BARTLETT,
        KENWARD_ROGER,
        SATTERTHWAITE,
        GEE_CR2,
        MODIFIED_POISSON_CR2,
        PERMUTATION,
        WILD_BOOTSTRAP,
        EXACT,
        EXACT_MID_P,
        WALD_BETWEEN_WITHIN,
        WALD_T,
        WALD_Z,
    )
}
