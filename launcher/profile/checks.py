"""What keys mean together: one way to run, one way to check, names that exist, references that lead somewhere.

Checks a decoded profile and notes every problem with its origin. Knows nothing of files or of the machine
(`surroundings` checks those), and nothing of order and cycles, which are the plan's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from launcher.errors import (
    BadReference,
    CannotShare,
    ContradictoryKeys,
    DependencyCycle,
    LauncherError,
    ReplicasMerged,
    UnknownDependency,
    UnknownService,
    WrongType,
)
from launcher.profile.addresses import is_loopback, parse_listen
from launcher.profile.decode import Decoded
from launcher.profile.groups import PLACEMENT, forked_group_of, group_of
from launcher.profile.interpolate import ReferenceKind, references
from launcher.profile.layers import WAYS_TO_CHECK
from launcher.profile.model import Api, Health, History, Limits, Notify, Policy, Service
from launcher.profile.names import did_you_mean
from launcher.profile.origins import BUILT_IN, Origin, Path, Problems, dotted
from launcher.profile.prefixes import fault_of_prefix
from launcher.profile.references import fault, texts
from launcher.profile.sizes import LAST_PORT, parse_ports

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_APP = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
_TIMING = ("interval", "timeout", "retries", "start_interval")
_LAST_EXIT_CODE = 255
_STATUSES = range(100, 600)
#: How variables begin that Python, the dynamic linker and the C library read once.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_")
_OWN = 'Put it in [env], for all of them, or give the service placement = "own".'
#: How the address of a store begins.
STORES = ("redis://", "rediss://", "unix://")


class Context:
    """The profile under check, and how to say what is wrong with it."""

    __slots__ = ("origins", "problems", "profile")

    def __init__(self, profile: Decoded, problems: Problems) -> None:
        self.profile = profile
        self.origins = profile.origins
        self.problems = problems

    def at(self, path: Path) -> Origin:
        """Where `path`, or else the table it is missing from, was written."""
        for depth in range(len(path), 0, -1):
            if origin := self.origins.get(path[:depth]):
                return origin
        return BUILT_IN

    def say(self, kind: type[LauncherError], path: Path, sentence: str, *, remedy: str = "") -> None:
        own = self.origins.get(path)
        written = dotted(own.key if own and own.key else path)
        self.problems.add(kind, f"{written}: {sentence}", origin=self.at(path), path=path, remedy=remedy)

    def written(self, path: Path) -> bool:
        """Whether a service itself has the key; what `[defaults]` gives need not make sense for each."""
        origin = self.origins.get(path)
        return origin is not None and origin.key[:1] == ("services",)


def check(profile: Decoded, problems: Problems) -> None:
    """Note everything that is wrong with the profile as such."""
    context = Context(profile, problems)
    _check_settings(context)
    for name, value in profile.env.items():
        _check_variable(context, ("env", name), value)
    for name, service in profile.services.items():
        path: Path = ("services", name)
        if not _NAME.fullmatch(name):
            context.say(WrongType, path, "a service's name has letters, digits, _ and - only")
        _check_run(context, path, service)
        _check_app(context, path, service)
        _check_prefix(context, path, service)
        _check_placement(context, path, service)
        _check_port(context, path, service)
        _check_needs(context, path, service)
        _check_ending(context, path, service)
        if service.health is not None:
            _check_health(context, path, service, service.health)
        for variable, value in service.env.items():
            _check_variable(context, (*path, "env", variable), value)
    _check_references(context)


def _check_settings(context: Context) -> None:
    settings, services = context.profile.settings, context.profile.services
    try:
        parse_ports(settings.ports)
    except WrongType as error:
        context.say(WrongType, ("launcher", "ports"), error.sentence, remedy=error.remedy)
    for name in settings.select or ():
        if name not in services:
            sentence = f"no service `{name}`{did_you_mean(name, services)}"
            context.say(UnknownService, ("launcher", "select"), sentence)
    _check_history(context, settings.history)
    if settings.notify is not None:
        _check_notify(context, settings.notify)
    _check_api(context, settings.api)


def _check_history(context: Context, history: History) -> None:
    if history.store and not history.store.startswith((*STORES, "${")):
        remedy = f"Begin it with {', '.join(STORES)}; leave it out for a file in .launcher."
        context.say(WrongType, ("launcher", "history", "store"), "is no address of a Redis", remedy=remedy)
    _check_address(context, ("launcher", "history", "store"), history.store)


def _check_api(context: Context, api: Api) -> None:
    path: Path = ("launcher", "api")
    for key in ("token", "hosts"):
        if getattr(api, key) and not api.listen:
            context.say(ContradictoryKeys, (*path, key), "is for the API over TCP, and `listen` is not set")
    _check_address(context, (*path, "token"), api.token)
    if not api.listen:
        return
    try:
        host, _ = parse_listen(api.listen)
    except WrongType as error:
        context.say(WrongType, (*path, "listen"), error.sentence, remedy=error.remedy)
        return
    if not is_loopback(host) and not api.token:
        remedy = 'Add token = "${API_TOKEN}", or listen on 127.0.0.1.'
        sentence = f"{host} is reached from other machines, so the API needs a `token`"
        context.say(ContradictoryKeys, (*path, "listen"), sentence, remedy=remedy)


def _check_notify(context: Context, notify: Notify) -> None:
    path: Path = ("launcher", "notify")
    if bool(notify.command.strip()) is bool(notify.url) and not context.problems.touch(path):
        remedy = 'Write command = "…", or url = "https://…".'
        context.say(ContradictoryKeys, path, "needs exactly one of `command` and `url`", remedy=remedy)
    if notify.url and not notify.url.startswith(("http://", "https://", "${")):
        remedy = "Write a URL that begins with http:// or https://."
        context.say(WrongType, (*path, "url"), "is no URL", remedy=remedy)
    if not notify.on and not context.problems.touch((*path, "on")):
        context.say(WrongType, (*path, "on"), "is empty, so nobody would ever be told of anything")
    _check_address(context, (*path, "url"), notify.url)


def _check_address(context: Context, path: Path, text: str) -> None:
    """An address may use variables; it is no service's, so nothing dotted."""
    try:
        found = references(text)
    except BadReference as error:
        context.say(BadReference, path, error.sentence, remedy=error.remedy)
        return
    for reference in found:
        if reference.kind is ReferenceKind.DOTTED:
            remedy = "Use variables of the environment or of an env_file: ${NAME}."
            context.say(BadReference, path, f"${{{reference.name}}}: only variables can stand here", remedy=remedy)


