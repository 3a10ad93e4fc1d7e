# Makes families.json and intervals.csv: reference fits of families with parameters of their own.
# Run in this folder: Rscript families.R   (R 4.2.2, glmmTMB 1.1.5, ordinal 2022.11-16, survival)
library(glmmTMB)
library(ordinal)
library(survival)

salamanders <- read.csv("../../reference/salamanders.csv")
salamanders$spp <- factor(salamanders$spp, levels = sort(unique(salamanders$spp)))
salamanders$mined <- factor(salamanders$mined, levels = c("yes", "no"))
wine <- read.csv("../../reference/wine.csv")
wine$rating <- factor(wine$rating, ordered = TRUE)

counts <- function(formula, family, zi = ~0) {
  fit <- glmmTMB(formula, salamanders, family = family, ziformula = zi,
                 control = glmmTMBControl(optCtrl = list(iter.max = 2000, eval.max = 2000,
                                                         rel.tol = 1e-14)))
  table <- summary(fit)$coefficients
  list(loglik = as.numeric(logLik(fit)), beta = unname(fixef(fit)$cond),
       se = unname(table$cond[, 2]), zero = unname(fixef(fit)$zi),
       sigma = sigma(fit), sd = unname(unlist(lapply(VarCorr(fit)$cond, function(v) attr(v, "stddev")))))
}
ordered <- function(fit) {
  table <- coef(summary(fit))
  list(loglik = as.numeric(logLik(fit)), beta = unname(table[, 1]), se = unname(table[, 2]))
}

set.seed(20240229)
n <- 150
x <- rnorm(n)
site <- rep(1:15, each = 10)
time <- exp(2 + 0.5 * x + 0.4 * rnorm(15)[site]) * rweibull(n, 1.3)
low <- ifelse(time < 1, 0, ifelse(time < 6, floor(time), ifelse(time < 24, 6, 24)))
high <- ifelse(time < 1, 1, ifelse(time < 6, floor(time) + 1, ifelse(time < 24, 24, Inf)))
exact <- seq_len(n) %% 10 == 0
low[exact] <- round(time[exact], 3)
high[exact] <- round(time[exact], 3)
intervals <- data.frame(x = round(x, 6), site = site, low = low, high = high)
write.csv(intervals, "intervals.csv", row.names = FALSE, quote = FALSE)
lower <- ifelse(intervals$low == 0, NA, intervals$low)
upper <- ifelse(is.infinite(intervals$high), NA, intervals$high)
weibull <- survreg(Surv(lower, upper, type = "interval2") ~ x, intervals, dist = "weibull",
                   control = survreg.control(rel.tolerance = 1e-13, maxiter = 100))

result <- list(
  negative_binomial = counts(count ~ mined + cover, nbinom2),
  negative_binomial1 = counts(count ~ mined + cover, nbinom1),
  negative_binomial1_site = counts(count ~ mined + cover + (1 | site), nbinom1),
  zero_inflated_poisson = counts(count ~ mined + cover, poisson, ~ mined),
  zero_inflated_poisson_site = counts(count ~ mined + (1 | site), poisson, ~1),
  zero_inflated_negative_binomial = counts(count ~ mined + cover, nbinom2, ~ mined),
  hurdle_poisson = counts(count ~ mined + cover, truncated_poisson, ~ mined),
  hurdle_negative_binomial = counts(count ~ mined + cover, truncated_nbinom2, ~ mined),
  hurdle_poisson_site = counts(count ~ mined + (1 | site), truncated_poisson, ~ mined),
  cumulative_logit = ordered(clm(rating ~ temp + contact, data = wine)),
  cumulative_probit = ordered(clm(rating ~ temp + contact, data = wine, link = "probit")),
  cumulative_probit_judge = ordered(clmm(rating ~ temp + contact + (1 | judge), data = wine,
                                         link = "probit")),
  interval_censored = list(loglik = weibull$loglik[2], beta = unname(coef(weibull)),
                           se = unname(sqrt(diag(vcov(weibull)))[1:2]), sigma = weibull$scale)
)
writeLines(jsonlite::toJSON(result, digits = 15, auto_unbox = TRUE, pretty = TRUE), "families.json")
