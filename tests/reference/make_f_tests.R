# Reference F tests for tests/model/test_f_test.py: lmerTest's contestMD with the degrees of freedom
# of Satterthwaite and of Kenward and Roger (the latter by pbkrtest). Run in this folder:
#
#     Rscript make_f_tests.R
#
# It reads sleepstudy.csv and pastes.csv beside it and writes f_tests.json. `week` is Days %/% 4.

suppressPackageStartupMessages({
  library(lmerTest)
  library(pbkrtest)
  library(jsonlite)
})

tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-10),
                     check.conv.grad = "ignore", check.conv.singular = "ignore")
found <- list()

record <- function(case, data, formula, places) {
  model <- lmerTest::lmer(formula, data, control = tight)
  L <- diag(length(fixef(model)))[places, , drop = FALSE]
  one <- function(ddf) {
    test <- contestMD(model, L, ddf = ddf)
    list(statistic = test[["F value"]], df = test[["NumDF"]], df_residual = test[["DenDF"]],
         p_value = test[["Pr(>F)"]])
  }
  found[[case]] <<- list(satterthwaite = one("Satterthwaite"),
                         kenward_roger = one("Kenward-Roger"))
}

sleep <- read.csv("sleepstudy.csv")
sleep$week <- factor(sleep$Days %/% 4)
sleep$Subject <- factor(sleep$Subject)
pastes <- read.csv("pastes.csv", stringsAsFactors = TRUE)
lost <- c(3, 4, 5, 17, 18, 44, 45, 46, 47, 90, 91, 120, 121, 122, 160)

record("weeks", sleep, Reaction ~ week + (1 | Subject), 2:3)
record("slopes", sleep, Reaction ~ Days + I(Days^2) + (Days | Subject), 2:3)
record("unbalanced", sleep[-lost, ], Reaction ~ week * Days + (1 | Subject), 5:6)
record("casks", pastes, strength ~ cask + (1 | batch / cask), 2:3)
write_json(found, "f_tests.json", digits = 12, auto_unbox = TRUE, pretty = TRUE)
