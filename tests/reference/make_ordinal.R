# Reference fits for tests/model, made by ordinal::clmm: ordered outcomes. Run here:
#
#     Rscript make_ordinal.R
#
# P(Y <= j) = F(threshold_j - eta), F logistic or normal.

source("describe.R")
suppressPackageStartupMessages(library(ordinal))

control <- clmm.control(method = "nlminb", gradTol = 1e-8, innerCtrl = "noWarn")

describe <- function(model, name, family, nodes) {
  errors <- sqrt(diag(vcov(model)))[names(coef(model))]
  list(
    data = name, family = family, nodes = nodes, reml = FALSE,
    formula = paste(deparse(formula(model), width.cutoff = 500), collapse = ""),
    loglik = as.numeric(logLik(model)),
    estimate = as.list(coef(model)), std_error = as.list(errors),
    components = components(VarCorr(model)),
    mode = modes(ranef(model)),
    mode_sd = modes(lapply(condVar(model), sqrt))
  )
}

ordered_fit <- function(formula, name, link = "logit", nodes = 1) {
  model <- clmm(formula, data = get(name), link = link, nAGQ = nodes, control = control)
  describe(model, name, paste0("cumulative_", link), nodes)
}

wine <- read("wine", c("judge", "rating"))
verbagg <- read("verbagg", "id")
verbagg$resp <- ordered(verbagg$resp, c("no", "perhaps", "yes"))
bottles <- rating ~ temp + contact + (1 | judge)
answers <- resp ~ anger + gender + btype + situ + (1 | id) + (1 | item)

fits <- list(
  wine_logit = ordered_fit(bottles, "wine"),
  wine_logit_agq25 = ordered_fit(bottles, "wine", nodes = 25),
  wine_probit = ordered_fit(bottles, "wine", "probit"),
  verbagg_logit = ordered_fit(answers, "verbagg")
)
write_fits(fits, "ordinal", "ordinal.json")
