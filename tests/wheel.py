"""Build the wheel, install it alone, and use it with no checkout beside it. Run by `make wheel-test`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def call(*words: object, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
        venv.create(folder / "venv", with_pip=True)
        (wheel,) = folder.glob("*.whl")
        install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--constraint",
            ROOT / "constraints.txt",
        ]
        call(folder / "venv/bin/python", *install, wheel, cwd=folder)
        surveyeval = folder / "venv/bin/surveyeval"
        for words in (
            ["--help"],
            ["ls", "tasks"],
            ["ls", "plugins"],
            ["show", "anes96"],
            ["validate"],
            ["run", "--task", "disclosure", "--model", "baseline:marginal", "--limit", "120", "--splits", "3"],
            [
                "run",
                "--task",
                "anes96",
                "--model",
                "baseline:cell",
                "--model",
                "baseline:marginal",
                "--limit",
                "120",
                "--splits",
                "3",
            ],
            ["ls", "runs"],
        ):
            print(f"surveyeval {' '.join(words)}: ok", len(call(surveyeval, *words, cwd=folder)), "characters")
        cards = [*folder.glob("runs/*/report.html"), *folder.glob("runs/cards/*.html")]
        assert len(cards) == 4, cards
        print("the wheel works alone")


if __name__ == "__main__":
    main()
