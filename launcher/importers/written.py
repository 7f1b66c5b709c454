"""Imported values as the text of a profile: keys in the order of docs/profile.md, comments where they belong.

Values are rendered by tomlkit. Knows the model's order of keys, and no format that values came from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from launcher.importers.base import Imported
from launcher.profile.keys import keys_of
from launcher.profile.model import Dependency, Health, Limits, Restart, Service, Settings, Stop
from launcher.profile.names import quote, quote_key

SCHEMA = "../docs/profile.schema.json"

#: As wide as the shipped profiles; what would be wider gets a table of its own.
WIDTH = 120

#: Control characters, but for the tab.
_NOT_IN_COMMENTS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_TABLES = {"health": Health, "restart": Restart, "stop": Stop, "limits": Limits}


def to_toml(imported: Imported, *, origin: str) -> str:
    """The profile's text; `origin` is what it says it was imported from."""
    lines = [f"#:schema {SCHEMA}", *_comment([f"# Imported from {origin} by `launcher import`."])]
    if imported.head:
        lines += ["#", *_comment(imported.head)]
    lines += _table("launcher", _ordered(imported.settings, Settings))
    lines += _table("env", imported.env)
    lines += _table("defaults", _ordered(imported.defaults, Service))
    for name, service in imported.services.items():
        lines += _service(name, service, _comment(imported.above.get(name, ())))
    if imported.left_out:
        lines += ["", "# Left out, because they cannot run as processes here:"]
    for name, service in imported.left_out.items():
        lines += ["", *_comment(imported.above.get(name, ()))]
        written = "\n".join(_service(name, service, [])[1:])  # a text may have several lines
        lines += [f"# {line}".rstrip() for line in written.split("\n")]
    if imported.foot:
        lines += ["", *_comment(imported.foot)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _comment(lines: Iterable[str]) -> list[str]:
    """Comment lines without what TOML allows in none."""
    return [_NOT_IN_COMMENTS.sub(" ", line) for line in lines]


def _service(name: str, service: dict[str, Any], above: list[str]) -> list[str]:
    header = f"services.{quote_key(name)}"
    plain: dict[str, Any] = {}
    wide: dict[str, dict[str, Any]] = {}
    for key, value in _ordered(service, Service).items():
        inner = _inner(key, value)
        if isinstance(inner, dict) and len(f"{key} = {_value(inner)}") > WIDTH:
            wide[key] = inner
        else:
            plain[key] = inner
    lines = ["", *above, *_table(header, plain, always=True)[1:]]
    for key, inner in wide.items():
        lines += _table(f"{header}.{key}", inner)
    return lines


def _table(header: str, values: dict[str, Any], *, always: bool = False) -> list[str]:
    if not values and not always:
        return []
    return ["", f"[{header}]", *(f"{quote_key(name)} = {_value(value)}" for name, value in values.items())]


def _inner(key: str, value: Any) -> Any:
    """A table within a service, its own keys in order; `depends_on` short where nothing is said of its edges."""
    if key == "restart" and isinstance(value, dict) and value.keys() == {"policy"}:
        return value["policy"]
    if key in _TABLES and isinstance(value, dict):
        return _ordered(value, _TABLES[key])
    if key == "depends_on" and isinstance(value, dict):
        edges = {name: _edge(edge) for name, edge in value.items()}
        return list(edges) if all(edge == {} for edge in edges.values()) else edges
    return value


def _edge(edge: Any) -> Any:
    if not isinstance(edge, dict):
        return edge
    ordered = _ordered(edge, Dependency)
    return ordered["condition"] if ordered.keys() == {"condition"} else ordered


def _ordered(values: dict[str, Any], struct: Any) -> dict[str, Any]:
    order = list(keys_of(struct))
    return {name: values[name] for name in sorted(values, key=order.index)}


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{quote_key(name)} = {_value(item)}' for name, item in value.items())} }}"
            if value
            else "{}"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    import tomlkit  # noqa: PLC0415  (0.1 s, and only an import writes)

    return str(tomlkit.item(value).as_string())


def _text(text: str) -> str:
    """The most readable spelling that reads back as `text`: literal, of several lines, else with escapes."""
    import tomlkit  # noqa: PLC0415  (as above)

    spellings: list[tuple[bool, str]] = []  # of several lines, what follows the opening quotes
    if "\n" in text.strip("\n"):
        spellings.append((True, "\n"))  # TOML drops the first line break
    elif '"' in text or "\\" in text:
        spellings += [(False, ""), (True, "")][: 1 if text.endswith("'") else 2]  # four quotes puzzle people
    for multiline, opening in spellings:
        try:
            written = tomlkit.string(text, literal=True, multiline=multiline).as_string()
            written = f"{written[:3]}{opening}{written[3:]}" if opening else written
            if tomllib.loads(f"x = {written}") == {"x": text}:
                return written
        except (ValueError, tomllib.TOMLDecodeError):
            continue
    return quote(text)
