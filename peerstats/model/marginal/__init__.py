"""Models without a distribution for the sites: marginal, conditional and fixed-effects fits."""
