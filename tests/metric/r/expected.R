# Values that the tests of coefficients and coherence are compared with, by R and its survey package.
#
#   Rscript expected.R     reads answers.csv, writes expected.csv (both beside this file)
#
# answers.csv: 240 invented respondents of two arms with a person's and a simulated answer to each of four items.

suppressPackageStartupMessages(library(survey))

data <- read.csv("answers.csv")
data$region <- factor(data$region, levels = c("n", "s", "w"))
value_of_risk <- c(0, 1, 4)
side <- function(name) {
  data.frame(
    respondent = data$respondent, arm = data$arm, region = data$region, weight = data$weight, source = name,
    trust = data[[paste0(name, "_trust")]], place = factor(data[[paste0(name, "_place")]], levels = c("x", "y", "z")),
    risk = value_of_risk[data[[paste0(name, "_risk")]]], act = as.integer(data[[paste0(name, "_act")]] == "yes")
  )
}
human <- side("human")
simulated <- side("simulated")
found <- list()

# ---- association of beliefs and action, within arms, pooled on Fisher's scale --------------------------------------

pooled <- function(sample, measure) {
  by_arm <- sapply(split(sample, sample$arm), measure)
  n <- sapply(split(sample, sample$arm), nrow)
  tanh(sum((n - 3) * atanh(by_arm)) / sum(n - 3))
}
bergsma <- function(one) {
  counts <- table(one$place, one$act)
  counts <- counts[rowSums(counts) > 0, colSums(counts) > 0]
  n <- sum(counts)
  phi2 <- unname(suppressWarnings(chisq.test(counts, correct = FALSE))$statistic) / n
  r <- nrow(counts)
  k <- ncol(counts)
  smaller <- min(r - (r - 1)^2 / (n - 1), k - (k - 1)^2 / (n - 1)) - 1
  sqrt(max(0, phi2 - (r - 1) * (k - 1) / (n - 1)) / smaller)
}
for (one in list(human, simulated)) {
  name <- one$source[1]
  for (belief in c("trust", "risk")) {
    spearman <- function(rows) cor(rows[[belief]], rows$act, method = "spearman")
    found[[paste("association", belief, name)]] <- pooled(one, spearman)
  }
  found[[paste("association place", name)]] <- pooled(one, bergsma)
}

# ---- joint structure test, clustered by respondent --------------------------------------------------------------------

stacked <- rbind(human, simulated)
stacked$source <- factor(stacked$source)
wald <- function(weights) {
  design <- svydesign(ids = ~respondent, weights = weights, data = stacked)
  model <- svyglm(trust ~ (region + risk) * source, design = design)
  tested <- grep(":source", names(coef(model)))
  b <- coef(model)[tested]
  sum(b * solve(vcov(model)[tested, tested], b))
}
found[["structure trust"]] <- wald(~1)
found[["structure trust weighted"]] <- wald(~weight)

# ---- average marginal effects of a logit: derivatives of the average prediction by finite differences ------------------

columns <- c("trust", "south", "west")
X <- cbind(1, human$trust, human$region == "s", human$region == "w")
model <- glm(human$act ~ X - 1, family = binomial)
step <- 1e-5
average_effect <- function(b, j) {
  up <- down <- X
  up[, j] <- up[, j] + step
  down[, j] <- down[, j] - step
  mean(plogis(up %*% b) - plogis(down %*% b)) / (2 * step)
}
for (j in 2:4) {
  b <- coef(model)
  gradient <- sapply(seq_along(b), function(k) {
    change <- replace(numeric(length(b)), k, 1e-4)
    (average_effect(b + change, j) - average_effect(b - change, j)) / 2e-4
  })
  found[[paste("effect", columns[j - 1])]] <- average_effect(b, j)
  found[[paste("effect error", columns[j - 1])]] <- sqrt(drop(t(gradient) %*% vcov(model) %*% gradient))
}

# ---- arm means centred per item ---------------------------------------------------------------------------------------

scale_of <- list(trust = c(1, 5), risk = c(0, 4), act = c(0, 1))
means <- function(sample, what) {
  sapply(names(scale_of), function(item) {
    x <- (sample[[item]] - scale_of[[item]][1]) / diff(scale_of[[item]])
    tapply(x, sample$arm, what)
  })
}
squared_error <- function(x) var(x) / length(x)
centre <- function(m) sweep(m, 2, colMeans(m))
arms <- nlevels(factor(human$arm))
free <- (arms - 1) * length(scale_of)
h <- centre(means(human, mean))
s <- centre(means(simulated, mean))
signal_h <- sum(h^2) / free - mean(means(human, squared_error))
signal_s <- sum(s^2) / free - mean(means(simulated, squared_error))
covariance <- sum(h * s) / free
found[["treatment slope"]] <- covariance / signal_h
found[["treatment r"]] <- if (signal_h > 0 && signal_s > 0) covariance / sqrt(signal_h * signal_s) else NA
found[["treatment rmse"]] <- sqrt(mean((s - h)^2))

# ---- area under the curve: the Mann-Whitney statistic -----------------------------------------------------------------

w <- suppressWarnings(wilcox.test(simulated$trust, human$trust))$statistic
found[["area under the curve"]] <- unname(w) / (nrow(human) * nrow(simulated))

written <- data.frame(name = names(found), value = format(unlist(found), digits = 15, scientific = FALSE, trim = TRUE))
write.csv(written, "expected.csv", row.names = FALSE, quote = FALSE)
