"""Slips in a task file, made from the schema itself: what is dropped, misspelt, of a wrong type, or refers to nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveyeval.task.check import check_document
from surveyeval.task.document import load_document, parse_document
from surveyeval.task.schema import TaskSpec

RICH = Path(__file__).with_name("rich.yaml")
VALUE = load_document(RICH).value
Route = tuple[Any, ...]


def emit(value: Any) -> tuple[str, dict[Route, int]]:
    """Block YAML with one scalar per line, and the line of every key and list entry: knows nothing of the parser."""
    lines: list[str] = []
    places: dict[Route, int] = {(): 1}

    def write(node: Any, route: Route, indent: int, prefix: str) -> None:
        if isinstance(node, (dict, list)) and node:
            pairs = node.items() if isinstance(node, dict) else enumerate(node)
            for key, child in pairs:
                head = prefix + (f"{json.dumps(key)}:" if isinstance(node, dict) else "-")
                prefix = " " * indent
                places[(*route, key)] = len(lines) + 1
                if isinstance(child, (dict, list)) and child:
                    if isinstance(node, list):
                        write(child, (*route, key), indent + 2, head + " ")
                    else:
                        lines.append(head)
                        write(child, (*route, key), indent + 2, " " * (indent + 2))
                else:
                    lines.append(f"{head} {'null' if child is None else json.dumps(child)}")
        else:
            lines.append(prefix + json.dumps(node))

    write(value, (), 0, "")
    return "\n".join(lines) + "\n", places


@dataclass(frozen=True)
class Mutation:
    action: str  # drop, rename, set
    route: Route
    value: Any = None
    #: Routes that must be intact for this slip to be visible at all.
    needs: tuple[Route, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {'.'.join(map(str, self.route))} {json.dumps(self.value)[:20]}"

    def apply(self, root: Any) -> Route:
        """Change the tree; gives the route at which the problem is expected."""
        *parents, last = self.route
        node = root
        for part in parents:
            node = node[part]
        if self.action == "drop":
            del node[last]
            return tuple(parents)
        if self.action == "rename":
            pairs = [(self.value if key == last else key, child) for key, child in node.items()]
            node.clear()
            node.update(pairs)
            return (*parents, self.value)
        node[last] = self.value
        return self.route

    def clashes(self, other: Mutation) -> bool:
        def inside(a: Route, b: Route) -> bool:
            return a[: len(b)] == b or b[: len(a)] == a

        return any(inside(a, b) for a in (self.route, *self.needs) for b in (other.route, *other.needs)
                   if a == self.route or b == other.route)  # fmt: skip


SCHEMA = TaskSpec.model_json_schema()

#: One field of one model of the schema.
Field = tuple[str, str]


def resolve(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The part of a schema that says what stands there, and whether nothing may stand there too."""
    options = schema.get("anyOf", [schema])
    nullable = any(one.get("type") == "null" for one in options)
    (found,) = [one for one in options if one.get("type") != "null"]
    if "$ref" in found:
        found = SCHEMA["$defs"][found["$ref"].removeprefix("#/$defs/")]
    return found, nullable


