"""One OpenAPI description out of several, each of a component under a prefix.

Pure. Paths get their prefix; names that two components use for different things (schemas and all other `components`,
tags, operationIds) get the component's before them, and whatever refers to them follows. What is the same in two
components, as FastAPI's `ValidationError`, stays one. Examples and defaults are data and are not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from .openapi_refs import OPERATIONS, TAGS, WEBHOOKS, Key, names, operations, references, renamed

Json = Any
#: What is renamed in one description.
_New = dict[Key, str]
_ADDRESSES = ("authorizationUrl", "tokenUrl", "refreshUrl", "openIdConnectUrl")


class Described(NamedTuple):
    """A component, where it is mounted ("" for the root), and its description."""

    component: str
    prefix: str
    document: dict[str, Json]


def fault_of(document: Json) -> str:
    """Why a document cannot be merged; empty if it can."""
    if not isinstance(document, dict):
        return "what it answers is no description"
    if "swagger" in document:
        return f"it describes itself in Swagger {document['swagger']}, which is older than OpenAPI 3"
    if not str(document.get("openapi", "")).startswith("3.") or not isinstance(document.get("paths", {}), dict):
        return "what it answers is no OpenAPI 3 description"
    return ""


def merge(described: Sequence[Described], *, title: str, skipped: Mapping[str, str], base: str = "") -> dict[str, Json]:
    """Merge descriptions that have no fault; `skipped` are components without one and why, `base` the port's own path.

    The result is of the newest version among them.
    """
    local = [one._replace(document=_localised(one)) for one in described]
    merged: dict[str, Json] = {
        "openapi": max((str(one.document["openapi"]) for one in local), key=_version, default="3.1.0"),
        "info": {"title": title, "version": "merged", "description": _introduction(local, skipped)},
        "paths": {},
    }
    if base:
        merged["servers"] = [{"url": base}]
    for one, new in zip(local, _new_names(local), strict=True):
        document = renamed(one.document, new, prefix=one.prefix)
        merged["paths"] |= {one.prefix + path: item for path, item in document.get("paths", {}).items()}
        merged["tags"] = merged.get("tags", []) + document["tags"]
        if hooks := document.get("webhooks"):
            merged["webhooks"] = merged.get("webhooks", {}) | _under(new, WEBHOOKS, hooks)
        for section, table in document.get("components", {}).items():
            kept = merged.setdefault("components", {})
            kept[section] = kept.get(section, {}) | _under(new, section, table)
    return merged


def _under(new: _New, kind: str, table: dict[str, Json]) -> dict[str, Json]:
    return {new.get((kind, name), name): value for name, value in table.items()}


def _introduction(described: Sequence[Described], skipped: Mapping[str, str]) -> str:
    lines = []
    for one in described:
        info = one.document.get("info", {})
        lines.append(
            f"{one.component} at {one.prefix or '/'}: {info.get('title', '')} {info.get('version', '')}".rstrip()
        )
    lines += [f"{component} is not described here: {why}" for component, why in skipped.items()]
    return "\n\n".join(lines)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))


def _localised(one: Described) -> dict[str, Json]:
    """Say at each operation what a description says once for all of them, and where its addresses lead."""
    document = deepcopy(one.document)
    tags = [tag for tag in document.get("tags", []) if isinstance(tag, dict) and "name" in tag]
    for operation in operations(document):
        if not operation.get("tags"):
            operation["tags"] = [one.component]
        if document.get("security"):
            operation.setdefault("security", document["security"])
    known = {tag["name"] for tag in tags}
    if one.component not in known and any(one.component in operation["tags"] for operation in operations(document)):
        tags.append({"name": one.component, "description": document.get("info", {}).get("description", "")})
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name, scheme in schemes.items():
        schemes[name] = _placed(scheme, one.prefix)
    return document | {"tags": tags}


def _placed(scheme: Json, prefix: str) -> Json:
    """Let the addresses of a security scheme that are relative lead to the component."""
    if isinstance(scheme, list):
        return [_placed(each, prefix) for each in scheme]
    if not isinstance(scheme, dict):
        return scheme
    return {
        key: _address(value, prefix) if key in _ADDRESSES and isinstance(value, str) else _placed(value, prefix)
        for key, value in scheme.items()
    }


def _address(address: str, prefix: str) -> str:
    if "://" in address or address.startswith("//"):
        return address
    path = "/" + address.removeprefix("./").lstrip("/")
    return path if not prefix or path.startswith(f"{prefix}/") else prefix + path


def _new_names(described: Sequence[Described]) -> list[_New]:
    """Tell for each description which of its names another one uses for something else, and what they become."""
    used: dict[Key, dict[int, Json]] = {}
    for number, one in enumerate(described):
        for key, value in names(one.document):
            used.setdefault(key, {})[number] = value
    shared = {key: list(values.values()) for key, values in used.items() if len(values) > 1}
    clashing = {key for key, values in shared.items() if not _is_one_thing(key, values)}
    # What is alike refers to different things where it refers to what clashes.
    refers = {key: references(shared[key]) for key in shared.keys() - clashing}
    while more := {key for key, to in refers.items() if key not in clashing and to & clashing}:
        clashing |= more
    taken = set(used)
    new: list[_New] = [{} for _ in described]
    for kind, name in filter(clashing.__contains__, used):
        for number in used[kind, name]:
            own = f"{described[number].component}_{name}"
            spare = (own, *(f"{own}_{count}" for count in range(2, len(taken) + 3)))
            chosen = next(one for one in spare if (kind, one) not in taken)
            taken.add((kind, chosen))
            new[number][kind, name] = chosen
    return new


def _is_one_thing(key: Key, values: Sequence[Json]) -> bool:
    return key[0] not in (TAGS, OPERATIONS, WEBHOOKS) and all(value == values[0] for value in values)
