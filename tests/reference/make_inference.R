# Reference inference for tests/model/results: degrees of freedom, profile intervals and
# likelihood-ratio tests by lmerTest, pbkrtest and lme4. Run in this folder:
#
#     Rscript make_inference.R
#
# It reads the *.csv beside it and writes inference.json. lme4 profiles an REML fit by maximum
# likelihood, so the gaussian models are fitted that way here. Its profile interpolates between
# about twenty fits a parameter, each as far from the optimum as its optimiser stops: good to about
# 1e-3 of an interval's width.

suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(pbkrtest)
  library(jsonlite)
})

tight <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
                      optCtrl = list(maxfun = 1e5, rhoend = 1e-9),
                      check.conv.grad = "ignore", check.conv.hess = "ignore")
tight_lmm <- lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5, rhoend = 1e-10),
                         check.conv.grad = "ignore", check.conv.singular = "ignore")

read <- function(name, factors) {
  data <- read.csv(paste0(name, ".csv"), stringsAsFactors = FALSE)
  for (column in factors) data[[column]] <- factor(data[[column]])
  data
}

data <- list(
  sleepstudy = read("sleepstudy", "Subject"),
  dyestuff = read("dyestuff", "Batch"),
  dyestuff2 = read("dyestuff2", "Batch"),
  pastes = read("pastes", c("batch", "sample", "cask")),
  penicillin = read("penicillin", c("plate", "sample")),
  cbpp = read("cbpp", c("herd", "period")),
  bacteria = read("bacteria", c("ID", "trt")),
  epil = read("epil", "subject")
)

gaussian_models <- list(
  list("sleepstudy", "Reaction ~ Days + (1 | Subject)"),
  list("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
  list("sleepstudy", "Reaction ~ Days + (Days || Subject)"),
  list("dyestuff", "Yield ~ 1 + (1 | Batch)"),
  list("dyestuff2", "Yield ~ 1 + (1 | Batch)"),
  list("pastes", "strength ~ 1 + (1 | batch) + (1 | sample)"),
  list("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)")
)

columns <- function(table) {
  list(estimate = as.list(table[, "Estimate"]), std_error = as.list(table[, "Std. Error"]),
       df = as.list(table[, "df"]), p_value = as.list(table[, "Pr(>|t|)"]))
}
named <- function(table) {
  out <- columns(table)
  lapply(out, function(x) setNames(x, rownames(table)))
}

small_sample <- function(spec) {
  formula <- as.formula(spec[[2]])
  reml <- lmerTest::lmer(formula, data[[spec[[1]]]], REML = TRUE, control = tight_lmm)
  ml <- lmerTest::lmer(formula, data[[spec[[1]]]], REML = FALSE, control = tight_lmm)
  list(data = spec[[1]], formula = spec[[2]],
       satterthwaite = named(coef(summary(reml, ddf = "Satterthwaite"))),
       satterthwaite_ml = named(coef(summary(ml, ddf = "Satterthwaite"))),
       kenward_roger = named(coef(summary(reml, ddf = "Kenward-Roger"))))
}

glmms <- list(
  list("cbpp", "cbind(incidence, size - incidence) ~ period + (1 | herd)", binomial),
  list("epil", "y ~ lbase * trt + lage + V4 + (1 | subject)", poisson)
)

intervals <- function(model) {
  found <- suppressWarnings(confint(profile(model, signames = FALSE), level = 0.95))
  list(low = as.list(setNames(found[, 1], rownames(found))),
       high = as.list(setNames(found[, 2], rownames(found))))
}
profiles <- c(
  lapply(gaussian_models[c(1, 2, 4, 6, 7)], function(spec) {
    model <- lme4::lmer(as.formula(spec[[2]]), data[[spec[[1]]]], REML = FALSE, control = tight_lmm)
    c(list(data = spec[[1]], formula = spec[[2]], family = "gaussian"), intervals(model))
  }),
  lapply(glmms, function(spec) {
    model <- suppressWarnings(lme4::glmer(as.formula(spec[[2]]), data[[spec[[1]]]], spec[[3]],
                                          control = tight))
    c(list(data = spec[[1]], formula = spec[[2]], family = spec[[3]]()$family), intervals(model))
  })
)

comparison <- function(small, large) {
  table <- anova(small, large)
  list(chisq = table$Chisq[2], df = table$Df[2], p = table[["Pr(>Chisq)"]][2],
       loglik = as.list(table$logLik))
}
sleep <- function(text) lme4::lmer(as.formula(text), data$sleepstudy, REML = FALSE,
                                   control = tight_lmm)
herds <- function(text) glmer(as.formula(text), data$cbpp, binomial, control = tight)
tests <- list(
  cbpp = comparison(herds("cbind(incidence, size - incidence) ~ 1 + (1 | herd)"),
                    herds("cbind(incidence, size - incidence) ~ period + (1 | herd)")),
  sleepstudy = comparison(sleep("Reaction ~ Days + (1 | Subject)"),
                          sleep("Reaction ~ Days + (Days | Subject)"))
)

write_json(list(versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                                lmerTest = as.character(packageVersion("lmerTest")),
                                pbkrtest = as.character(packageVersion("pbkrtest"))),
                small_sample = lapply(gaussian_models, small_sample),
                profiles = profiles, tests = tests),
           "inference.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