def inner_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Schema of the values of a mapping."""
    patterns = schema.get("patternProperties", {})
    return next(iter(patterns.values())) if patterns else schema["additionalProperties"]


def visit(
    node: Any, schema: dict[str, Any], route: Route = ()
) -> Iterator[tuple[Route, dict[str, Any], bool, Field | None]]:
    """Every value of a task with its schema, whether null may stand there, and its field if it is that of a model."""
    if "properties" in schema:
        for name, one in schema["properties"].items():
            if isinstance(node, dict) and name in node:
                found, nullable = resolve(one)
                yield (*route, name), found, nullable, (schema["title"], name)
                yield from visit(node[name], found, (*route, name))
    elif schema.get("type") in ("object", "array") and isinstance(node, (dict, list)):
        found, nullable = resolve(inner_of(schema) if schema["type"] == "object" else schema["items"])
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*route, key), found, nullable, None
            yield from visit(child, found, (*route, key))


PLACES = list(visit(VALUE, SCHEMA))
#: Every field that a task file may have, by model.
FIELDS: set[Field] = {(one["title"], name) for one in (SCHEMA, *SCHEMA["$defs"].values()) for name in one["properties"]}


def at(route: Route, root: Any = VALUE) -> Any:
    for part in route:
        root = root[part]
    return root


def misspelt(name: str) -> str:
    return name[:-1] + "q" + name[-1] if len(name) > 3 else name + "q"


def wrong_values(schema: dict[str, Any], nullable: bool, child: Any) -> list[Any]:
    """Values of another type or out of bounds, as the schema itself says."""
    wrong: list[Any] = [] if nullable else [None]
    match schema.get("type"):
        case "object":
            # An option may be a bare label.
            wrong += [["x"]] if schema.get("title") == "OptionSpec" else ["wrong", ["x"]]
        case "array":
            wrong += ["wrong", {"a": "b"}] + ([[]] if schema.get("minItems") else [])
        case "boolean":
            wrong += [{"a": "b"}, ["x"], "perhaps"]
        case "number":
            wrong += [{"a": "b"}, ["x"], "much", "nan", "inf"]
            wrong += [str(schema[bound]) for bound in ("exclusiveMinimum", "exclusiveMaximum") if bound in schema]
        case _:
            wrong += [{"a": "b"}, ["x"]]
            if schema.get("minLength"):
                wrong.append("")
            if "maxLength" in schema:
                wrong.append("x" * (schema["maxLength"] + 1))
            if "pattern" in schema:
                wrong.append("?!")
            if "enum" in schema:
                wrong += ["nonsense", misspelt(child)]
    return wrong


def wrong_keys(schema: dict[str, Any], key: str) -> list[str]:
    names = schema.get("propertyNames", {})
    wrong = ["x" * (names["maxLength"] + 1)] if "maxLength" in names else []
    if "patternProperties" in schema:
        wrong.append("1 bad")
    if "enum" in names:
        wrong.append(misspelt(key))
    return wrong


def schema_mutations() -> list[Mutation]:
    """Drop, misspell and wrong type for every schema field that stands in the file."""
    found: list[Mutation] = []
    required = {(one["title"], name) for one in (SCHEMA, *SCHEMA["$defs"].values()) for name in one.get("required", ())}
    for route, schema, nullable, field in PLACES:
        child = at(route)
        if field is not None:
            found.append(Mutation("rename", route, misspelt(field[1])))
            if field in required:
                found.append(Mutation("drop", route))
        found += [Mutation("set", route, value) for value in wrong_values(schema, nullable, child)]
        if schema.get("type") == "object" and "properties" not in schema:
            for key in child:
                found += [Mutation("rename", (*route, key), wrong) for wrong in wrong_keys(schema, key)]
    return found


def dangling_mutations() -> list[Mutation]:
    """Every reference replaced by a name that nothing bears."""
    found = [Mutation("set", (field, n), "nobody") for field in ("subgroups", "cells", "patterns")
             for n in range(len(VALUE[field]))]  # fmt: skip
    for name, listed in VALUE["profile_sets"].items():
        found += [Mutation("set", ("profile_sets", name, n), "nobody") for n in range(len(listed))]
    found += [Mutation("set", ("derived", name), "abs(nobody)") for name in VALUE["derived"]]
    found.append(Mutation("set", ("coherence", 0, "applies"), "nobody > 2"))
    found += [Mutation("set", ("coherence", n, "follows"), 'nobody and vote == "1"') for n in (0, 1)]
    for n, regression in enumerate(VALUE["regressions"]):
        formula = ("regressions", n, "formula")
        found.append(Mutation("set", formula, regression["formula"] + " + nobody", (("regressions", n, "blocks"),)))
        for block, terms in regression["blocks"].items():
            found += [
                Mutation("set", ("regressions", n, "blocks", block, k), "nobody", (formula,)) for k in range(len(terms))
            ]
    found.append(Mutation("set", ("regressions", 0, "event"), "7", (("regressions", 0, "formula"), ("items", 2))))
    found.append(Mutation("set", ("regressions", 2, "reference"), "7", (("regressions", 2, "formula"), ("items", 0))))
    found.append(Mutation("rename", ("truth", "trust model"), "nobody", (("regressions",),)))
    needs = (("regressions",), ("items", 1), ("arms", "levels"), ("profile", "age"))
    found.append(Mutation("rename", ("truth", "trust model", "age"), "nobody", needs))
    found.append(Mutation("set", ("interview", "shuffled", 0, 1), "nobody"))
    found.append(Mutation("set", ("items", 2, "ask_if"), "nobody > 2"))
    found.append(Mutation("set", ("source", "keep"), "nobody > 2"))
    found.append(Mutation("set", ("associations", 0, "predictor"), "nobody"))
    found.append(Mutation("set", ("associations", 0, "outcomes", 0), "nobody"))
    found.append(Mutation("set", ("items", 4, "expected"), "nobody", (("items", 4, "options"),)))
    found.append(Mutation("set", ("items", 5, "retest"), "nobody"))
    found.append(Mutation("set", ("profile", "school", "recode", "map", "4"), "77", (("profile", "school"),)))
    found.append(Mutation("set", ("items", 0, "recode", "map", "D"), "77", (("items", 0, "options"),)))
    found.append(Mutation("set", ("profile", "age", "text"), "{{ nobody }}"))
    found.append(Mutation("set", ("arms", "levels", "1", "vignette"), "{{ nobody }}"))
    found += [Mutation("set", ("items", n, "question"), "{{ nobody }}?") for n in range(3)]
    found.append(Mutation("set", ("items", 0, "text"), "{{ nobody }}"))
    found += [
        Mutation("set", ("interview", name), "{{ nobody }}")
        for name in ("system", "introduction", "profile", "instruction")
    ]
    return found


MUTATIONS = [*schema_mutations(), *dangling_mutations()]

#: Slips that take names away: what refers to these names is reported too.
NAMES = ("items", "profile", "arms", "derived", "factors", "levels", "options", "name")


def problems_of(mutations: list[Mutation]) -> tuple[list[Any], list[int]]:
    root = copy.deepcopy(VALUE)
    # Apply inner routes first, so that renaming a parent does not hide its children.
    expected = [mutation.apply(root) for mutation in sorted(mutations, key=lambda one: -len(one.route))]
    text, places = emit(root)
    return check_document(parse_document(text, "rich.yaml"))[1], [places[route] for route in expected]


#: Fields that only short forms write (test_expand.py): their expansion is the other way to say what the example says.
MADE: set[Field] = {
    ("Arms", "columns"), ("ItemSpec", "part_of"), ("ItemSpec", "member"), ("ItemSpec", "separator"),
    ("ItemSpec", "blank"),
}  # fmt: skip
#: Values of later versions, of fields that there are: accepted or refused, never ignored in silence.
LATER_VALUES: dict[Field, set[str]] = {
    ("RegressionSpec", "errors"): {"model"},  # model-based errors of a logit are there, of ols they are not
}
#: Fields that name a column of the data file.
COLUMNS: set[Field] = {
    ("SourceSpec", "id"), ("SourceSpec", "weight"), ("SourceSpec", "strata"), ("SourceSpec", "psu"),
    ("ProfileField", "column"), ("Arms", "column"), ("ItemSpec", "column"),
}  # fmt: skip
#: Fields that refer to nothing: a name that is given, words, numbers, choices, and what only holds other fields.
PLAIN: set[Field] = {
    *(("TaskSpec", name) for name in ("name", "version", "title", "description", "tags", "source", "comparable", "profile", "arms",
                                      "interview", "items", "coherence", "associations", "regressions", "equivalence")),
    *(("SourceSpec", name) for name in ("provenance", "licence", "citation", "url", "published", "field_dates", "population", "mode",
                                        "selection", "encoding", "lonely_psu")),
    *(("ProfileField", name) for name in ("kind", "labels", "example", "missing", "recode")),
    ("ItemSpec", "order"), ("ItemSpec", "points"), ("ItemSpec", "unit"), ("ItemSpec", "statement"), ("ItemSpec", "bins"),
    ("Recode", "evidence"), ("Arms", "levels"), ("Level", "label"), ("Level", "factors"),
    *(("InterviewSpec", name) for name in ("mode", "options", "order")),
    *(("OptionSpec", name) for name in ("label", "value", "pinned")),
    *(("ItemSpec", name) for name in ("name", "role", "kind", "options", "missing", "recode", "wording")),
    ("CoherenceRule", "name"), ("CoherenceRule", "note"), ("AssociationSpec", "note"),
    *(("RegressionSpec", name) for name in ("name", "family", "errors", "note")),
    *(("Equivalence", name) for name in ("share", "mean_sd", "gap", "sd_ratio", "effect", "reason")),
}  # fmt: skip
#: Where the data come from: a file or data set that is not there.
SOURCE: set[Field] = {("SourceSpec", "use"), ("SourceSpec", "sha256")}


def field_of(route: Route) -> Field:
    """The innermost field of a model on the way to a route."""
    fields = {place: field for place, _, _, field in PLACES if field is not None}
    return next(fields[route[:length]] for length in range(len(route), 0, -1) if route[:length] in fields)
