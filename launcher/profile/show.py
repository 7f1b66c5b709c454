"""The resolved profile as TOML again: what `config show` prints, secrets masked, origins as comments.

Read back, the text means the same profile (what was masked apart). What is neither written anywhere nor derived is
left out: built-in defaults stand in docs/profile.md.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from launcher.profile.keys import Shape, keys_of
from launcher.profile.names import quote, quote_key
from launcher.profile.origins import Path, dotted
from launcher.profile.secrets import MASK, is_credential, mask_env, mask_path, mask_urls

if TYPE_CHECKING:
    from toml import TomlEncoder

    from launcher.profile.loaded import Loaded


#: Where chats take messages, whoever knows the path may post.
_NOTICES_GO_TO: Path = ("launcher", "notify", "url")
#: Whoever knows it may command the launcher.
_ADMITS: Path = ("launcher", "api", "token")
#: Shown, for then the secret stands elsewhere.
_IS_VARIABLE = re.compile(r"\$\{\w+\}").fullmatch


def render(loaded: Loaded, *, with_origins: bool = False) -> str:
    """The profile as TOML; `with_origins` puts `# file:line` behind every value."""
    profile = loaded.profile
    page = _Page(loaded, with_origins=with_origins)
    page.struct(profile.settings, ("launcher",))
    page.table(mask_env(profile.env, profile.settings.secret), ("env",))
    for name, service in profile.services.items():
        page.struct(service, ("services", name), always=True)
    return "\n".join(page.lines).lstrip("\n") + "\n"


class _Page:
    """The lines so far."""

    __slots__ = ("_encoder", "_origins", "_secret", "_with_origins", "lines")

    def __init__(self, loaded: Loaded, *, with_origins: bool) -> None:
        self.lines: list[str] = []
        self._origins = loaded.origins
        self._secret = frozenset(loaded.profile.settings.secret)
        self._with_origins = with_origins
        self._encoder = _encoder()

    def struct(self, value: Struct, path: Path, *, always: bool = False) -> None:
        """A table of ours: plain values first, then tables. `always`: even with nothing in it."""
        plain: dict[str, Any] = {}
        tables: list[tuple[Path, Any]] = []
        for name, key in keys_of(type(value)).items():
            content = getattr(value, name)
            own = (*path, name)
            if name == "extends" or (content == key.default and own not in self._origins):
                continue  # what it extends is in it already
            if key.shape in (Shape.TABLE, Shape.TABLES, Shape.TEXTS):
                tables.append((own, content))
            else:
                plain[name] = content
        self.table(plain, path, always=always and not tables)
        for own, content in tables:
            self.inner(own, content)

    def inner(self, path: Path, content: Any) -> None:
        if isinstance(content, Struct):
            self.struct(content, path)
        elif path[-1] == "depends_on":
            for name, edge in content.items():
                self.struct(edge, (*path, name), always=True)
        elif path[-1] == "headers":
            hidden = {name for name in content if is_credential(name)}
            self.table(mask_env(content, hidden), path)
        else:
            self.table(mask_env(content, self._secret), path)

    def table(self, values: dict[str, Any], path: Path, *, always: bool = False) -> None:
        """A header and its values; nothing for an empty table, unless `always`."""
        values = {name: value for name, value in values.items() if value is not None}
        if not values and not always:
            return
        self.lines += ["", f"[{dotted(path)}]" + (self.comment(path) if not values else "")]
        for name, value in values.items():
            shown = mask_path(value) if (*path, name) == _NOTICES_GO_TO else value
            if (*path, name) == _ADMITS and value and not _IS_VARIABLE(value):
                shown = MASK
            self.lines.append(f"{quote_key(name)} = {self.value(shown)}{self.comment((*path, name))}")

    def value(self, value: Any) -> str:
        return str(self._encoder.dump_value(_plain(value)))

    def comment(self, path: Path) -> str:
        if not self._with_origins:
            return ""
        return f"  # {self._origins[path]}" if path in self._origins else "  # derived"


def _plain(value: Any) -> Any:
    """A value in TOML's own types: no enums, whole numbers without `.0`, no passwords in URLs."""
    match value:
        case Enum():
            return str(value.value)
        case str():
            return mask_urls(value)
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _encoder() -> TomlEncoder[dict[str, Any]]:
    """The encoder of `toml` with lists and texts of our own: 0.10.2 raises IndexError at a lone control character."""
    from toml import TomlEncoder  # noqa: PLC0415  (used by one command only)

    encoder: TomlEncoder[dict[str, Any]] = TomlEncoder()
    encoder.dump_funcs[str] = quote
    encoder.dump_funcs[list] = lambda items: f"[{', '.join(str(encoder.dump_value(item)) for item in items)}]"
    return encoder