def _check_run(context: Context, path: Path, service: Service) -> None:
    name = str(path[-1])
    has_app, has_command = ((*path, key) in context.origins for key in ("app", "command"))
    if has_app and has_command:
        context.say(ContradictoryKeys, (*path, "command"), "a service has `app` or `command`, not both")
    elif not has_app and not has_command and not context.problems.touch(path):
        if context.at(path).line:
            context.say(ContradictoryKeys, path, "has neither `app` nor `command`")
        else:  # an override that meant another service
            others = [other for other in context.profile.services if other != name]
            context.say(UnknownService, path, f"no service `{name}`{did_you_mean(name, others)}")
    if service.command is not None and not "".join(service.command).strip():
        context.say(WrongType, (*path, "command"), "is empty")
    if service.command is not None and "\0" in "".join(service.command):
        context.say(WrongType, (*path, "command"), "holds a NUL character, which no process can be given")
    if service.app is not None and not _APP.fullmatch(service.app):
        remedy = 'Write app = "module:name", or "module:factory()" for a function that makes the app.'
        context.say(WrongType, (*path, "app"), f'expected "module:name", got "{service.app}"', remedy=remedy)


def _check_app(context: Context, path: Path, service: Service) -> None:
    if service.app is None:
        for key in (("python",), ("pythonpath",), ("stop", "drain")):
            if context.written((*path, *key)):
                context.say(ContradictoryKeys, (*path, *key), "is for an `app` only, and this service has none")
        return
    if service.is_task:
        sentence = "an `app` is served without end, a task runs to completion"
        context.say(ContradictoryKeys, (*path, "kind"), sentence, remedy="Give the task a `command`.")
    if not service.socket and context.written((*path, "socket")):
        context.say(ContradictoryKeys, (*path, "socket"), "the launcher always holds the socket of an `app`")


