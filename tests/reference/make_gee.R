# Reference fits of generalised estimating equations and conditional logit. Run in this folder:
#
#     Rscript make_gee.R
#
# It reads the *.csv beside it and writes gee.json (geepack) and clogit.json (survival). The default
# of geese.control stops at 1e-4; it is tightened so that numbers compare to 1e-6. geeglm wants the
# rows of a cluster together, which they are in these files.

suppressPackageStartupMessages({
  library(geepack)
  library(survival)
  library(jsonlite)
})

tight <- geese.control(epsilon = 1e-13, maxit = 500)

read <- function(name, factors) {
  data <- read.csv(paste0(name, ".csv"), stringsAsFactors = FALSE)
  for (column in factors) data[[column]] <- factor(data[[column]])
  data
}

data <- list(
  cbpp = read("cbpp", "period"),
  contraception = read("contraception", c("livch", "urban")),
  ohio = read("ohio", c()),
  epil = read("epil", "trt"),
  sleepstudy = read("sleepstudy", c()),
  bacteria = read("bacteria", "trt")
)
models <- list(
  cbpp = list("cbind(incidence, noninc) ~ period", "herd", binomial()),
  contraception = list("usen ~ age + age2 + urban + livch", "district", binomial()),
  ohio = list("resp ~ age * smoke", "id", binomial()),
  epil = list("y ~ lbase * trt + lage + V4", "subject", poisson()),
  sleepstudy = list("Reaction ~ Days", "Subject", gaussian()),
  contraception_probit = list("usen ~ age + urban", "district", binomial("probit")),
  contraception_cloglog = list("usen ~ age + urban", "district", binomial("cloglog")),
  contraception_log = list("usen ~ urban", "district", binomial("log")),
  bacteria = list("yn ~ trt + wk2", "ID", binomial())
)

fits <- list()
for (name in names(models)) {
  for (correlation in c("independence", "exchangeable")) {
    formula <- models[[name]][[1]]
    set <- data[[sub("_.*", "", name)]]
    set$cluster <- as.integer(factor(set[[models[[name]][[2]]]]))
    set <- set[order(set$cluster), ]
    family <- models[[name]][[3]]
    fit <- geeglm(as.formula(formula), id = cluster, data = set, family = family,
                  corstr = correlation, control = tight)
    told <- summary(fit)
    fits[[paste(name, correlation, sep = "_")]] <- list(
      formula = formula, groups = models[[name]][[2]], family = family$family,
      link = family$link, correlation = correlation,
      estimate = as.list(coef(fit)),
      robust = unname(as.list(as.data.frame(fit$geese$vbeta))),
      model = unname(as.list(as.data.frame(fit$geese$vbeta.naiv))),
      scale = told$dispersion[1, 1],
      alpha = if (correlation == "exchangeable") told$corr[1, 1] else 0
    )
  }
}
out <- list(R = R.version.string, geepack = as.character(packageVersion("geepack")), fits = fits)
write_json(out, "gee.json", digits = I(15), auto_unbox = TRUE, pretty = TRUE)

# method = "exact": the conditional likelihood, not Breslow's or Efron's approximation of it.
conditional <- function(formula, set) {
  fit <- clogit(as.formula(formula), set, method = "exact",
                control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100))
  list(formula = sub(" \\+ strata.*", "", formula), groups = sub(".*strata\\((.*)\\)", "\\1", formula),
       estimate = as.list(coef(fit)), covariance = unname(as.list(as.data.frame(vcov(fit)))),
       loglik = fit$loglik[2], null = fit$loglik[1])
}
clogit_fits <- list(
  contraception = conditional("usen ~ age + urban + livch + strata(district)", data$contraception),
  ohio = conditional("resp ~ age + strata(id)", data$ohio),
  bacteria = conditional("yn ~ wk2 + strata(ID)", data$bacteria),
  infert = conditional("case ~ spontaneous + induced + strata(stratum)", infert)
)
write.csv(infert[c("case", "spontaneous", "induced", "stratum")], "infert.csv", row.names = FALSE)
out <- list(R = R.version.string, survival = as.character(packageVersion("survival")),
            fits = clogit_fits)
write_json(out, "clogit.json", digits = I(15), auto_unbox = TRUE, pretty = TRUE)
