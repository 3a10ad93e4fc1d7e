# Times of R's fits for engine_speed.py: reads models as JSON, writes medians and log-likelihoods.
suppressPackageStartupMessages({
  library(jsonlite)
  library(lme4)
})
arguments <- commandArgs(TRUE)
folder <- arguments[1]
times <- as.integer(arguments[2])
asked <- fromJSON(file("stdin"), simplifyDataFrame = FALSE)
text <- c("district", "herd", "period", "id", "subject", "Subject", "s", "d", "service", "dept", "site",
          "mom", "comm")

time_one <- function(item) {
  path <- if (is.null(item$path)) file.path(folder, paste0(item$data, ".csv")) else item$path
  if (!file.exists(path)) path <- paste0(path, ".gz")
  data <- read.csv(path, stringsAsFactors = TRUE)
  for (column in intersect(text, names(data))) data[[column]] <- factor(data[[column]])
  if (grepl("clmm", item$call)) {
    suppressPackageStartupMessages(library(ordinal))
    data$resp <- ordered(data$resp, c("no", "perhaps", "yes"))
  }
  call <- gsub("DATA", "data", gsub("FORMULA", item$formula, item$call), fixed = TRUE)
  run <- function() suppressMessages(suppressWarnings(eval(parse(text = call))))
  seconds <- numeric()
  model <- NULL
  # A fit of more than 15 s is timed once, of more than 4 s three times.
  while (length(seconds) < times) {
    spent <- system.time(model <- run())
    seconds <- c(seconds, spent[["user.self"]] + spent[["sys.self"]])
    if (seconds[1] > 15 || (seconds[1] > 4 && length(seconds) >= 3)) break
  }
  loglik <- as.numeric(logLik(model))
  # lme4 leaves the saturated model's constant out when nAGQ > 1; it is 0 for yes/no rows.
  list(name = item$name, seconds = median(seconds), loglik = loglik)
}
cat(toJSON(lapply(asked, time_one), auto_unbox = TRUE, digits = I(15)))
