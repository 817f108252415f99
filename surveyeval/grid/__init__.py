"""Studies: grids over tasks, models and pilot designs, on one fixed test set."""
