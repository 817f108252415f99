"""The form of task files as a JSON Schema, for editors.

It is made from the typed fields, with the short forms of `surveyeval.task.expand` beside them. Editors read a bare ``1`` or
``yes`` as a number or truth value where surveyeval takes the text that stands in the file, so both are right there. What
refers to what, rules, formulas and templates are checked by ``surveyeval validate`` alone.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from surveyeval.task.schema import Arms, ItemSpec, TaskSpec

__all__ = ["json_schema"]

Schema = dict[str, Any]

_SCALAR = ["string", "number", "boolean"]
#: Fields of typed items that only expansion writes.
_MADE = ("part_of", "member")


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a task file."""
    schema = TaskSpec.model_json_schema()
    found = _loosened(schema)
    assert isinstance(found, dict)
    definitions = found["$defs"]
    _short_items(definitions)
    _short_arms(definitions)
    options = definitions[ItemSpec.__name__]["properties"]["options"]
    found["properties"] |= {
        "include": {
            "description": "files in the task's folder whose scales, profile, derived, subgroups, cells and interview are added",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "scales": {
            "description": "named sets of options, for `options: NAME`",
            "type": "object",
            "additionalProperties": deepcopy(options["anyOf"][0]),
        },
    }
    # Profile, scales and interview may come from an included file, so only what cannot is required.
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "surveyeval task",
        **{key: value for key, value in found.items() if key != "title"},
    }


def _loosened(node: Any) -> Any:
    """Texts may be written as bare numbers and truth values; titles, which editors show for nothing, are left out."""
    if isinstance(node, list):
        return [_loosened(one) for one in node]
    if not isinstance(node, dict):
        return node
    # A key `title` is a field's name where it holds a mapping.
    kept = {key: _loosened(one) for key, one in node.items() if key != "title" or isinstance(one, dict)}
    if kept.get("type") == "string" and "enum" not in kept and "const" not in kept:
        kept["type"] = list(_SCALAR)
    elif kept.get("type") in ("number", "boolean"):
        kept["type"] = [kept["type"], "string"]
    return kept


def _short_items(definitions: Schema) -> None:
    item = definitions[ItemSpec.__name__]
    properties = item["properties"]
    for name in _MADE:
        del properties[name]
    option = definitions["OptionSpec"]["properties"]
    option["column"] = {"type": "string", "description": "of a check-all item: the option's column; default: ITEM_CODE"}
    codes = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": list(_SCALAR)}, {"$ref": "#/$defs/OptionSpec"}]},
    }
    properties["options"] = {
        "description": "code: label, in the order shown; or the name of a scale",
        "anyOf": [codes, {"type": "string"}],
    }
    properties |= {
        "ticked": {
            "type": list(_SCALAR),
            "description": "of a check-all item: the code of a ticked option; default: 1",
        },
        "unticked": {"type": list(_SCALAR), "description": "of a check-all item: the code of another; default: 0"},
        "ticked_label": {
            "type": list(_SCALAR),
            "description": "of a check-all item: the answer that ticks an option, as it is shown; default: Yes",
        },
        "unticked_label": {
            "type": list(_SCALAR),
            "description": "of a check-all item: the answer that does not, shown before the other; default: No",
        },
        "items": {
            "description": "a battery: name: statement, each an item with what stands beside `items`",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"anyOf": [{"type": list(_SCALAR)}, {"$ref": "#/$defs/Statement"}]},
        },
    }
    definitions["Statement"] = {
        "type": "object",
        "description": "one item of a battery: its statement, and what differs from the battery",
        "properties": {name: one for name, one in properties.items() if name not in ("items", "name")},
        "additionalProperties": False,
        "required": ["statement"],
    }
    # A single item needs all fields; of a battery's, some may stand with its statements only.
    item["anyOf"] = [
        {"required": item.pop("required"), "not": {"required": ["items"]}},
        {"required": ["items"], "not": {"required": ["name"]}},
    ]


def _short_arms(definitions: Schema) -> None:
    arms = definitions[Arms.__name__]
    properties = arms["properties"]
    del properties["columns"]
    properties |= {
        "vignette": {"type": "string", "description": "shown in every arm that has none of its own"},
        "factors": {
            "type": "object",
            "description": "arms are the combinations of these factors' levels, each factor in a column of its own",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "column": {"type": "string", "description": "default: the factor's name"},
                    "levels": {
                        "type": "object",
                        "minProperties": 2,
                        "additionalProperties": {"type": list(_SCALAR)},
                    },
                },
                "additionalProperties": False,
                "required": ["levels"],
            },
        },
    }
    arms.pop("required", None)
    arms["anyOf"] = [{"required": ["column", "levels"]}, {"required": ["factors"]}]
