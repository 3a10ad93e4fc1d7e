"""The rules of the gate and their order.

First the shape of what is shown (groups, skip rules, levels, bins), judged on exact counts; then
what is withheld; then rounding, which makes the exact counts disappear; then names and sentences;
last the cut to printed digits. Each rule takes a draft and returns one.
"""

from collections.abc import Mapping

from peerstats.disclosure.draft import Rule
from peerstats.disclosure.rules.asked import protect_skip_rules
from peerstats.disclosure.rules.bins import merge_bins
from peerstats.disclosure.rules.checks import protect_checks
from peerstats.disclosure.rules.columns import merge_columns
from peerstats.disclosure.rules.counts import recompute_percentages, round_counts
from peerstats.disclosure.rules.fits import protect_fits
from peerstats.disclosure.rules.levels import merge_levels
from peerstats.disclosure.rules.margins import protect_margins
from peerstats.disclosure.rules.measurements import protect_measurements
from peerstats.disclosure.rules.missing import balance_missing
from peerstats.disclosure.rules.models import protect_models
from peerstats.disclosure.rules.modes import protect_modes
from peerstats.disclosure.rules.printed import print_values
from peerstats.disclosure.rules.readings import say_anew
from peerstats.disclosure.rules.samples import protect_samples
from peerstats.disclosure.rules.sites import hide_site_names
from peerstats.disclosure.rules.statistics import protect_statistics
from peerstats.disclosure.rules.texts import mask_texts

RULES: Mapping[str, Rule] = {
    "columns": merge_columns,
    "asked": protect_skip_rules,
    "levels": merge_levels,
    "measurements": protect_measurements,
    "bins": merge_bins,
    "models": protect_models,
    "samples": protect_samples,
    "modes": protect_modes,
    "checks": protect_checks,
    "margins": protect_margins,
    "statistics": protect_statistics,
    "counts": round_counts,
    "missing": balance_missing,
    "percentages": recompute_percentages,
    "fits": protect_fits,
    "texts": mask_texts,
    "sites": hide_site_names,
    "readings": say_anew,
    "printed": print_values,
}
