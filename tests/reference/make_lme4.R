# Reference fits for tests/model, made by lme4. Run in this folder:
#
#     Rscript make_lme4.R
#
# It reads the *.csv beside it (public teaching data: Contraception from mlmRev; cbpp, sleepstudy,
# Dyestuff, Dyestuff2, InstEval, Pastes, Penicillin, VerbAgg from lme4; bacteria and epil from MASS;
# ohio from geepack; Salamanders from glmmTMB), writes two more that it makes itself (verbal.csv,
# nested.csv) and one lme4.json.
#
# glmer's default stops up to a few hundredths of a log-likelihood unit early, so BOBYQA is
# tightened and started again where it stopped. With nAGQ > 1 glmer counts the log-likelihood from
# that of the saturated model (each row fitted perfectly), which is 0 for yes/no rows but not for
# counts and trials; it is added back here, so every loglik is comparable. For links other than the
# canonical one glmer's Laplace approximation takes the expected second derivative, which is another
# approximation (glmmtmb.json has these models); with 25 nodes the difference is gone.

source("describe.R")
suppressPackageStartupMessages(library(lme4))

tight <- function() {
  glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
               optCtrl = list(maxfun = 1e5, rhoend = 1e-9),
               check.conv.grad = "ignore", check.conv.hess = "ignore")
}
tight_lmm <- lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5, rhoend = 1e-10),
                         check.conv.grad = "ignore", check.conv.singular = "ignore")

saturated <- function(model) {
  y <- model.response(model.frame(model))
  if (family(model)$family == "poisson") return(sum(dpois(y, y, log = TRUE)))
  if (is.matrix(y)) return(sum(dbinom(y[, 1], rowSums(y), y[, 1] / rowSums(y), log = TRUE)))
  0
}

# Conditional standard deviations, in the shape of modes().
spreads <- function(effects) {
  lapply(effects, function(frame) {
    variances <- attr(frame, "postVar")
    if (is.list(variances)) {  # several blocks of one group
      sds <- lapply(variances, function(v) sqrt(v[1, 1, ]))
    } else {
      sds <- lapply(seq_len(ncol(frame)), function(k) sqrt(variances[k, k, ]))
    }
    rows <- few(rownames(frame))
    sds <- lapply(sds, function(sd) as.list(setNames(sd[rows], rownames(frame)[rows])))
    setNames(sds, names(frame))
  })
}

describe <- function(model, formula, data, family, nodes, reml) {
  gaussian <- family == "gaussian"
  effects <- ranef(model, condVar = TRUE)
  list(
    data = data, family = family, nodes = nodes, reml = reml,
    formula = paste(deparse(formula, width.cutoff = 500), collapse = ""),
    link = if (gaussian) "identity" else stats::family(model)$link,
    loglik = as.numeric(logLik(model)) + if (nodes > 1) saturated(model) else 0,
    estimate = as.list(fixef(model)),
    std_error = as.list(sqrt(diag(as.matrix(vcov(model))))),
    components = components(VarCorr(model), if (gaussian) sigma(model) else NA),
    mode = modes(effects), mode_sd = spreads(effects)
  )
}

glmm <- function(formula, name, family = binomial, nodes = 1) {
  if (is.function(family)) family <- family()
  model <- suppressWarnings(glmer(formula, get(name), family, nAGQ = nodes, control = tight()))
  begin <- list(theta = getME(model, "theta"), fixef = fixef(model))
  again <- try(suppressWarnings(update(model, start = begin)), silent = TRUE)
  if (!inherits(again, "try-error") && logLik(again) > logLik(model)) model <- again
  describe(model, formula, name, family$family, nodes, FALSE)
}

lmm <- function(formula, name, reml) {
  model <- suppressMessages(lmer(formula, get(name), REML = reml, control = tight_lmm))
  describe(model, formula, name, "gaussian", 1, reml)
}

contraception <- read("contraception", c("district", "livch", "urban"))
cbpp <- read("cbpp", c("herd", "period"))
bacteria <- read("bacteria", c("ID", "trt"))
ohio <- read("ohio", "id")
epil <- read("epil", c("subject", "trt"))
salamanders <- read("salamanders")
verbagg <- read("verbagg", "id")

# Answers of 80 of VerbAgg's 316 persons to its 24 items: two crossed factors.
some <- subset(VerbAgg, as.integer(id) <= 80,
               c("r2", "Anger", "Gender", "btype", "situ", "id", "item"))
verbal <- data.frame(yes = as.integer(some$r2 == "Y"), anger = some$Anger, gender = some$Gender,
                     btype = as.character(some$btype), situ = as.character(some$situ),
                     id = as.character(some$id), item = as.character(some$item))
write.csv(verbal, "verbal.csv", row.names = FALSE)
verbal <- read("verbal", "id")

# Made up: 12 sites, 6 venues in each, 8 women in a venue, one covariate.
set.seed(20240229)
nested <- expand.grid(woman = 1:8, venue = letters[1:6], site = LETTERS[1:12])
nested$x <- round(rnorm(nrow(nested)), 3)
site <- rnorm(12, sd = 0.8)[as.integer(nested$site)]
venue <- rnorm(72, sd = 0.6)[as.integer(interaction(nested$site, nested$venue))]
eta <- -0.3 + 0.5 * nested$x + site + venue
nested$y <- rbinom(nrow(nested), 1, plogis(eta))
nested$count <- rpois(nrow(nested), exp(0.4 * eta))
write.csv(nested[c("site", "venue", "x", "y", "count")], "nested.csv", row.names = FALSE)
nested <- read("nested", c("site", "venue"))

