"""Where an OpenAPI description names things, and how they are given other names.

Pure; knows the specification's tables and references, and not why something is renamed. Examples, defaults and whatever
else is data is never touched, even where it looks like a reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
#: A kind (a section of `components`, or one of those below) and a name.
Key = tuple[str, str]

#: Kinds of names that stand outside of `components`.
TAGS, OPERATIONS, WEBHOOKS = "tags", "operationIds", "webhooks"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: Keys whose tables hold names of the author's, not words of the specification.
_NAMED = frozenset(
    """
    properties patternProperties $defs definitions dependentSchemas schemas responses parameters requestBodies headers
    securitySchemes links callbacks pathItems paths webhooks content encoding
    """.split()  # noqa: SIM905  (a page of quotes is harder to read)
)
_DATA = frozenset({"example", "default", "enum", "const", "value"})


def operations(document: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Every operation of the paths."""
    for item in document.get("paths", {}).values():
        yield from (item[method] for method in METHODS if isinstance(item.get(method), dict))


def names(document: Mapping[str, Json]) -> Iterator[tuple[Key, Json]]:
    """Everything that has a name, with what it stands for; of tags, operations and webhooks: nothing."""
    for section, table in document.get("components", {}).items():
        for name, value in table.items():
            yield (section, name), value
    yield from (((WEBHOOKS, name), None) for name in document.get("webhooks", {}))
    yield from (((TAGS, tag["name"]), None) for tag in document.get("tags", ()))
    for operation in operations(document):
        yield from (((TAGS, tag), None) for tag in operation.get("tags", ()))
        if "operationId" in operation:
            yield (OPERATIONS, operation["operationId"]), None


def references(node: Json) -> set[Key]:
    """What of `components` a part of a description refers to."""
    found: set[Key] = set()

    class Seen(dict[Key, str]):
        def get(self, key: Key, default: Any = None) -> Any:
            found.add(key)
            return default

    renamed(node, Seen(), prefix="")
    return found


def renamed(node: Json, new: Mapping[Key, str], *, prefix: str, is_named: bool = False) -> Json:
    """Copy a description, or a part, with other names in all that refers to them; its paths stand below `prefix`.

    The tables in which things have their names keep them: whoever merges them gives the new ones.
    """
    if isinstance(node, list):
        return [renamed(each, new, prefix=prefix) for each in node]
    if not isinstance(node, dict):
        return node
    if is_named:
        return {name: renamed(value, new, prefix=prefix) for name, value in node.items()}
    return {key: _value(key, value, new, prefix) for key, value in node.items()}


def _value(key: str, value: Json, new: Mapping[Key, str], prefix: str) -> Json:  # noqa: PLR0911  (a table of keys)
    if key in _DATA or key.startswith("x-") or (key == "examples" and not isinstance(value, dict)):
        return value
    if isinstance(value, str):
        if key in ("$ref", "operationRef"):
            return _reference(value, new, prefix)
        return new.get((OPERATIONS, value), value) if key == "operationId" else value
    if key == "tags" and isinstance(value, list):
        return [_tag(tag, new) for tag in value]
    if key == "security" and isinstance(value, list):
        return [{new.get(("securitySchemes", name), name): scopes for name, scopes in one.items()} for one in value]
    if key == "mapping" and isinstance(value, dict):  # of a discriminator
        return {name: _mapped(target, new, prefix) for name, target in value.items()}
    if key == "components" and isinstance(value, dict):
        return {section: renamed(table, new, prefix=prefix, is_named=True) for section, table in value.items()}
    if key == "examples":  # named ones; what they hold is data, but each may be a reference
        return {
            name: one | {"$ref": _reference(one["$ref"], new, prefix)} if "$ref" in one else one
            for name, one in value.items()
        }
    return renamed(value, new, prefix=prefix, is_named=key in _NAMED)


def _tag(tag: Json, new: Mapping[Key, str]) -> Json:
    if isinstance(tag, dict):
        return tag | {"name": new.get((TAGS, tag["name"]), tag["name"])}
    return new.get((TAGS, tag), tag)


def _mapped(target: str, new: Mapping[Key, str], prefix: str) -> str:
    if "/" in target or "#" in target:
        return _reference(target, new, prefix)
    return new.get(("schemas", target), target)


def _reference(text: str, new: Mapping[Key, str], prefix: str) -> str:
    """Follow a reference to its new name; one out of the document is left as it is."""
    match text.split("/"):
        case ["#", "components", section, name, *rest]:
            key = (section, name.replace("~1", "/").replace("~0", "~"))
            other = new.get(key)
            told = name if other is None else other.replace("~", "~0").replace("/", "~1")
            return "/".join(["#", "components", section, told, *rest])
        case ["#", "paths", path, *rest]:
            return "/".join(["#", "paths", prefix.replace("~", "~0").replace("/", "~1") + path, *rest])
    return text
