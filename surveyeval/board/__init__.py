"""Leaderboards: submissions without respondent-level data, boards of runs that may be ranked together, a static site."""
