"""The JSON Schema of a profile file, made from the typed model, so that editors complete and check it.

It takes what the decoder takes: shorthands, durations and sizes as texts, numbers in an environment. Knows the model
and the forms of `layers`; nothing of values.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from launcher.profile import durations, sizes
from launcher.profile.keys import Key, Shape, choices, keys_of
from launcher.profile.model import (
    Api,
    Defaults,
    Dependency,
    Health,
    History,
    Levels,
    Limits,
    Log,
    Notify,
    Restart,
    Settings,
    Stop,
)

STRUCTS: tuple[type[Struct], ...] = (
    Settings,
    Api,
    Log,
    Levels,
    History,
    Notify,
    Defaults,
    Dependency,
    Health,
    Restart,
    Stop,
    Limits,
)

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
_ROOT = "#/$defs/"


def json_schema() -> dict[str, Any]:
    """The schema of profiles/NAME.toml."""
    _, definitions = msgspec.json.schema_components(STRUCTS, ref_template=_ROOT + "{name}")
    for struct in STRUCTS:
        definition = definitions[struct.__name__]
        definition.pop("required", None)
        for key in keys_of(struct).values():
            definition["properties"][key.name] = _property(key, definition["properties"][key.name])
    definitions["Service"] = definitions.pop("Defaults") | {"title": "Service"}
    service = {"$ref": _ROOT + "Service"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A profile of launcher",
        "type": "object",
        "properties": {
            "launcher": {"$ref": _ROOT + "Settings"},
            "env": {
                "type": "object",
                "description": "Environment of every service; values may use ${…}.",
                "additionalProperties": _TEXTS,
            },
            "defaults": service | {"description": "What every service has unless it says otherwise."},
            "services": {
                "type": "object",
                "description": "The services by name.",
                "propertyNames": {"pattern": "^[A-Za-z0-9_-]+$"},
                "additionalProperties": service,
            },
        },
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _property(key: Key, made: dict[str, Any]) -> dict[str, Any]:
    """The schema of one key: what msgspec made of its type, plus the forms that only a profile has."""
    kept = {name: value for name, value in made.items() if name == "description" or (name == "default" and value)}
    match key:
        case Key(shape=Shape.DURATION):
            texts = {"type": "string", "pattern": durations.PATTERN}
            words = [{"enum": choices(key.type)}] if choices(key.type) else []
            numbers = [way for way in made.get("anyOf", [made]) if way.get("type") == "number"]
            return kept | {"anyOf": [*map(_bare, numbers), texts, *words]}
        case Key(shape=Shape.SIZE):
            texts = {"type": "string", "pattern": sizes.PATTERN}
            return kept | {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, texts]}
        case Key(shape=Shape.TEXTS):
            return kept | {"type": "object", "additionalProperties": _TEXTS}
        case Key(name="depends_on"):
            edge = {"anyOf": [{"$ref": _ROOT + "Condition"}, {"$ref": _ROOT + "Dependency"}]}
            table = {"type": "object", "additionalProperties": edge}
            return kept | {"anyOf": [{"type": "array", "items": {"type": "string"}}, table]}
        case Key(name="restart"):
            return kept | {"anyOf": [{"$ref": _ROOT + "Policy"}, {"$ref": _ROOT + "Restart"}]}
        case _:
            return _without_null(made)


def _bare(way: dict[str, Any]) -> dict[str, Any]:
    """A type with its limits alone: its description and default stand one level up."""
    return {name: value for name, value in way.items() if name not in ("description", "default")}


def _without_null(made: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key is there or it is not."""
    made = {name: value for name, value in made.items() if not (name == "default" and value is None)}
    if "anyOf" not in made:
        return made
    ways = [way for way in made.pop("anyOf") if way != {"type": "null"}]
    return made | (ways[0] if len(ways) == 1 else {"anyOf": ways})
