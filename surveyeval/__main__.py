"""``python -m surveyeval``."""

from surveyeval.cli.main import main

if __name__ == "__main__":
    main()
