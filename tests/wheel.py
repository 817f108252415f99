"""Build the sdist and the wheel from it, install this alone, and use it with no checkout beside it. Run by `make wheel-test`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # this is a script; what it shares with the tests is imported as they do

from tests import readme  # noqa: E402


def call(*words: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["SURVEYEVAL_CACHE"] = str(cwd / "cache")
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # the sdist first, and the wheel from what is in it
        call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
        venv.create(folder / "venv", with_pip=True)
        (wheel,) = folder.glob("*.whl")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call(folder / "venv/bin/python", *install, "--constraint", ROOT / "constraints.txt", wheel, cwd=folder)
        imported = call(folder / "venv/bin/python", "-c", "import surveyeval; print(surveyeval.__file__)", cwd=folder)
        assert imported.startswith(str(folder.resolve())), imported
        surveyeval = folder / "venv/bin/surveyeval"
        commands = [["--help"], ["ls", "plugins"], ["ls", "suites"], ["show", "full"], ["validate"], *readme.commands()]
        for words in commands:
            print(
                f"surveyeval {' '.join(words)}: ok,",
                len(call(surveyeval, *words, cwd=folder)),
                "characters",
                flush=True,
            )
        # a card for each model, and one for each command that compares several
        asked = [words.count("--model") for words in commands if words[0] == "run"]
        cards = [*folder.glob("runs/*/report.html"), *folder.glob("runs/cards/*.html")]
        assert asked, "the README runs nothing"
        assert len(cards) == sum(asked) + sum(count > 1 for count in asked), cards
        print("the wheel works alone")


if __name__ == "__main__":
    main()
