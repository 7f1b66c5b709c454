"""docs/profile.md, made from the typed model: an introduction, then every key with type, default, unit and meaning.

Knows the model and the words around it. The committed page is compared with this text by a test.
"""

from __future__ import annotations

from msgspec import Struct

from launcher.profile.keys import Key, Shape, describe, keys_of
from launcher.profile.later import KEYS, VALUES
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
from launcher.profile.names import quote
from launcher.profile.origins import dotted

_SECTIONS: tuple[tuple[str, type[Struct], str], ...] = (
    ("[launcher]", Settings, ""),
    ("[launcher.log]", Log, "[docs/logs.md](logs.md) says what is in them."),
    ("[launcher.log] levels", Levels, 'For example `levels = { probes = "debug", loop = "warning" }`.'),
    ("[launcher.api]", Api, "See [api.md](api.md)."),
    ("[launcher.history]", History, "See [history.md](history.md)."),
    ("[launcher.notify]", Notify, "See [history.md](history.md#notices)."),
    ("[services.NAME] and [defaults]", Defaults, "`[defaults]` takes the same keys and lies under every service."),
    ("depends_on.NAME", Dependency, 'Short: `depends_on = ["db"]`, or `depends_on = { db = "healthy" }`.'),
    ("health", Health, ""),
    ("restart", Restart, 'Short: `restart = "always"` sets the policy.'),
    ("stop", Stop, ""),
    ("limits", Limits, ""),
)

_INTRODUCTION = """\
# The profile

<!-- Made from launcher/profile/model.py by launcher/profile/reference.py: change those, not this page. -->

A profile is a TOML file, `profiles/NAME.toml`, that describes services: what to run, what each needs first, and how to
tell that it is ready. `launcher start --profile NAME` runs it.

```toml
#:schema ../docs/profile.schema.json
[launcher]
extends = ["base"]                # profiles this one builds on, nearest last

[env]                             # for every service
LOG_LEVEL = "info"

[services.db]
command = "redis-server --port $PORT"
port    = "auto"                  # a free one; the service gets it as $PORT
health  = { tcp = true }          # ready when the port accepts a connection

[services.migrate]
kind       = "task"               # runs to completion
command    = ["python", "-m", "shop.migrate"]
depends_on = ["db"]               # starts when db is healthy

[services.api]
app        = "shop.api:app"       # an ASGI application that the launcher serves
depends_on = { db = "healthy", migrate = "completed" }
health     = { http = "/healthz", interval = "5s" }
env        = { DB_URL = "redis://${services.db.address}/0" }
```

Every relative path is relative to the project, the folder that `profiles/` lies in, whichever file says it.
**Durations** are seconds, or texts: `0.5`, `"500ms"`, `"2s"`, `"1m30s"`. **Sizes** are bytes, or texts: `"512MB"`.

## What lies over what

From the lowest up: the defaults in the tables below, the profiles in `extends`, the profile itself,
`profiles/NAME.local.toml` (for this machine only; keep it out of version control), variables, flags:

```sh
LAUNCHER__SERVICES__API__PORT=9000 launcher start    # case and `-` or `_` make no difference
launcher start --set services.api.port=9000          # a TOML value; what is none is a text
launcher config show --origin                        # the result, and where each value comes from
```

Tables merge key by key, everything else is replaced as a whole. Two choices are made as one: a layer that sets `app`
takes the place of a `command` below it (and the other way round), and one that sets a way to check (`http`, `tcp`,
`exec`, `log`, `notify`) that of the way below; so do `command` and `url` of
`[launcher.notify]`. `[defaults]` lies under every service in the same manner; a service named in `defaults.depends_on`
does not come to depend on itself.

## References

`${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` work outside commands. The dotted ones work everywhere:
`${services.NAME.url}`, `.address` (host:port), `.host`, `.port`, `.urls` (of all replicas, by comma),
`${profile.name}` and `${socket.fd}`.

## [env]

Environment of every service: names and texts. Numbers and `true` or `false` are taken as they are written, so that
`VERSION = 3.10` is `3.10`. A service's own `env` comes on top.
"""


def profile_markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for title, struct, note in _SECTIONS:
        lines = [f"## {title}", "", *([note, ""] if note else [])]
        lines += ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
        lines += [_row(key) for key in keys_of(struct).values()]
        parts.append("\n".join(lines) + "\n")
    parts.append(_later())
    return "\n".join(parts)


def _row(key: Key) -> str:
    cells = (f"`{key.name}`", describe(key), _default(key), key.unit or "-", key.description)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _default(key: Key) -> str:
    default = key.default
    if key.shape in (Shape.TABLE, Shape.TABLES, Shape.TEXTS) or default in (None, "", []):
        return "-"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`[{', '.join(quote(str(item)) if isinstance(item, str) else str(item) for item in default)}]`"
    if isinstance(default, float) and default.is_integer():
        return f"`{int(default)}`"
    return f"`{quote(default) if isinstance(default, str) else default}`"


def _later() -> str:
    lines = ["## Not in this version", "", "Refused with E1006 until they have their effect:", ""]
    lines += [f"- `{'.'.join(str(part) for part in path).replace('*', 'NAME')}`: {does}" for path, does in KEYS.items()]
    for path, values in VALUES.items():
        lines += [f'- `{dotted(path)} = "{value}"`: {does}' for value, does in values.items()]
    return "\n".join(lines) + "\n"
