"""From the plan to one start: the final environment, command, directory and health check of an instance.

It is made anew at each start, so env files changed meanwhile take effect; the engine adds nothing but what only it
knows (LISTEN_PID). What it needs of the machine it asks of the World; it starts and checks nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from posixpath import join
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from launcher.errors import LauncherError
from launcher.host import SERVE, channel_of
from launcher.orchestrator.orders import App, HeldSocket, Launch, Watch
from launcher.plan.hosts import cut_off, words_of
from launcher.plan.model import Instance, Plan
from launcher.plan.mounting import mounted
from launcher.plan.resolve import addresses, look_up
from launcher.profile.interpolate import expand
from launcher.profile.model import Health, Service
from launcher.profile.secrets import is_credential, is_secret, secret_values, userinfo_in

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import World

#: Where sockets are held and services are looked for.
HOST = "127.0.0.1"
#: How long a service may take to be ready that does not say so, in seconds.
READY_TIMEOUT = 60.0


class Prepared(Struct, frozen=True):
    """A start, and how to tell that it is ready; no health: it is when it has started."""

    launch: Launch
    health: Health | None

    def watch(self, port: int | None) -> Watch | None:
        """What is to be checked of it, if anything is; it has this port."""
        if self.health is None:
            return None
        launch = self.launch
        return Watch(run=launch.run, health=self.health, port=port, directory=launch.directory, env=launch.env)


def build_launch(
    plan: Plan,
    instance: str,
    generation: int,
    *,
    world: World,
    probe_env: Mapping[str, str],
    is_beside: bool = False,
) -> Prepared:
    """Resolve everything that one start of an instance needs; `probe_env` is what its prober wants it to have.

    `is_beside`: it is of a host that begins beside the one that serves, or of a component that starts in that.
    Raises VariableUnset, EnvFileMissing and BadReference: the start cannot be made.
    """
    one = plan.instances[instance]
    service = plan.services[one.service]
    names = _Names(plan)
    env = _environment(plan, one, names, world=world, ours=_ours(plan, one, generation) | dict(probe_env))
    directory = _below(plan.root, names.text(service.directory, env))
    env["PWD"] = directory  # as every shell has it; the launcher's own would be a lie
    launch = Launch(
        instance=instance,
        generation=generation,
        argv=()
        if one.is_hosted
        else (
            *_argv(plan, one, names, directory=directory, env=env, world=world),
            *(("--beside",) if is_beside else ()),
        ),
        app=replace(_app(plan, one, names, directory=directory, env=env), is_beside=is_beside)
        if one.is_hosted
        else None,
        shell=names.command(service.command) if isinstance(service.command, str) else "",
        directory=directory,
        env=env,
        sockets=(HeldSocket(one.service, HOST, one.port),) if service.holds_socket and one.port else (),
        user=names.text(service.user, env),
        limits=service.limits,
        as_honcho=plan.procfile,
    )
    return Prepared(launch, _resolved(service, names, env))


def secrets_of(prepared: Prepared, names: Sequence[str]) -> frozenset[str]:
    """Every text of a start that nobody may be told; `names` are the variables that the profile calls secret."""
    launch, health = prepared.launch, prepared.health
    found = set(secret_values(launch.env, names))
    for text in (launch.shell, *launch.argv):
        found |= userinfo_in(text)
    if health is not None:
        for text in (health.http or "", *([health.exec] if isinstance(health.exec, str) else health.exec or ())):
            found |= userinfo_in(text)
        found.update(value for name, value in health.headers.items() if is_secret(name, names) or is_credential(name))
    return frozenset(found)


def user_of(plan: Plan, instance: str, generation: int, *, world: World) -> str:
    """Tell whom an instance runs as, which its prober must know before a start is built; raises as `build_launch`."""
    one = plan.instances[instance]
    template = plan.services[one.service].user
    if "$" not in template:
        return template
    names = _Names(plan)
    return names.text(template, _environment(plan, one, names, world=world, ours=_ours(plan, one, generation)))


def environment_of(plan: Plan, world: World) -> dict[str, str]:
    """The environment that all services share: env files and [env] over what is inherited."""
    env = _from_files(plan, world)
    names, below = _Names(plan), dict(env)
    env.update({name: names.text(value, below) for name, value in plan.env.items()})
    return env


def health_of(service: Service) -> Health | None:
    """Tell how a service shows that it is ready: an `app` without a check is when its host reports so."""
    if service.health is None and service.app is not None:
        return Health(notify=True)
    return service.health


def ready_timeout_of(service: Service) -> float | None:
    """Tell how long a service may take to be ready, in seconds.

    A task has a deadline only where the profile says so: a migration takes what it takes.
    """
    if service.ready_timeout is not None:
        return service.ready_timeout
    return None if service.is_task else READY_TIMEOUT


class _Names:
    """Expands the templates of one plan. Most have no dotted name, so the table is made when the first is met."""

    __slots__ = ("_plan", "_table")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._table: dict[str, str] = {}

    def text(self, template: str, variables: Mapping[str, str]) -> str:
        return expand(template, variables=variables, dotted=self._dotted)

    def command(self, template: str) -> str:
        return expand(template, variables=None, dotted=self._dotted)

    def _dotted(self, name: str) -> str:
        self._table = self._table or addresses(self._plan, HOST)
        return look_up(name, self._table)


def _ours(plan: Plan, one: Instance, generation: int) -> dict[str, str]:
    """Tell what the launcher itself sets; LISTEN_* are the engine's, which knows the process."""
    port = {} if one.port is None else {"PORT": str(one.port)}
    return port | {
        "HONCHO_PROCESS_NAME": one.name,
        "LAUNCHER_PROFILE": plan.profile,
        "LAUNCHER_SERVICE": one.service,
        "LAUNCHER_INSTANCE": one.name,
        "LAUNCHER_GENERATION": str(generation),
    }


