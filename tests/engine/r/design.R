# Values that design-based errors are compared with, by R's survey and clubSandwich packages.
#
#   Rscript design.R     reads design.csv, writes design_expected.csv (both beside this file)
#
# design.csv is written by design_data.py.

suppressPackageStartupMessages({
  library(survey)
  library(clubSandwich)
})

data <- read.csv("design.csv")
data$educated <- as.integer(data$educ >= 5)
data$left <- as.integer(data$selfLR <= 3)
found <- list()
keep <- function(name, values) for (one in names(values)) found[[paste(name, one)]] <<- values[[one]]

designs <- list(
  weights = svydesign(ids = ~1, weights = ~weight, data = data),
  strata = svydesign(ids = ~1, strata = ~stratum, weights = ~weight, data = data),
  clusters = svydesign(ids = ~psu, strata = ~stratum, weights = ~weight, nest = TRUE, data = data),
  unweighted = svydesign(ids = ~psu, strata = ~stratum, weights = ~1, nest = TRUE, data = data)
)

table_of <- function(name, design) {
  means <- svymean(~ selfLR + left, design)
  keep(paste(name, "mean"), as.list(coef(means)))
  keep(paste(name, "mean se"), as.list(setNames(as.vector(SE(means)), names(coef(means)))))
  options <- svymean(~ factor(selfLR), design)
  keep(paste(name, "share se"), as.list(setNames(as.vector(SE(options)), paste0("o", 1:7))))
  by <- svyby(~left, ~educ, design, svymean)
  keep(paste(name, "by"), as.list(setNames(by$left, paste0("e", by$educ))))
  keep(paste(name, "by se"), as.list(setNames(as.vector(SE(by)), paste0("e", by$educ))))
}
glm_of <- function(name, design) {
  for (family in c("linear", "logit")) {
    model <- if (family == "linear") {
      svyglm(selfLR ~ age + educated + vote, design = design)
    } else {
      suppressWarnings(svyglm(vote ~ selfLR + age + educated, design = design, family = binomial,
                              control = glm.control(epsilon = 1e-14, maxit = 100)))
    }
    terms <- c("b0", "b1", "b2", "b3")
    keep(paste(name, family, "coef"), as.list(setNames(coef(model), terms)))
    keep(paste(name, family, "se"), as.list(setNames(sqrt(diag(vcov(model))), terms)))
    limits <- confint(model)
    keep(paste(name, family, "low"), as.list(setNames(limits[, 1], terms)))
    keep(paste(name, family, "high"), as.list(setNames(limits[, 2], terms)))
  }
}
for (name in names(designs)) {
  table_of(name, designs[[name]])
  glm_of(name, designs[[name]])
  # A domain: people with little education, and a regression among them.
  glm_of(paste(name, "young"), subset(designs[[name]], age < 45))
}

# ---- strata with one PSU ---------------------------------------------------------------------------------------------

lonely <- data[!(data$stratum == 2 & data$psu > 1) & !(data$stratum == 6 & data$psu > 1), ]
options(survey.lonely.psu = "certainty")
certain <- svydesign(ids = ~psu, strata = ~stratum, weights = ~weight, nest = TRUE, data = lonely)
keep("certainty se", as.list(setNames(as.vector(SE(svymean(~ selfLR + left, certain))), c("selfLR", "left"))))
lonely$unit <- paste(lonely$stratum, lonely$psu)
lonely$joined <- c(1, 2, 2, 4, 5, 5)[lonely$stratum]
joined <- svydesign(ids = ~unit, strata = ~joined, weights = ~weight, data = lonely)
keep("collapse se", as.list(setNames(as.vector(SE(svymean(~ selfLR + left, joined))), c("selfLR", "left"))))

# ---- jackknife: three strata of eight PSUs, so that every PSU is a group of its own -----------------------------------

replicates <- as.svrepdesign(designs$clusters[data$stratum <= 3, ], type = "JKn")
means <- svymean(~ selfLR + left, replicates, return.replicates = TRUE)
# Deviations are from the mean of the stratum's own replicates (Wolter 2007, 4.5).
se <- apply(means$replicates, 2, function(one) {
  by_stratum <- matrix(one, nrow = 8)
  sqrt(7 / 8 * sum(sweep(by_stratum, 2, colMeans(by_stratum))^2))
})
keep("jackknife se", as.list(setNames(se, c("selfLR", "left"))))
keep("jackknife common centre se", as.list(setNames(as.vector(SE(means)), c("selfLR", "left"))))

# ---- least squares on clusters ----------------------------------------------------------------------------------------

data$unit <- paste(data$stratum, data$psu)
model <- lm(selfLR ~ age + educated + vote, data = data)
test <- coef_test(model, vcov = "CR2", cluster = data$unit, test = "Satterthwaite")
freedom <- if ("df_Satt" %in% names(test)) test$df_Satt else test$df
for (j in 1:4) {
  found[[paste("cr2 coef", j - 1)]] <- coef(model)[[j]]
  found[[paste("cr2 se", j - 1)]] <- test$SE[j]
  found[[paste("cr2 df", j - 1)]] <- freedom[j]
}

write.csv(data.frame(name = names(found), value = sprintf("%.14g", unlist(found))), "design_expected.csv",
          row.names = FALSE, quote = FALSE)
