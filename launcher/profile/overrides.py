"""What is laid over the files: `LAUNCHER__SERVICES__API__PORT=9000`, then `--set services.api.port=9000`.

A value is TOML; what is not TOML is a text. Variables know no case and no `-`, so their names are matched to what the
files have. Knows no environment but the one it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from launcher.errors import BadOverride
from launcher.profile.layers import expand_shorthands, overlay
from launcher.profile.names import match
from launcher.profile.origins import Leaf, Origin, Problems, Table

PREFIX = "LAUNCHER__"
_SEPARATOR = "__"
#: Below these, names are people's own; everything else is a key of ours, in lower case.
_VARIABLES = frozenset({"env", "headers"})


def apply_variables(profile: Table, environ: Mapping[str, str], problems: Problems) -> Table:
    """Lay the `LAUNCHER__…` variables of `environ` over `profile`, in the order of their names."""
    for variable in sorted(name for name in environ if name.upper().startswith(PREFIX)):
        words = variable[len(PREFIX) :].split(_SEPARATOR)
        origin = Origin(f"${variable}")
        if not all(words):
            problems.add(
                BadOverride,
                f"${variable} names no key",
                origin=origin,
                remedy="Write LAUNCHER__SERVICES__API__PORT=9000: two underlines between the words, none at the end.",
            )
            continue
        profile = _lay(profile, _matched(words, profile), environ[variable], origin, problems)
    return profile


def apply_sets(profile: Table, sets: Iterable[str], problems: Problems) -> Table:
    """Lay each `path=value` over `profile`, the later over the earlier."""
    for text in sets:
        path, end = _read_path(text)
        origin = Origin(f"--set {text[:end].strip() or text}")
        if not path or text[end : end + 1] != "=":
            problems.add(BadOverride, f"{text}: expected PATH=VALUE", origin=Origin("--set"))
            continue
        profile = _lay(profile, path, text[end + 1 :].strip(), origin, problems)
    return profile


def _lay(profile: Table, path: tuple[str, ...], text: str, origin: Origin, problems: Problems) -> Table:
    if not _is_text(text):
        problems.add(BadOverride, f"{origin}: the value is not UTF-8", origin=origin)
        return profile
    node = _value(text, Origin(origin.place, key=path))
    for depth in range(len(path) - 1, -1, -1):
        node = Table({path[depth]: node}, Origin(origin.place, key=path[:depth]))
    assert isinstance(node, Table)
    if node.get("launcher", "extends"):
        problems.add(
            BadOverride,
            "launcher.extends: can only stand in a profile's file",
            origin=origin,
            remedy="Write a profile that extends both, or choose another one with --profile.",
        )
        return profile
    return _keeping_places(profile, overlay(profile, expand_shorthands(node)))


def _read_path(text: str) -> tuple[tuple[str, ...], int]:
    """The key that a `path=value` begins with, and where it ends; nothing where it is none."""
    from launcher.profile.positions import read_key  # noqa: PLC0415  (where something is set)

    try:
        return read_key(text)
    except ValueError:
        return (), 0


def _is_text(text: str) -> bool:
    """Whether the bytes that the system gave were a text: what were none became lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(text: str, origin: Origin) -> Leaf | Table:
    import tomllib  # noqa: PLC0415  (where something is set)

    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return Leaf(text, origin, written=text)
    if read.keys() != {"value"}:  # a text with a line end in it, that goes on as a key of its own
        return Leaf(text, origin, written=text)
    value = read["value"]
    return _inline(value, origin) if isinstance(value, dict) else Leaf(value, origin, written=text)


def _inline(value: Mapping[str, object], origin: Origin) -> Table:
    keys: dict[str, Leaf | Table] = {}
    for name, inner in value.items():
        own = Origin(origin.place, key=(*origin.key, name))
        keys[name] = _inline(inner, own) if isinstance(inner, dict) else Leaf(inner, own)
    return Table(keys, origin)


def _keeping_places(below: Table, merged: Table) -> Table:
    """A table that an override only passes through stands where its file has it."""
    keys = dict(merged.keys)
    for name, node in keys.items():
        lower = below.keys.get(name)
        if isinstance(node, Table) and isinstance(lower, Table) and node is not lower:
            keys[name] = _keeping_places(lower, node)
    return Table(keys, below.origin)


def _matched(words: list[str], profile: Table) -> tuple[str, ...]:
    """The words of a variable as the key path they stand for."""
    path: tuple[str, ...] = ()
    for index, word in enumerate(words):
        parent = path[-1] if path else ""
        present = profile.table(*path)
        if parent in _VARIABLES:
            rest = _SEPARATOR.join(words[index:])  # the name of a variable may hold the separator itself
            return (*path, match(rest, present) or rest)
        if path == ("services",):
            path = (*path, match(word, present) or word)
        elif parent == "depends_on":
            path = (*path, match(word, present) or match(word, profile.table("services")) or word)
        else:
            path = (*path, word.lower())
    return path
