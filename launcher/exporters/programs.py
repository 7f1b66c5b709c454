"""How each instance of a plan is run on a target: its command or served app, directory and environment.

Shared by all exporters; what differs between targets (which Python, which address, who binds the port) is a `Place`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from posixpath import join

from msgspec import Struct

from launcher.errors import Caution, LauncherError, NotExportable, ProblemsFound, SecretExported, SuppliedOutside
from launcher.exporters.base import Options
from launcher.exporters.shell import Start
from launcher.exporters.variables import Environment, Value, Variable, literal
from launcher.host import channel_of
from launcher.plan.hosts import words_of
from launcher.plan.model import Instance, Plan
from launcher.plan.mounting import mounted
from launcher.plan.resolve import addresses
from launcher.profile.model import Service
from launcher.profile.secrets import mask_urls


class Place(Struct, frozen=True, kw_only=True):
    """Where the processes will run."""

    target: str
    #: The words that start the host in the Python of a service.
    host: Callable[[Service], tuple[str, ...]]
    #: The project's folder there; empty: where the processes are started anyway.
    root: str
    #: The folder where hosts of several apps listen, where there are any.
    run: str = ""
    table: dict[str, str]
    #: The port of an instance as its process gets it; None: it has none.
    port: Callable[[Instance], Value | None]
    #: The address an app binds; None: its socket is handed over.
    bind: Callable[[Instance], str | None]


class Program(Struct, frozen=True, kw_only=True):
    """One instance, ready to be written in a target's language."""

    instance: Instance
    service: Service
    #: Empty: `command` is for the shell.
    argv: tuple[Value, ...]
    command: str
    #: Empty: where it is started anyway.
    directory: Value
    variables: tuple[Variable, ...]
    user: Value
    environment: Environment

    def start(self, *before: str) -> Start:
        """The whole of it, for a shell."""
        return Start(
            argv=self.argv,
            command=self.command,
            directory=self.directory,
            variables=self.variables,
            before=before,
        )


def here(plan: Plan, options: Options, target: str, *, bind: bool) -> Place:
    """On this machine, in the project's folder."""

    def host(service: Service) -> tuple[str, ...]:
        return (options.pythons.get(service.python or plan.python, "python3"), "-u", options.serve)

    return Place(
        target=target,
        host=host,
        root=plan.root,
        run="" if options.agent is None else options.agent.run,
        table=addresses(plan),
        port=lambda one: None if one.port is None else (str(one.port),),
        bind=(lambda one: f"127.0.0.1:{one.port}") if bind else (lambda _one: None),
    )


def programs(plan: Plan, options: Options, place: Place) -> tuple[list[Program], list[Caution]]:
    """All instances of a plan; raises ProblemsFound with everything that cannot be exported."""
    problems: list[LauncherError] = []
    found: list[Program] = []
    for one in plan.instances.values():
        try:
            found.append(_program(plan, one, options, place))
        except LauncherError as error:
            problems.append(error)
    if problems:
        raise ProblemsFound(problems)
    return found, _withheld(found, place.target)


def _program(plan: Plan, one: Instance, options: Options, place: Place) -> Program:
    service = plan.services[one.service]
    environment = Environment(plan, one, table=place.table, port=place.port(one), with_secrets=options.with_secrets)
    argv: tuple[Value, ...] = ()
    command = ""
    if isinstance(service.command, list):
        argv = tuple((environment.command(text),) if text else () for text in service.command)
    elif service.command is not None:
        command = environment.command(service.command)
    elif one.is_host:
        words = words_of(plan, one, channel_of(place.run, one.group))
        argv = (*((word,) for word in (*place.host(service), *words)), *_shared(plan, one, options, place))
    else:
        argv = _served(one, service, environment, place)
    _refuse_secrets(one, {"command": [command, *(literal(text) or "" for text in argv)], **_checks(service)}, options)
    return Program(
        instance=one,
        service=service,
        argv=argv,
        command=command,
        directory=_below(place.root, environment.text(service.directory, "directory")),
        variables=tuple(environment.variables),
        user=environment.text(service.user, "user") or ((options.user,) if options.user else ()),
        environment=environment,
    )


