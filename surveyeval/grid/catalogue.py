"""Studies by name. Loads nothing heavy: listing and completion use it."""

from __future__ import annotations

from pathlib import Path

from surveyeval.errors import ConfigError, did_you_mean

__all__ = ["find_study", "study_names", "summaries"]

_PACKAGE = Path(__file__).resolve().parent.parent


def studies_folder() -> Path:
    """The checkout's own studies if there is one, else the packaged copy."""
    checkout = _PACKAGE.parent / "studies"
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return _PACKAGE / "_studies"


def study_names() -> list[str]:
    """Names of the shipped studies."""
    return sorted(path.stem for path in studies_folder().glob("*.yaml"))


def summaries() -> list[tuple[str, str, str]]:
    """Name, title and tasks of each shipped study."""
    import yaml

    found = []
    for name in study_names():
        content = yaml.safe_load((studies_folder() / f"{name}.yaml").read_text())
        tasks = [task if isinstance(task, str) else task["name"] for task in content["tasks"]]
        found.append((name, str(content["title"]), ", ".join(tasks)))
    return found


def find_study(name: str) -> Path:
    """Path of a study: a file, or the name of a shipped one.

    Raises
    ------
    ConfigError
        When there is neither.
    """
    if Path(name).is_file():
        return Path(name)
    known = study_names()
    if name in known:
        return studies_folder() / f"{name}.yaml"
    hint = did_you_mean(name, known) or f"shipped studies: {', '.join(known)}"
    raise ConfigError(f"there is no study {name!r}", hint=hint)
