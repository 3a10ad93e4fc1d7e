# What every make_*.R beside this file shares: reading the data, and one shape for a described fit.
# Text is read as factors whose levels stand in the order of the C locale, as patsy orders them.

suppressPackageStartupMessages(library(jsonlite))
invisible(Sys.setlocale("LC_COLLATE", "C"))

read <- function(name, factors = character()) {
  data <- read.csv(paste0(name, ".csv"), stringsAsFactors = TRUE)
  for (column in factors) data[[column]] <- factor(data[[column]])
  data
}

# Standard deviations and correlations, by group; two blocks of one group (x || g) are told apart
# by lme4 with ".1" at the end, which goes.
components <- function(variances, residual = NA) {
  rows <- list()
  for (i in seq_along(variances)) {
    block <- variances[[i]]
    group <- sub("[.][0-9]+$", "", names(variances)[i])
    sd <- attr(block, "stddev")
    corr <- attr(block, "correlation")
    for (a in seq_along(sd)) {
      rows[[length(rows) + 1]] <- list(group = group, term = names(sd)[a], sd = sd[[a]])
      for (b in seq_len(a - 1)) {
        rows[[length(rows) + 1]] <- list(group = group, term = names(sd)[b],
                                         with = names(sd)[a], corr = corr[a, b])
      }
    }
  }
  if (!is.na(residual)) rows[[length(rows) + 1]] <- list(group = "Residual", term = "", sd = residual)
  rows
}

# Modes as group -> term -> level -> mode. Of a factor with many levels only every tenth is kept.
few <- function(levels) if (length(levels) > 600) seq(1, length(levels), by = 10) else seq_along(levels)

modes <- function(effects) lapply(effects, function(frame) {
  rows <- few(rownames(frame))
  lapply(as.list(frame), function(column) as.list(setNames(column[rows], rownames(frame)[rows])))
})

write_fits <- function(fits, packages, file) {
  versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
  write_json(list(R = R.version.string, packages = versions, fits = fits), file,
             digits = I(17), auto_unbox = TRUE, pretty = TRUE, na = "null")
}