def _check_prefix(context: Context, path: Path, service: Service) -> None:
    for key in ("prefix", "strip_prefix"):
        if service.app is None and context.written((*path, key)):
            context.say(ContradictoryKeys, (*path, key), "is for an `app` only, and this service has none")
    if service.prefix is None:
        if context.written((*path, "strip_prefix")):
            context.say(ContradictoryKeys, (*path, "strip_prefix"), "has no `prefix` to strip")
    elif fault := fault_of_prefix(service.prefix):
        remedy = 'Write a path such as "/api", or "/" for the root.'
        context.say(WrongType, (*path, "prefix"), fault, remedy=remedy)


def _check_placement(context: Context, path: Path, service: Service) -> None:
    own = (*path, "placement")
    if not PLACEMENT.fullmatch(service.placement):
        remedy = 'Write "auto", "own", "merged" or "forked"; "merged:NAME" or "forked:NAME", beginning with a letter.'
        context.say(WrongType, own, f'there is no placement "{service.placement}"', remedy=remedy)
        return
    if service.app is None:
        if context.written(own) and service.placement not in ("auto", "own"):
            context.say(ContradictoryKeys, own, "is for an `app` only, and this service has none")
        return
    mode = context.profile.settings.mode
    if forked_group_of(service, mode):
        _check_forked(context, path, service)
    if group_of(service, mode):
        _check_merged(context, path, service)


def _check_forked(context: Context, path: Path, service: Service) -> None:
    for name in service.env:
        if name.startswith(_READ_AT_START):
            sentence = "is read when a program starts, and a forked service finds its Python started"
            context.say(CannotShare, (*path, "env", name), sentence, remedy=_OWN)


def _check_merged(context: Context, path: Path, service: Service) -> None:
    kept_apart = {
        ("user",): service.user,
        ("limits",): service.limits != Limits(),
        ("stop", "signal"): service.stop.signal != "TERM",
        ("stop", "command"): service.stop.command,
    }
    for key, is_asked in kept_apart.items():
        if is_asked:
            context.say(CannotShare, (*path, *key), "cannot be kept in a process that several services share")
    if service.replicas > 1:
        sentence = f"{dotted((*path, 'replicas'))}: {service.replicas} replicas in one process are one component"
        context.problems.caution(ReplicasMerged.code, sentence, origin=context.at((*path, "replicas")))


def _check_port(context: Context, path: Path, service: Service) -> None:
    if service.socket and service.port is None:
        remedy = 'Add port = "auto", or a number.'
        context.say(ContradictoryKeys, (*path, "socket"), "needs a `port` to listen on", remedy=remedy)
    if not isinstance(service.port, int):
        return
    last = service.port + service.replicas - 1
    if not 1 <= service.port <= LAST_PORT:
        remedy = 'Choose a port from 1 to 65535, or "auto" for a free one.'
        context.say(WrongType, (*path, "port"), f"{service.port} is no port", remedy=remedy)
    elif last > LAST_PORT:
        sentence = f"{service.replicas} replicas from {service.port} on would end at {last}, past the last port, 65535"
        context.say(WrongType, (*path, "port"), sentence)


def _check_needs(context: Context, path: Path, service: Service) -> None:
    name = str(path[-1])
    for need, edge in service.depends_on.items():
        own = (*path, "depends_on", need)
        if need == name:
            context.say(DependencyCycle, own, f"`{name}` depends on itself")
        elif need not in context.profile.services and edge.required:
            sentence = f"no service `{need}`{did_you_mean(need, context.profile.services)}"
            context.say(UnknownDependency, own, sentence)


def _check_ending(context: Context, path: Path, service: Service) -> None:
    for code in service.success_exit_codes:
        if not 0 <= code <= _LAST_EXIT_CODE:
            context.say(WrongType, (*path, "success_exit_codes"), f"an exit code is 0 to 255, got {code}")
    if service.is_task and service.restart.policy is Policy.ALWAYS:
        remedy = 'Give the task restart = "no" or "on-failure", or make it a service.'
        sentence = "a task that is always restarted never completes"
        context.say(ContradictoryKeys, (*path, "restart", "policy"), sentence, remedy=remedy)
    if service.is_task and context.written((*path, "health")):
        sentence = "a task is ready when it has completed; a health check would never be asked"
        context.say(ContradictoryKeys, (*path, "health"), sentence)


