"""Public names: each verb of the command line has one, each is found, and editors see the same as Python."""

from __future__ import annotations

import ast
from pathlib import Path

import surveyeval
from surveyeval import api


def test_every_name_is_found_and_listed() -> None:
    assert sorted(surveyeval.__all__) == list(surveyeval.__all__)
    for name in surveyeval.__all__:
        assert getattr(surveyeval, name) is not None
    assert set(surveyeval._PLACES) == set(surveyeval.__all__) - {"__version__"}


def test_every_function_of_the_api_is_public() -> None:
    assert set(api.__all__) <= set(surveyeval.__all__)


def test_editors_see_the_same_names() -> None:
    tree = ast.parse(Path(surveyeval.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {name.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert seen == surveyeval._PLACES


def test_no_room_bears_the_name_of_a_public_function() -> None:
    rooms = {path.name for path in Path(surveyeval.__file__).parent.iterdir() if (path / "__init__.py").is_file()}
    assert not rooms & set(surveyeval.__all__)