women <- usen ~ age + urban + livch + (1 | district)
curved <- usen ~ age + age2 + urban + livch + (1 | district)
sloped <- usen ~ age + age2 + urban + livch + (urban | district)
apart <- usen ~ age + age2 + urban + livch + (age || district)
seizures <- y ~ lbase * trt + lage + V4 + (1 | subject)
answers <- yes ~ anger + gender + btype + situ + (1 | id) + (1 | item)
pairs <- yes ~ (anger + gender + btype + situ)^2 + (1 | id) + (1 | item)
shifts <- yes ~ anger + gender + btype + situ + (situ | id) + (1 | item)
herds <- cbind(incidence, noninc) ~ period + (1 | herd)
rates <- incidence ~ period + offset(log(size)) + (1 | herd)
animals <- count ~ spp * mined + (1 | site)

fits <- list(
  contraception_laplace = glmm(women, "contraception"),
  contraception_agq25 = glmm(women, "contraception", nodes = 25),
  contraception_agq5 = glmm(women, "contraception", nodes = 5),
  contraception_curved = glmm(curved, "contraception"),
  contraception_curved_agq25 = glmm(curved, "contraception", nodes = 25),
  contraception_slope = glmm(sloped, "contraception"),
  contraception_apart = glmm(apart, "contraception"),
  contraception_probit_agq25 = glmm(women, "contraception", binomial("probit"), 25),
  contraception_cloglog_agq25 = glmm(women, "contraception", binomial("cloglog"), 25),
  cbpp_laplace = glmm(herds, "cbpp"),
  cbpp_agq25 = glmm(herds, "cbpp", nodes = 25),
  cbpp_offset = glmm(rates, "cbpp", poisson),
  bacteria_laplace = glmm(yn ~ trt + wk2 + (1 | ID), "bacteria"),
  bacteria_agq25 = glmm(yn ~ trt + wk2 + (1 | ID), "bacteria", nodes = 25),
  bacteria_agq7 = glmm(yn ~ trt + wk2 + (1 | ID), "bacteria", nodes = 7),
  ohio_laplace = glmm(resp ~ age * smoke + (1 | id), "ohio"),
  ohio_agq25 = glmm(resp ~ age * smoke + (1 | id), "ohio", nodes = 25),
  epil_laplace = glmm(seizures, "epil", poisson),
  epil_agq25 = glmm(seizures, "epil", poisson, nodes = 25),
  salamanders_poisson = glmm(animals, "salamanders", poisson),
  salamanders_mined_agq25 = glmm(count ~ mined + (1 | site), "salamanders", poisson, 25),
  salamanders_slope = glmm(count ~ mined + DOY + (DOY | site), "salamanders", poisson),
  salamanders_species = glmm(count ~ mined + (mined | spp) + (1 | site), "salamanders", poisson),
  verbal_crossed = glmm(answers, "verbal"),
  verbal_slope = glmm(shifts, "verbal"),
  verbagg_crossed = glmm(answers, "verbagg"),
  verbagg_pairs = glmm(pairs, "verbagg"),
  nested_laplace = glmm(y ~ x + (1 | site / venue), "nested"),
  nested_poisson = glmm(count ~ x + (1 | site / venue), "nested", poisson),
  nested_slope = glmm(y ~ x + (x | site) + (1 | site:venue), "nested"),
  nested_poisson_slope = glmm(count ~ x + (x | site), "nested", poisson)
)
sleepstudy <- read("sleepstudy", "Subject")
dyestuff <- read("dyestuff", "Batch")
dyestuff2 <- read("dyestuff2", "Batch")
pastes <- read("pastes", c("batch", "cask"))
penicillin <- read("penicillin", c("plate", "sample"))
insteval <- read.csv(gzfile("insteval.csv.gz"))
for (column in c("s", "d", "service", "dept")) insteval[[column]] <- factor(insteval[[column]])
for (reml in c(FALSE, TRUE)) {
  end <- if (reml) "_reml" else "_ml"
  add <- function(case, formula, name) fits[[paste0(case, end)]] <<- lmm(formula, name, reml)
  add("sleepstudy", Reaction ~ Days + (1 | Subject), "sleepstudy")
  add("sleepstudy_slope", Reaction ~ Days + (Days | Subject), "sleepstudy")
  add("sleepstudy_apart", Reaction ~ Days + (Days || Subject), "sleepstudy")
  add("dyestuff", Yield ~ 1 + (1 | Batch), "dyestuff")
  add("dyestuff2", Yield ~ 1 + (1 | Batch), "dyestuff2")
  add("pastes", strength ~ 1 + (1 | batch / cask), "pastes")
  add("penicillin", diameter ~ 1 + (1 | plate) + (1 | sample), "penicillin")
}
fits$insteval_ml <- lmm(y ~ service + (1 | s) + (1 | d) + (1 | dept), "insteval", FALSE)
write_fits(fits, "lme4", "lme4.json")
