"""Shell completion of tasks, models, metrics and suites, in three shells, without anything heavy."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from surveyeval.cli.main import cli
from tests.cli.test_light import loaded


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("run --task dis", {"disclosure", "disclosure_sale"}),
        ("probe --task fram", {"framing"}),
        ("run --suite ", {"core", "full"}),
        ("run --model baseline:c", {"baseline:cell", "baseline:chain", "baseline:copula"}),
        ("run --model op", {"openai:"}),
        ("run --model vl", {"vllm:"}),
        ("show js_", {"js_distance"}),
        ("show cor", {"core"}),
        ("show baseli", {"baseline"}),
        ("run --elicitation ver", {"verbalized"}),
    ],
)
def test_names_are_completed_and_nothing_heavy_is_loaded(typed: str, expected: set[str], tmp_path: Path) -> None:
    text, heavy = loaded([], None, tmp_path, typed)
    words = {line.split(",", 1)[1] for line in text.splitlines() if "," in line}
    assert expected <= words
    assert all(word.startswith(typed.split(" ")[-1]) for word in words)
    assert heavy == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str) -> None:
    found = get_completion_class(shell)
    assert found is not None
    script = found(cli, {}, "surveyeval", "_SURVEYEVAL_COMPLETE")
    assert "_SURVEYEVAL_COMPLETE" in script.source_template % script.source_vars()
