"""A Procfile that a Heroku-style host can run: `web` listens on $PORT, tasks are the `release:`, a line per service.

The line holds no path of this machine: the deployed tree has its own Python, with launcher in it where an `app` is
served.
"""

from __future__ import annotations

from launcher.errors import Caution, NameChanged
from launcher.exporters.base import File, Options, Refusals, Rendered
from launcher.exporters.losses import Feature, lost_of
from launcher.exporters.merged import MODULE, WEB, beside, merge
from launcher.exporters.programs import Place, programs
from launcher.exporters.shell import Start, line
from launcher.exporters.variables import Outside, Value
from launcher.plan.model import Instance, Plan
from launcher.plan.resolve import addresses

TARGET = "a Procfile"
#: The one that runs before the others; WEB is the one that gets requests from outside.
RELEASE = "release"

_KEPT = frozenset({Feature.ENV_FILE, Feature.STAYS_DOWN})
#: What whoever runs Procfiles does anyway, and what its command line counts.
_OF_A_PROCFILE = frozenset({Feature.ON_EXIT, Feature.GRACE, Feature.REPLICAS})


#: What serves a merged app.
_SERVED = Start(
    argv=(
        *((word,) for word in ("python", "-u", "-m", "uvicorn", f"{MODULE}:app", "--host", "0.0.0.0", "--port")),  # noqa: S104  (as every `web`)
        (Outside("PORT"),),
    )
)


class Procfile:
    """The exporter `procfile`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """One Procfile; with components in the plan, the module that serves them all, too."""
        merged = merge(plan, options) if any(one.is_component for one in plan.instances.values()) else None
        table, whole = addresses(plan), plan
        if merged is not None:
            plan = beside(plan, merged)
            table |= {f"services.{name}.url": url for name, url in merged.urls.items()}
        found, notes = programs(plan, options, _place(plan, table))
        lines: list[str] = []
        refusals = Refusals()
        release: list[str] = []
        for name in [name for layer in plan.layers for name in layer] if not plan.procfile else plan.services:
            program = next(one for one in found if one.service is plan.services[name])
            with refusals.of(name):
                text = line(program.start())
                if program.service.is_task:
                    release.append(text)
                else:
                    lines.append(f"{_type(name, plan, notes)}: {text}")
        refusals.tell()
        if merged is not None:
            lines.insert(0, f"{WEB if WEB not in plan.services else MODULE}: {line(_SERVED)}")
        if release:
            lines.insert(
                0, f"{RELEASE}: {release[0] if len(release) == 1 else ' && '.join(f'( {one} )' for one in release)}"
            )
        secret = any(program.environment.holds_secrets for program in found)
        content = "".join(f"{one}\n" for one in lines)
        return Rendered(
            files=(File(name="Procfile", content=content, private=secret), *([merged.file] if merged else [])),
            losses=(
                *lost_of(whole, plan.services, TARGET, kept=_KEPT | _OF_A_PROCFILE if plan.procfile else _KEPT),
                *(merged.losses if merged else ()),
            ),
            notes=(*notes, *(merged.notes if merged else ())),
        )


def _type(name: str, plan: Plan, notes: list[Caution]) -> str:
    if name != RELEASE or plan.procfile or not any(service.is_task for service in plan.services.values()):
        return name
    notes.append(Caution(NameChanged.code, f'service {name} is called "{name}-service": "{RELEASE}" holds the tasks'))
    return f"{name}-service"


def _place(plan: Plan, table: dict[str, str]) -> Place:
    def port(one: Instance) -> Value | None:
        if one.port is None:
            return None
        # Of a Procfile, whoever runs it counts the ports.
        return (Outside("PORT"),) if one.service == WEB or plan.procfile else (str(one.port),)

    return Place(
        target="the host",
        host=lambda _service: ("python", "-u", "-m", "launcher.host.serve"),
        root="",
        table=table,
        port=port,
        bind=lambda one: "0.0.0.0:" if one.service == WEB else "127.0.0.1:",
    )
