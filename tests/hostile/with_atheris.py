"""Fuzzing guided by the branches that an input reaches: the same readers and the same properties, driven by atheris.

    python tests/hostile/with_atheris.py TARGET [SECONDS]

A target is a name of `tests.hostile.targets`. What fails is printed as the example that Hypothesis makes of the bytes.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    """Fuzz one target for so many seconds."""
    import atheris

    name, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with atheris.instrument_imports(include=["surveyeval"], enable_loader_override=False):
        from hypothesis import given, settings

        from surveyeval.errors import SurveyevalError
        from tests.hostile.limits import capped
        from tests.hostile.targets import TARGETS

        target = TARGETS[name]

    @settings(database=None, deadline=None)
    @given(target.inputs)
    def check(value: Any) -> None:
        with capped(), suppress(SurveyevalError):
            target.read(value)

    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=8192"], check.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
