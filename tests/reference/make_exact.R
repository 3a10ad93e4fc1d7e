# Reference exact conditional inference for odds ratios. Run in this folder:
#
#     Rscript make_exact.R
#
# It writes exact.json (stats, survival) and rabbits.csv, the 2 x 2 x 5 table of mantelhaen.test's
# help page. fisher.test and mantelhaen.test search with uniroot's default tolerance, which leaves
# four digits; here they are given a uniroot that goes on.

suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
})

tightly <- function(f) {
  environment(f) <- list2env(
    list(uniroot = function(...) stats::uniroot(..., tol = 1e-15, maxiter = 10000)),
    parent = asNamespace("stats"))
  f
}
fisher <- tightly(stats::fisher.test)
mantelhaen <- tightly(stats::mantelhaen.test)

told <- function(test) {
  tails <- sapply(c("less", "greater"), function(side) test(side)$p.value)
  both <- test("two.sided")
  list(estimate = log(unname(both$estimate)), low = log(both$conf.int[1]),
       high = log(both$conf.int[2]), p_value = min(1, 2 * min(tails)))
}

# Convictions of twins by zygosity, from fisher.test's help page.
convictions <- matrix(c(2, 10, 15, 3), nrow = 2)
twins <- told(function(side) fisher(convictions, alternative = side))

rabbits <- array(c(0, 0, 6, 5, 3, 0, 3, 6, 6, 2, 0, 4, 5, 6, 1, 0, 2, 5, 0, 0), dim = c(2, 2, 5))
delayed <- told(function(side) mantelhaen(rabbits, alternative = side, exact = TRUE))
table <- do.call(rbind, lapply(1:5, function(k) {
  data.frame(level = k, delay = c(0, 1), cured = rabbits[, 1, k], died = rabbits[, 2, k])
}))
write.csv(table, "rabbits.csv", row.names = FALSE)

exactly <- function(formula, data) {
  fit <- clogit(formula, data, method = "exact",
                control = coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 100))
  list(estimate = unname(coef(fit)), std_error = sqrt(vcov(fit)[1, 1]))
}
one <- exactly(case ~ spontaneous + strata(stratum), infert)
ids <- read.csv("bacteria.csv", stringsAsFactors = FALSE)
weeks <- exactly(yn ~ wk2 + strata(ID), ids)

write_json(list(R = R.version.string, survival = as.character(packageVersion("survival")),
                twins = twins, rabbits = delayed, infert = one, bacteria = weeks),
           "exact.json", digits = I(15), auto_unbox = TRUE, pretty = TRUE)
