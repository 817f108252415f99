"""Build surveyeval and every plugin here, install each plugin alone with surveyeval, and run its own tests there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(path.parent for path in Path(__file__).resolve().parent.glob("*/pyproject.toml"))


def call(*words: object, cwd: Path) -> str:
    """Standard output of a command, which must succeed; nothing of the checkout is on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["SURVEYEVAL_CACHE"] = str(cwd / "cache")
    done = subprocess.run(  # noqa: S603 (our own commands)
        [str(word) for word in words], cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a source tree into a folder of its own."""
    target = folder / source.name
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, source, cwd=folder)
    (built,) = target.glob("*.whl")
    return built


def check(plugin: Path, surveyeval: Path, folder: Path) -> None:
    """Install a plugin in a fresh environment and run its tests."""
    place = folder / f"venv-{plugin.name}"
    venv.create(place, with_pip=True)
    python = place / "bin/python"
    constraint = ROOT / "constraints.txt"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", constraint]
    call(python, *install, surveyeval, f"{wheel(plugin, folder)}[test]", cwd=folder)
    call(python, "-m", "pip", "check", cwd=folder)
    listed = call(place / "bin/surveyeval", "ls", "plugins", cwd=folder)
    assert plugin.name in listed, listed
    assert "FAILED" not in listed, listed
    # from elsewhere, so that the installed package is tested and not the folder beside the tests
    told = call(
        python, "-m", "pytest", "--quiet", "--config-file", plugin / "pyproject.toml", "--rootdir", folder,
        "-p", "no:cacheprovider", plugin / "tests", cwd=folder,
    )  # fmt: skip
    print(f"{plugin.name}: {told.strip().splitlines()[-1]}", flush=True)


def main() -> None:
    """Check the plugins named on the command line, or all of them."""
    named = set(sys.argv[1:])
    unknown = named - {plugin.name for plugin in PLUGINS}
    if unknown:
        sys.exit(f"no such plugin: {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in PLUGINS)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        surveyeval = wheel(ROOT, folder)
        for plugin in PLUGINS:
            if not named or plugin.name in named:
                check(plugin, surveyeval, folder)


if __name__ == "__main__":
    main()
