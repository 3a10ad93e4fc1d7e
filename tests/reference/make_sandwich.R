# Reference CR2 standard errors and Satterthwaite (Bell-McCaffrey) degrees of freedom. Run in this
# folder:
#
#     Rscript make_sandwich.R
#
# It reads the *.csv beside it and writes sandwich.json (clubSandwich; the exchangeable correlation
# is geepack's).

suppressPackageStartupMessages({
  library(clubSandwich)
  library(geepack)
  library(jsonlite)
})

read <- function(name, factors) {
  data <- read.csv(paste0(name, ".csv"), stringsAsFactors = FALSE)
  for (column in factors) data[[column]] <- factor(data[[column]])
  data
}

tight <- glm.control(epsilon = 1e-14, maxit = 200)

# Rows standardised by a root of their working variance. CR2 asks for a root of I - H, which has
# many; with rows standardised the symmetric one is Kauermann and Carroll's, which we take.
# clubSandwich's own for a glm is another: its standard errors differ by 0.1 to 1 %.
told <- function(X, r, cluster) {
  data <- data.frame(X, check.names = FALSE)
  fit <- lm(r ~ 0 + ., data)
  stopifnot(max(abs(coef(fit))) < 1e-6 * max(abs(r)))
  table <- coef_test(fit, vcov = "CR2", cluster = cluster, test = "Satterthwaite")
  list(std_error = setNames(as.list(table$SE), colnames(X)),
       df = setNames(as.list(table$df_Satt), colnames(X)))
}
standardised <- function(fit, cluster) {
  w <- sqrt(weights(fit, "working"))
  told(model.matrix(fit) * w, w * residuals(fit, "working"), cluster)
}

contraception <- read("contraception", c("livch", "urban"))
# Few clusters of unequal sizes, as sites are: the districts numbered below 12.
few <- contraception[as.integer(as.character(contraception$district)) < 12, ]
few$yes <- as.integer(few$usen == 1)
epil <- read("epil", "trt")

prevalence <- glm(yes ~ age + urban, poisson("log"), few, control = tight)
logit <- glm(yes ~ age + urban, binomial("logit"), few, control = tight)
counts <- glm(y ~ lbase + trt + V4, poisson("log"), epil, control = tight)

sleep <- read("sleepstudy", c())
gee <- geeglm(Reaction ~ Days, id = Subject, data = sleep, corstr = "exchangeable",
              control = geese.control(epsilon = 1e-14, maxit = 1000))
alpha <- summary(gee)$corr[1, 1]
n <- as.vector(table(sleep$Subject))
stopifnot(!is.unsorted(sleep$Subject))
root <- lapply(n, function(k) solve(t(chol((1 - alpha) * diag(k) + alpha))))
turn <- function(v) unlist(Map(`%*%`, root, split(v, sleep$Subject)))
X <- apply(model.matrix(~ Days, sleep), 2, turn)

write_json(list(R = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich")),
                prevalence = standardised(prevalence, few$district),
                logit = standardised(logit, few$district),
                counts = standardised(counts, epil$subject),
                linear = told(X, turn(residuals(gee)[, 1]), sleep$Subject)),
           "sandwich.json", digits = I(15), auto_unbox = TRUE, pretty = TRUE)
