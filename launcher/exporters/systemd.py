"""systemd units: a service per instance, a socket where one is held, and a target for all of them.

An EnvironmentFile= wins over Environment=, the wrong way round for us, so with env files a shell sets the profile's own
variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import join

from launcher.errors import NotExportable
from launcher.exporters.base import File, Loss, Options, Refusals, Rendered
from launcher.exporters.losses import Feature, lost
from launcher.exporters.names import target_names, word_of
from launcher.exporters.programs import Program, here, programs
from launcher.exporters.shell import line, passes
from launcher.exporters.unitfile import Lines, command, escaped, quoted, seconds, word, written
from launcher.exporters.variables import literal
from launcher.plan.model import Edge, Plan
from launcher.profile.model import Condition, OnLoss, Policy, Restart, Service

TARGET = "systemd"
#: How long a service may take to become ready, where the profile does not say.
_READY = 60.0

_KEPT = frozenset(
    {
        Feature.GATES, Feature.EXITED, Feature.OPTIONAL, Feature.LOSS_STOP, Feature.NOTIFY, Feature.READY_TIMEOUT,
        Feature.ADDRESSES, Feature.POLICY, Feature.STAYS_DOWN,
        Feature.WAIT, Feature.CIRCUIT, Feature.SIGNAL, Feature.GRACE, Feature.STOP_COMMAND,
        Feature.CODES, Feature.REPLICAS, Feature.USER, Feature.LIMITS, Feature.SOCKET, Feature.ENV_FILE,
    }
)  # fmt: skip
_RESTARTS = {Policy.NO: "no", None: "no", Policy.ON_FAILURE: "on-failure", Policy.ALWAYS: "always"}
_PATH = re.compile(r"/(?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f\\])?")


class Systemd:
    """The exporter `systemd`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """APP.target, and APP-SERVICE.service (and .socket) for every instance."""
        found, notes = programs(plan, options, here(plan, options, TARGET, bind=False))
        words, changed = target_names(plan)
        app = word_of(options.app)
        units = {instance: f"{app}-{name}" for instance, name in words.items()}
        files = [File(name=f"{app}.target", content=_target(plan, units))]
        refusals = Refusals()
        for program in found:
            unit = units[program.instance.name]
            secret = program.environment.holds_secrets
            with refusals.of(program.instance.service):
                files.append(File(name=f"{unit}.service", content=_service(plan, program, units, app), private=secret))
            if program.service.holds_socket:
                files.append(File(name=f"{unit}.socket", content=_socket(plan, program, app)))
        refusals.tell()
        losses = [*lost(plan, TARGET, kept=_KEPT), *_code_losses(plan)]
        return Rendered(files=tuple(files), losses=tuple(losses), notes=(*changed, *notes))


def _code_losses(plan: Plan) -> list[Loss]:
    names = tuple(name for name, service in plan.services.items() if 0 not in service.success_exit_codes)
    return [Loss(feature="way to count exit code 0 as a failure", target=TARGET, services=names)] if names else []


def _target(plan: Plan, units: Mapping[str, str]) -> str:
    wanted = [f"{unit}.service" for unit in units.values()]
    return written(
        {
            "Unit": iter([("Description", escaped(f"{plan.profile}: all services")), ("Wants", " ".join(wanted))]),
            "Install": iter([("WantedBy", "multi-user.target")]),
        }
    )


def _socket(plan: Plan, program: Program, app: str) -> str:
    one = program.instance
    return written(
        {
            "Unit": iter(
                [("Description", escaped(f"{plan.profile}: socket of {one.label}")), ("PartOf", f"{app}.target")]
            ),
            "Socket": iter([("ListenStream", f"127.0.0.1:{one.port}"), ("FileDescriptorName", one.service)]),
            "Install": iter([("WantedBy", f"{app}.target")]),
        }
    )


def _service(plan: Plan, program: Program, units: Mapping[str, str], app: str) -> str:
    return written(
        {
            "Unit": _unit_keys(plan, program, units, app),
            "Service": _service_keys(plan, program),
            "Install": iter([("WantedBy", f"{app}.target")]),
        }
    )