def _check_health(context: Context, path: Path, service: Service, health: Health) -> None:
    own = (*path, "health")
    ways = [way for way in sorted(WAYS_TO_CHECK) if getattr(health, way) not in (None, False)]
    if len(ways) > 1:
        sentence = f"exactly one of http, tcp, exec, log, notify; here are {' and '.join(ways)}"
        context.say(ContradictoryKeys, own, sentence)
    if not ways and not context.problems.touch(own):
        context.say(ContradictoryKeys, own, "says how often to check but not what: http, tcp, exec, log or notify")
    _check_http(context, own, service, health)
    _check_tcp(context, own, service, health)
    if health.exec is not None and not "".join(health.exec).strip():
        context.say(WrongType, (*own, "exec"), "is empty")
    if health.log is not None:
        try:
            re.compile(health.log)
        except re.error as error:
            context.say(WrongType, (*own, "log"), f'"{health.log}" is no regular expression: {error}')
    if ways in (["log"], ["notify"]):
        for key in _TIMING:
            if context.written((*own, key)):
                sentence = f"{dotted((*own, key))}: has no effect, `{ways[0]}` waits for a word and asks nothing"
                context.problems.caution(ContradictoryKeys.code, sentence, origin=context.at((*own, key)))


def _check_http(context: Context, own: Path, service: Service, health: Health) -> None:
    if health.http is None:
        for key in ("status", "headers"):
            if context.written((*own, key)):
                context.say(ContradictoryKeys, (*own, key), "belongs to an `http` check, and there is none")
        return
    if not health.http.startswith(("/", "http://", "https://", "$")):
        remedy = 'Write a path such as "/healthz", or a URL that begins with http:// or https://.'
        context.say(WrongType, (*own, "http"), f'"{health.http}" is neither a path nor a URL', remedy=remedy)
    if health.http.startswith("/") and service.port is None:
        remedy = "Give the service a `port`, or write a whole URL."
        context.say(ContradictoryKeys, (*own, "http"), "a path needs the service to have a port", remedy=remedy)
    statuses = health.status if isinstance(health.status, list) else [health.status]
    for status in statuses:
        if status is not None and status not in _STATUSES:
            context.say(WrongType, (*own, "status"), f"an HTTP status is 100 to 599, got {status}")


def _check_tcp(context: Context, own: Path, service: Service, health: Health) -> None:
    if health.tcp is None or health.tcp is False:
        return
    key = (*own, "tcp")
    if health.tcp is True and service.port is None:
        remedy = "Give the service a `port`, or write tcp = NUMBER."
        context.say(ContradictoryKeys, key, "needs the service to have a port", remedy=remedy)
    elif health.tcp is not True and not 1 <= health.tcp <= LAST_PORT:
        context.say(WrongType, key, f"{health.tcp} is no port")
    if service.holds_socket and (health.tcp is True or health.tcp == service.port):
        sentence = "proves nothing, because the launcher itself listens there; use http or notify"
        context.say(ContradictoryKeys, key, sentence, remedy='Use health = { http = "/…" } or { notify = true }.')


def _check_variable(context: Context, path: Path, value: str) -> None:
    name = str(path[-1])
    if not name or "=" in name or "\0" in name + value:
        sentence = "the system takes no such variable: a name is not empty and has no `=`, nothing has a NUL character"
        context.say(WrongType, path, sentence)


def _check_references(context: Context) -> None:
    services = context.profile.services
    for name, text in context.profile.env.items():
        _check_text(context, ("env", name), text, services, None)
    for name, service in services.items():
        for key, text, is_command in texts(service):
            _check_text(context, ("services", name, *key), text, services, service, command=is_command)


def _check_text(
    context: Context,
    path: Path,
    text: str,
    services: Mapping[str, Service],
    service: Service | None,
    *,
    command: bool = False,
) -> None:
    try:
        found = references(text, command=command)
    except BadReference as error:
        context.say(BadReference, path, error.sentence, remedy=error.remedy)
        return
    for reference in found:
        if reference.kind is ReferenceKind.DOTTED and (wrong := fault(reference.name, services, service)):
            context.say(BadReference, path, f"${{{reference.name}}}: {wrong}")
