# The profile interval of a between-group standard deviation, by lme4.
# Rscript profile.R writes cbpp.csv (lme4's own data) and profile.json beside this script.
library(lme4)
model <- glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial)
bounds <- confint(model, parm = ".sig01", method = "profile", quiet = TRUE)
data <- data.frame(herd = cbpp$herd, period = cbpp$period, incidence = cbpp$incidence,
                   healthy = cbpp$size - cbpp$incidence)
write.csv(data, "cbpp.csv", row.names = FALSE, quote = FALSE)
writeLines(sprintf('{"R": "%s", "lme4": "%s", "model": "%s", "sd_lower": %.12f, "sd_upper": %.12f}',
                   getRversion(), packageVersion("lme4"), "cbpp ~ period + (1 | herd), Laplace",
                   bounds[1], bounds[2]),
           "profile.json")