def _unit_keys(plan: Plan, program: Program, units: Mapping[str, str], app: str) -> Lines:
    one, service = program.instance, program.service
    yield "Description", escaped(f"{plan.profile}: {one.label}")
    yield "PartOf", f"{app}.target"
    if service.holds_socket:
        socket = f"{units[one.name]}.socket"
        yield "Requires", socket
        yield "After", socket
    for edge in plan.edges_from(one.service):
        needed = " ".join(f"{units[other.name]}.service" for other in plan.instances_of(edge.dependency))
        yield _pull(edge), needed
        # Behind a task, After= would wait for its end.
        if not (edge.condition is Condition.STARTED and plan.services[edge.dependency].is_task):
            yield "After", needed
    yield from _limit(service.restart)


def _pull(edge: Edge) -> str:
    if not edge.required or edge.condition is Condition.EXITED:
        return "Wants"
    return "BindsTo" if edge.on_loss is OnLoss.STOP else "Requires"


def _limit(rule: Restart) -> Lines:
    """The start limit, which counts starts where the profile counts failures: the first start and `burst` restarts.

    The waits before all of these lengthen the interval, or they alone could keep the limit from ever being reached. The
    delay does not grow: systemd knows RestartSteps= from 254 on, and older ones would take the first delay for all.
    """
    if rule.policy in (Policy.NO, None):
        return
    starts = rule.burst + 1
    yield "StartLimitBurst", str(starts)
    yield "StartLimitIntervalSec", seconds(rule.window + starts * rule.delay)


def _service_keys(plan: Plan, program: Program) -> Lines:
    service = program.service
    yield "Type", _type(service)
    if service.is_task:
        yield "RemainAfterExit", "yes"
    elif _type(service) == "notify":
        if program.command:
            yield "NotifyAccess", "all"  # a shell may stand before the program that says READY
        yield "TimeoutStartSec", seconds(service.ready_timeout if service.ready_timeout is not None else _READY)
    if service.is_task and service.ready_timeout is not None:
        yield "TimeoutStartSec", seconds(service.ready_timeout)
    if program.user:
        yield "User", _known(literal(program.user), "user")
    for path in plan.env_files:
        yield "EnvironmentFile", escaped(join(plan.root, path))
    yield from _start(plan, program)
    if service.stop.command:
        stop = f'LAUNCHER_PID="$1"; export LAUNCHER_PID; {program.environment.command(service.stop.command)}'
        yield "ExecStop", f"/bin/sh -c {word(stop)} sh $MAINPID"
    yield from _ends(service)


def _type(service: Service) -> str:
    if service.is_task:
        return "oneshot"
    tells = service.app is not None or (service.health is not None and service.health.notify)
    return "notify" if tells else "exec"


def _start(plan: Plan, program: Program) -> Lines:
    directory = literal(program.directory) or ""
    known = all(literal(one.value) is not None and not one.withheld for one in program.variables)
    named = all(passes(one.name) for one in program.variables)
    argv = [literal(word) for word in program.argv]
    # A `~` alone, or a `-` at the beginning, would mean something else; neither is possible below the root.
    if not (known and named and _PATH.fullmatch(directory)) or None in argv or (plan.env_files and program.variables):
        yield "ExecStart", f"/bin/sh -c {word(line(program.start()))}"
        return
    yield "WorkingDirectory", escaped(directory)
    for one in program.variables:
        yield "Environment", quoted(f"{one.name}={literal(one.value)}")
    words = [word for word in argv if word is not None]
    if program.command:
        yield "ExecStart", f"/bin/sh -c {word(program.command)}"
    elif words[0].startswith("-"):
        raise NotExportable(f"{words[0]!r} is no program that a shell could start", remedy="Write ./ before it.")
    else:
        yield "ExecStart", command(words)


def _ends(service: Service) -> Lines:
    rule = service.restart
    yield "Restart", _RESTARTS[rule.policy]
    if rule.policy not in (Policy.NO, None):
        yield "RestartSec", seconds(rule.delay)
    if codes := [str(code) for code in service.success_exit_codes if code]:
        yield "SuccessExitStatus", " ".join(codes)
    yield "KillSignal", f"SIG{service.stop.signal}"
    yield "TimeoutStopSec", seconds(service.stop.grace)
    if service.limits.open_files:
        yield "LimitNOFILE", str(service.limits.open_files)
    if service.limits.memory:
        yield "LimitDATA", str(service.limits.memory)


def _known(text: str | None, what: str) -> str:
    if text is None or not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        raise NotExportable(f"its {what} {text!r} is none that a unit could name")
    return text