def _environment(plan: Plan, one: Instance, names: _Names, *, world: World, ours: Mapping[str, str]) -> dict[str, str]:
    """Put the layers on top of each other.

    A value may use the variables of the layers below its own, its own name's lower value included, and what the
    launcher sets: that has the last word, so `${PORT}` is the service's port and never an inherited one.
    """
    env = _from_files(plan, world)
    for layer in (plan.env, plan.services[one.service].env):
        if layer:
            below = {**env, **ours}
            env.update({name: names.text(value, below) for name, value in layer.items()})
    env.update(ours)
    return env


def _from_files(plan: Plan, world: World) -> dict[str, str]:
    env = dict(world.environ())
    for path in plan.env_files:
        env.update(world.env_file(path))
    return env


def _argv(
    plan: Plan, one: Instance, names: _Names, *, directory: str, env: Mapping[str, str], world: World
) -> tuple[str, ...]:
    service = plan.services[one.service]
    if isinstance(service.command, list):
        return tuple(names.command(word) for word in service.command)
    if service.app is None and not one.is_host:
        return ()
    # -u: what an app prints is seen when it prints it, for its output is a pipe.
    words = (world.python_for(service.python or plan.python or None), "-u", SERVE)
    if service.app is None:
        channel = channel_of(world.run_folder(), one.group)
        shared = _shared(plan, plan.forks_of(one.group), names, world=world)
        return (*words, *words_of(plan, one, channel), *shared)
    first, *others = _paths(plan, service, names, directory, env)
    more = (word for path in others for word in ("--pythonpath", path))
    return (*words, service.app, "--directory", first, *more, "--drain", f"{service.stop.drain:g}", *mounted(service))


def _shared(plan: Plan, forks: Sequence[Instance], names: _Names, *, world: World) -> Iterator[str]:
    """What is to be imported before these are forked: the modules named, or the apps that it is to be found from."""
    for module in (plan.preload or ()) if forks else ():
        yield from ("--preload", module)
    for one in forks if plan.preload is None else ():
        service = plan.services[one.service]
        try:
            env = _environment(plan, one, names, world=world, ours=_ours(plan, one, 0))
            folder = _below(plan.root, names.text(service.directory, env))
            paths = _paths(plan, service, names, folder, env)
        except LauncherError:
            continue  # its own start will say so
        yield from ("--share", service.app or "", *paths)


def _app(plan: Plan, one: Instance, names: _Names, *, directory: str, env: Mapping[str, str]) -> App:
    service = plan.services[one.service]
    return App(
        target=service.app or "",
        group=one.group,
        paths=tuple(_paths(plan, service, names, directory, env)),
        drain=service.stop.drain,
        stop_timeout=cut_off(service.stop.grace),
        ready_timeout=ready_timeout_of(service) or READY_TIMEOUT,
        prefix=service.prefix,
        strip_prefix=service.strip_prefix,
    )


def _paths(plan: Plan, service: Service, names: _Names, directory: str, env: Mapping[str, str]) -> list[str]:
    """The folders that come first on the module path of an app."""
    return [directory, *(_below(plan.root, names.text(path, env)) for path in service.pythonpath)]


def _below(root: str, path: str) -> str:
    return root if path in ("", ".") else join(root, path)


def _resolved(service: Service, names: _Names, env: Mapping[str, str]) -> Health | None:
    """Resolve the templates of a check: a command for the shell like a command, the rest like any other text."""
    health = health_of(service)
    if health is None:
        return None
    if health.http is not None:
        headers = {name: names.text(value, env) for name, value in health.headers.items()}
        return replace(health, http=service.asked_at(names.text(health.http, env)), headers=headers)
    if isinstance(health.exec, str):
        return replace(health, exec=names.command(health.exec))
    if health.exec is not None:
        return replace(health, exec=[names.text(word, env) for word in health.exec])
    return health
