# Reference fits for tests/model, made by glmmTMB: the families lme4 lacks, and links whose Laplace
# approximation takes the observed second derivative where lme4 takes the expected one. Run here:
#
#     Rscript make_glmmtmb.R
#
# glmmTMB has exact gradients; nlminb is told not to stop before they are nearly zero. "scale" is
# sigma() of the fit: theta of nbinom2 (variance mu + mu^2/theta), alpha of nbinom1 (variance
# mu (1 + alpha)), phi of betabinomial (intraclass correlation 1/(1 + phi)).

source("describe.R")
suppressPackageStartupMessages(library(glmmTMB))

control <- glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-15, x.tol = 0))

errors <- function(model, part) {
  found <- vcov(model)[[part]]
  if (is.null(found)) NULL else as.list(setNames(sqrt(diag(found)), names(fixef(model)[[part]])))
}

describe <- function(model, name, family, zero) {
  list(
    data = name, family = family, nodes = 1, reml = FALSE, zero_formula = zero,
    formula = paste(deparse(formula(model), width.cutoff = 500), collapse = ""),
    link = stats::family(model)$link,
    loglik = as.numeric(logLik(model)),
    estimate = as.list(fixef(model)$cond), std_error = errors(model, "cond"),
    zero_estimate = as.list(fixef(model)$zi), zero_std_error = errors(model, "zi"),
    scale = sigma(model),
    components = components(VarCorr(model)$cond),
    mode = modes(ranef(model, condVar = FALSE)$cond)
  )
}

tmb <- function(formula, name, family, known, zero = NULL) {
  zi <- if (is.null(zero)) ~0 else as.formula(zero)
  model <- suppressWarnings(glmmTMB(formula, get(name), family = family, ziformula = zi,
                                    control = control))
  describe(model, name, known, zero)
}

contraception <- read("contraception", c("district", "livch", "urban"))
cbpp <- read("cbpp", c("herd", "period"))
epil <- read("epil", c("subject", "trt"))
salamanders <- read("salamanders")
verbagg <- read("verbagg", "id")
ohio <- read("ohio", "id")
guimmun <- read("guimmun", c("mom", "comm"))  # guImmun of mlmRev: Guatemala's immunised children

women <- usen ~ age + urban + livch + (1 | district)
sloped <- usen ~ age + age2 + urban + livch + (urban | district)
herds <- cbind(incidence, noninc) ~ period + (1 | herd)
animals <- count ~ spp * mined + (1 | site)
plain <- count ~ spp + mined + (1 | site)
children <- immun ~ kid2p + mom25p + ord + ethn + momEd + husEd + momWork + rural + pcInd81 +
  (1 | mom) + (1 | comm)
seizures <- y ~ lbase * trt + lage + V4 + (1 | subject)

zip <- "zero_inflated_poisson"
zinb <- "zero_inflated_negative_binomial"
hurdle <- "hurdle_poisson"
fits <- list(
  contraception_laplace = tmb(women, "contraception", binomial, "binomial"),
  contraception_slope = tmb(sloped, "contraception", binomial, "binomial"),
  contraception_probit = tmb(women, "contraception", binomial("probit"), "binomial"),
  contraception_cloglog = tmb(women, "contraception", binomial("cloglog"), "binomial"),
  ohio_laplace = tmb(resp ~ age * smoke + (1 | id), "ohio", binomial, "binomial"),
  verbagg_crossed = tmb(yes ~ anger + gender + btype + situ + (1 | id) + (1 | item), "verbagg",
                        binomial, "binomial"),
  guimmun_nested = tmb(children, "guimmun", binomial, "binomial"),
  cbpp_beta_binomial = tmb(herds, "cbpp", betabinomial, "beta_binomial"),
  salamanders_poisson = tmb(animals, "salamanders", poisson, "poisson"),
  salamanders_nb2 = tmb(animals, "salamanders", nbinom2, "negative_binomial"),
  salamanders_nb1 = tmb(animals, "salamanders", nbinom1, "negative_binomial1"),
  salamanders_nb2_mined = tmb(count ~ mined + (1 | site), "salamanders", nbinom2,
                              "negative_binomial"),
  salamanders_zip = tmb(animals, "salamanders", poisson, zip, "~ spp * mined"),
  salamanders_zip_constant = tmb(plain, "salamanders", poisson, zip, "~ 1"),
  salamanders_zinb = tmb(plain, "salamanders", nbinom2, zinb, "~ spp + mined"),
  salamanders_zinb_mined = tmb(plain, "salamanders", nbinom2, zinb, "~ mined"),
  salamanders_hurdle = tmb(plain, "salamanders", truncated_poisson, hurdle, "~ spp + mined"),
  salamanders_hurdle_nb2 = tmb(plain, "salamanders", truncated_nbinom2, "hurdle_negative_binomial",
                               "~ spp + mined"),
  epil_nb2 = tmb(seizures, "epil", nbinom2, "negative_binomial"),
  epil_nb1 = tmb(seizures, "epil", nbinom1, "negative_binomial1"),
  salamanders_nb2_crossed = tmb(count ~ mined + (1 | site) + (1 | spp), "salamanders", nbinom2,
                                "negative_binomial"),
  salamanders_nb2_slope = tmb(count ~ mined + (1 | site) + (mined | spp), "salamanders", nbinom2,
                              "negative_binomial"),
  salamanders_slope = tmb(count ~ mined + DOY + (DOY | site), "salamanders", poisson, "poisson")
)
write_fits(fits, "glmmTMB", "glmmtmb.json")
