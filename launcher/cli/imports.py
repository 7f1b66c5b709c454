"""`config check --imports`: import every `app` in a process that is thrown away, and look at its routes.

Each is imported by its own interpreter, in its directory and with its environment, as at a start; what it prints is
shown only if it fails, without secrets. No port is bound and nothing is served.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from textwrap import indent
from threading import Event, Timer
from typing import IO, TYPE_CHECKING

from msgspec.structs import replace

from launcher.errors import AppNotImported, Caution, LauncherError, ProblemsFound, RouteHidden
from launcher.host import SERVE
from launcher.host.conflicts import Mounted, conflicts
from launcher.host.examine import EXIT_CANNOT_SERVE
from launcher.host.routes import Route
from launcher.observe.redact import Redactor
from launcher.orchestrator.launches import build_launch, secrets_of
from launcher.plan.text import count
from launcher.profile.model import EngineName
from launcher.profile.prefixes import normal_prefix
from launcher.world import SystemWorld

if TYPE_CHECKING:
    from launcher.orchestrator.orders import Launch
    from launcher.plan.model import Plan

#: How long an import may take, in seconds, where the service has no `ready_timeout`.
PATIENCE = 60.0
#: How many of the last lines that an app has printed are shown when it fails.
SHOWN = 20


def check_imports(plan: Plan) -> None:
    """Print what was found of each app; raises ProblemsFound with every app that fails and every route in conflict."""
    apps = {name: service.app for name, service in plan.services.items() if service.app is not None}
    width = max(map(len, apps), default=0)
    problems: list[LauncherError] = []
    ports: dict[object, list[Mounted]] = {}
    for name, app in apps.items():
        service = plan.services[name]
        try:
            routes = _examine(plan, name)
        except LauncherError as error:
            problems.append(error)
            continue
        told = "its routes cannot be told" if routes is None else count(len(routes), "route")
        print(f"{name:<{width}}  {app}  {told}", flush=True)
        port = name if service.prefix is None else plan.instances_of(name)[0].port
        ports.setdefault(port, []).append(Mounted(name, normal_prefix(service.prefix or ""), routes or ()))
    for mounted in ports.values():
        problems += _conflicts(plan.root, mounted)
    if not apps:
        print("no service is an app: there is nothing to import")
    if problems:
        raise ProblemsFound(problems)


def _conflicts(root: str, port: Sequence[Mounted]) -> list[LauncherError]:
    """Find the conflicts of what one port serves; what an app does when it runs alone, too, is but a warning."""
    found: list[LauncherError] = []
    for conflict in conflicts(port):
        sentence = conflict.sentence.replace(f"({root}/", "(")
        if conflict.is_between:
            found.append(RouteHidden(sentence, remedy=conflict.remedy))
        else:
            print(Caution(RouteHidden.code, f"{sentence}. {conflict.remedy}"), file=sys.stderr)
    return found


def _examine(plan: Plan, service: str) -> tuple[Route, ...] | None:
    """Import the app of a service; its routes, None where they cannot be told. Raises AppNotImported."""
    world = SystemWorld(Path(plan.root), os.environ, procfile=plan.procfile)
    # As it would be started alone, whomever it shares a process with.
    alone = replace(plan.instances_of(service)[0], engine=EngineName.LOCAL, group="")
    plan = replace(plan, instances={alone.name: alone})
    prepared = build_launch(plan, alone.name, 0, world=world, probe_env={})
    patience = plan.services[service].ready_timeout or PATIENCE
    # Files, since a pipe ends only when all that the app has started is gone.
    with TemporaryFile() as answer, TemporaryFile() as output:
        code = _run(prepared.launch, patience, answer, output)
        told, printed = _content(answer), _content(output).decode("utf-8", "replace")
    if code == 0 and told:
        fields = json.loads(told)
        return None if fields is None else tuple(Route(path, tuple(methods), *rest) for path, methods, *rest in fields)
    redactor = Redactor()
    redactor.learn(secrets_of(prepared, plan.secrets))
    lines = redactor.text(printed).splitlines()
    app = plan.services[service].app
    if code is None:
        why = f'"{app}" was not imported within {patience:g} s'
    elif code == EXIT_CANNOT_SERVE and lines and lines[-1].startswith("cannot serve "):
        why = lines.pop()
    else:
        ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        why = f'"{app}" ended its process while it was imported ({ended})'
    shown = indent("\n".join(["", *lines[-SHOWN:]]), "      ") if lines else ""
    raise AppNotImported(f"{service}: {why}{shown}")


def _run(launch: Launch, patience: float, answer: IO[bytes], output: IO[bytes]) -> int | None:
    """Run the import to its end, with all that it leaves behind; its exit code, None if it took too long."""
    python, *words = launch.argv
    words.insert(words.index(SERVE) + 1, "--examine")
    try:
        child = subprocess.Popen(
            [python, *words],
            cwd=launch.directory,
            env=launch.env,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise AppNotImported(f"cannot run {python} for {launch.instance}: {error.strerror}") from error
    is_late = Event()

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def give_up() -> None:
        is_late.set()
        kill()

    timer = Timer(patience, give_up)
    timer.start()
    try:
        code = child.wait()
    finally:
        timer.cancel()
        kill()
        child.wait()
    return None if is_late.is_set() else code


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