def _shared(plan: Plan, host: Instance, options: Options, place: Place) -> Iterator[Value]:
    """What is to be imported before a host forks: the modules named, or the apps that it is to be found from."""
    forks = plan.forks_of(host.group)
    for module in (plan.preload or ()) if forks else ():
        yield from (("--preload",), (module,))
    for one in forks if plan.preload is None else ():
        service = plan.services[one.service]
        env = Environment(plan, one, table=place.table, port=place.port(one), with_secrets=options.with_secrets)
        paths = [
            env.text(service.directory, "directory"),
            *(env.text(path, "pythonpath") for path in service.pythonpath),
        ]
        yield from (("--share",), (service.app or "",), *(_below(place.root, path) for path in paths))


def _served(one: Instance, service: Service, environment: Environment, place: Place) -> tuple[Value, ...]:
    """The command line of the host. It is started in the app's directory, which is first on the path by default."""
    words: list[Value] = [(text,) for text in (*place.host(service), service.app or "")]
    for path in service.pythonpath:
        folder = environment.text(path, "pythonpath")
        text = literal(folder) or ""
        up = "" if place.root or text.startswith("/") else _up(one, environment.text(service.directory, "directory"))
        words += [("--pythonpath",), _below(place.root, folder) if place.root else (up, *folder)]
    words += [("--drain",), (f"{service.stop.drain:g}",)]
    words += [(word,) for word in mounted(service)]
    if address := place.bind(one):
        port = place.port(one) or ()
        words += [("--bind",), (f"{address.rpartition(':')[0]}:", *port)]
    return tuple(words)


def _up(one: Instance, directory: Value) -> str:
    """The way from a service's folder to the project's, where nobody knows where that lies."""
    text = literal(directory)
    if text is None or text.startswith("/") or ".." in text.split("/"):
        raise NotExportable(
            f"services.{one.service}.pythonpath: from its directory {text or 'known only to the target'} no way leads "
            "back to the project",
            remedy="Give the service a directory within the project.",
        )
    return "../" * len([part for part in text.split("/") if part not in ("", ".")])


def _below(root: str, path: Value) -> Value:
    text = literal(path)
    if text is None:
        return (f"{root}/", *path) if root else path
    if text in ("", "."):
        return (root,) if root else ()
    return (join(root, text),)


def _checks(service: Service) -> dict[str, list[str]]:
    """The texts of a service, besides its command, that a target runs or asks."""
    health = service.health
    asked = [] if health is None else [health.http or "", *health.headers.values()]
    if health is not None and health.exec is not None:
        asked += [health.exec] if isinstance(health.exec, str) else health.exec
    return {"health": asked, "stop.command": [service.stop.command]}


def _refuse_secrets(one: Instance, texts: dict[str, list[str]], options: Options) -> None:
    """A password in a command is in a log or a list of processes sooner or later; an export does not spread it."""
    for key, found in texts.items():
        for text in found:
            if not options.with_secrets and mask_urls(text) != text:
                raise SecretExported(f"services.{one.service}.{key} holds a password: {mask_urls(text)}")


def _withheld(found: list[Program], target: str) -> list[Caution]:
    """Tell which secrets the target has to have from elsewhere."""
    holders: dict[str, list[str]] = {}
    for program in found:
        for variable in program.variables:
            if variable.withheld:
                holders.setdefault(variable.name, []).append(program.instance.label)
    return [
        Caution(
            SuppliedOutside.code,
            f"{name} is secret, so it is not in the export: {', '.join(labels)} must find it in the environment that "
            f"{target} gives",
        )
        for name, labels in holders.items()
    ]
