"""A plugin for surveyeval. `hooks` says what it brings."""
