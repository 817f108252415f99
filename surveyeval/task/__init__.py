"""The survey model: task files, rules, formulas and the interview they describe."""
