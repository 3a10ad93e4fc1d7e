# Reference fits for tests/model, made by lme4. Run in this folder:
#
#     Rscript make_reference.R
#
# It reads the *.csv beside it (public teaching data: Contraception from mlmRev; cbpp, sleepstudy,
# Dyestuff, Dyestuff2, Pastes, Penicillin, VerbAgg from lme4; bacteria and epil from MASS; ohio from
# geepack), writes two more that it makes itself (verbal.csv, nested.csv) and one lme4.json.
#
# glmer's default stops up to a few hundredths of a log-likelihood unit early, so BOBYQA is
# tightened. With nAGQ > 1 glmer counts the log-likelihood from that of the saturated model (each row
# fitted perfectly), which is 0 for yes/no rows but not for counts and trials; it is added back here,
# so every logLik is comparable.

suppressPackageStartupMessages({
  library(lme4)
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

saturated <- function(model) {
  y <- model.response(model.frame(model))
  if (family(model)$family == "poisson") return(sum(dpois(y, y, log = TRUE)))
  if (is.matrix(y)) return(sum(dbinom(y[, 1], rowSums(y), y[, 1] / rowSums(y), log = TRUE)))
  0
}

describe <- function(model, nodes = NA) {
  parts <- as.data.frame(VarCorr(model))
  effects <- ranef(model, condVar = TRUE)
  modes <- lapply(effects, function(e) setNames(e[[1]], rownames(e)))
  spread <- lapply(effects, function(e) sqrt(as.vector(attr(e, "postVar"))))
  list(
    formula = paste(deparse(formula(model), width.cutoff = 500), collapse = ""),
    nodes = nodes,
    loglik = as.numeric(logLik(model)) + if (!is.na(nodes) && nodes > 1) saturated(model) else 0,
    estimate = as.list(fixef(model)),
    std_error = as.list(sqrt(diag(as.matrix(vcov(model))))),
    sd = setNames(as.list(parts$sdcor), parts$grp),
    mode = lapply(modes, as.list),
    mode_sd = spread
  )
}

glmm <- function(formula, data, family = binomial, nodes = 1) {
  model <- suppressWarnings(glmer(formula, data, family, nAGQ = nodes, control = tight))
  describe(model, nodes)
}

lmm <- function(formula, data, reml) describe(lmer(formula, data, REML = reml, control = tight_lmm))

contraception <- read("contraception", c("district", "livch", "urban"))
cbpp <- read("cbpp", c("herd", "period"))
bacteria <- read("bacteria", c("ID", "trt"))
ohio <- read("ohio", "id")
epil <- read("epil", c("subject", "trt"))

# Answers of 80 of VerbAgg's 316 persons to its 24 items: two crossed factors.
few <- subset(VerbAgg, as.integer(id) <= 80,
              c("r2", "Anger", "Gender", "btype", "situ", "id", "item"))
verbal <- data.frame(yes = as.integer(few$r2 == "Y"), anger = few$Anger, gender = few$Gender,
                     btype = as.character(few$btype), situ = as.character(few$situ),
                     id = as.character(few$id), item = as.character(few$item))
write.csv(verbal, "verbal.csv", row.names = FALSE)
verbal <- read("verbal", c("gender", "btype", "situ", "id", "item"))

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
seizures <- y ~ lbase * trt + lage + V4 + (1 | subject)
answers <- yes ~ anger + gender + btype + situ + (1 | id) + (1 | item)
herds <- cbind(incidence, noninc) ~ period + (1 | herd)

fits <- list(
  contraception_laplace = glmm(women, contraception),
  contraception_agq25 = glmm(women, contraception, nodes = 25),
  contraception_agq5 = glmm(women, contraception, nodes = 5),
  cbpp_laplace = glmm(herds, cbpp),
  cbpp_agq25 = glmm(herds, cbpp, nodes = 25),
  bacteria_laplace = glmm(yn ~ trt + wk2 + (1 | ID), bacteria),
  bacteria_agq25 = glmm(yn ~ trt + wk2 + (1 | ID), bacteria, nodes = 25),
  ohio_laplace = glmm(resp ~ age * smoke + (1 | id), ohio),
  ohio_agq25 = glmm(resp ~ age * smoke + (1 | id), ohio, nodes = 25),
  epil_laplace = glmm(seizures, epil, poisson),
  epil_agq25 = glmm(seizures, epil, poisson, nodes = 25),
  verbal_crossed = glmm(answers, verbal),
  nested_laplace = glmm(y ~ x + (1 | site / venue), nested),
  nested_poisson = glmm(count ~ x + (1 | site / venue), nested, poisson)
)
sleepstudy <- read("sleepstudy", "Subject")
dyestuff <- read("dyestuff", "Batch")
dyestuff2 <- read("dyestuff2", "Batch")
pastes <- read("pastes", c("batch", "cask"))
penicillin <- read("penicillin", c("plate", "sample"))
for (reml in c(FALSE, TRUE)) {
  end <- if (reml) "_reml" else "_ml"
  fits[[paste0("sleepstudy", end)]] <- lmm(Reaction ~ Days + (1 | Subject), sleepstudy, reml)
  fits[[paste0("dyestuff", end)]] <- lmm(Yield ~ 1 + (1 | Batch), dyestuff, reml)
  fits[[paste0("dyestuff2", end)]] <- lmm(Yield ~ 1 + (1 | Batch), dyestuff2, reml)
  fits[[paste0("pastes", end)]] <- lmm(strength ~ 1 + (1 | batch / cask), pastes, reml)
  fits[[paste0("penicillin", end)]] <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), penicillin, reml)
}
out <- list(R = R.version.string, lme4 = as.character(packageVersion("lme4")), fits = fits)
write_json(out, "lme4.json", digits = I(15), auto_unbox = TRUE, pretty = TRUE)
