# Values that ordered and multinomial logits of the full sample are compared with, by R's MASS, nnet and survey packages.
#
#   Rscript categorical.R     reads design.csv, writes categorical_expected.csv (both beside this file)

suppressPackageStartupMessages({
  library(MASS)
  library(nnet)
  library(survey)
})

data <- read.csv("design.csv")
data$educated <- as.integer(data$educ >= 5)
data$placed <- factor(data$selfLR, ordered = TRUE)
data$side <- factor(c("left", "left", "left", "centre", "right", "right", "right")[data$selfLR],
                    levels = c("centre", "left", "right"))
found <- list()
keep <- function(name, values) for (one in seq_along(values)) found[[paste(name, one)]] <<- values[[one]]

# ---- people drawn one by one ------------------------------------------------------------------------------------------

steps <- list(reltol = 1e-16, maxit = 5000)
ordered <- polr(placed ~ age + educated + vote, data = data, Hess = TRUE, control = steps)
# polr stops where the deviance does; a few Newton steps on the gradient of the likelihood, by differences, go on.
loglik <- function(theta, weight = rep(1, nrow(data))) {
  X <- cbind(data$age, data$educated, data$vote)
  eta <- drop(X %*% theta[1:3])
  cuts <- c(-Inf, theta[-(1:3)], Inf)
  y <- as.integer(data$placed)
  # log of F(b) - F(a), written so that nothing cancels
  a <- cuts[y] - eta
  b <- cuts[y + 1] - eta
  p <- ifelse(a > 0, plogis(-a) - plogis(-b), plogis(b) - plogis(a))
  sum(weight * log(p))
}
gradient <- function(theta, weight = rep(1, nrow(data))) {
  X <- cbind(data$age, data$educated, data$vote)
  eta <- drop(X %*% theta[1:3])
  cuts <- c(-Inf, theta[-(1:3)], Inf)
  y <- as.integer(data$placed)
  a <- cuts[y] - eta
  b <- cuts[y + 1] - eta
  p <- plogis(b) - plogis(a)
  slope <- -(dlogis(b) - dlogis(a)) / p
  cut <- outer(y, seq_len(6), "==") * dlogis(b) / p - outer(y, seq_len(6) + 1, "==") * dlogis(a) / p
  weight * cbind(slope * X, cut)
}
score <- function(theta, weight = rep(1, nrow(data))) colSums(gradient(theta, weight))
hessian <- function(theta, weight = rep(1, nrow(data))) {
  size <- c(1e-4, 1e-3, 1e-3, rep(1e-3, length(theta) - 3))
  columns <- sapply(seq_along(theta), function(j) {
    move <- function(step) score(replace(theta, j, theta[j] + step), weight)
    near <- (move(size[j]) - move(-size[j])) / (2 * size[j])
    half <- (move(size[j] / 2) - move(-size[j] / 2)) / size[j]
    (4 * half - near) / 3 # Richardson
  })
  (columns + t(columns)) / 2
}
polish <- function(theta, weight = rep(1, nrow(data))) {
  for (i in 1:5) theta <- theta - solve(hessian(theta, weight), score(theta, weight))
  theta
}
theta <- polish(c(coef(ordered), ordered$zeta))
stopifnot(max(abs(theta[1:3] - coef(ordered))) < 1e-4, abs(loglik(theta) - c(logLik(ordered))) < 1e-6)
keep("ordered coef", theta[1:3])
keep("ordered se", sqrt(diag(solve(-hessian(theta))))[1:3])
keep("ordered polr se", sqrt(diag(vcov(ordered)))[1:3])

several <- multinom(side ~ age + educated + vote, data = data, Hess = TRUE, trace = FALSE, reltol = 1e-16, abstol = 1e-16,
                    maxit = 5000)
keep("multinomial coef", c(t(coef(several))))
keep("multinomial se", sqrt(diag(vcov(several))))

# ---- weights, strata and PSUs: the variance of a total of influences, by svytotal --------------------------------------

design <- svydesign(ids = ~psu, strata = ~stratum, weights = ~weight, nest = TRUE, data = data)
w <- data$weight / mean(data$weight)
pseudo <- polish(theta, w)
influence <- gradient(pseudo, 1 / mean(data$weight) + 0 * w) %*% solve(-hessian(pseudo, w))
keep("ordered design coef", pseudo[1:3])
keep("ordered design se", as.vector(SE(svytotal(influence, design)))[1:3])
olr <- svyolr(placed ~ age + educated + vote, design = design)
keep("svyolr coef", coef(olr)[1:3])
keep("svyolr se", sqrt(diag(vcov(olr)))[1:3])

several <- multinom(side ~ age + educated + vote, data = data, weights = w, Hess = TRUE, trace = FALSE, reltol = 1e-16,
                    abstol = 1e-16, maxit = 5000)
X <- model.matrix(~ age + educated + vote, data)
rest <- sapply(c("left", "right"), function(one) (data$side == one) - fitted(several)[, one])
moved <- cbind(rest[, 1] * X, rest[, 2] * X) / mean(data$weight)
keep("multinomial design coef", c(t(coef(several))))
keep("multinomial design se", as.vector(SE(svytotal(moved %*% vcov(several), design))))

write.csv(data.frame(name = names(found), value = sprintf("%.14g", unlist(found))), "categorical_expected.csv",
          row.names = FALSE, quote = FALSE)
