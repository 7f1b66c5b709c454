"""supervisord's configuration: a `[program:…]` per instance.

In the plain form, which any supervisord takes, supervisord starts and restarts them. In the full form it does neither,
and an agent of ours does, an event listener inside supervisord that has order, health and back-off (`engines/
supervisord`); beside the configuration stands the plan that it runs.

By supervisor 4.3's own source: values are cut at ` ;` and ` #` whatever the quotes, `%` is doubled, `%(here)s` is
replaced before anything is unquoted, `command` is split as a shell would split it, and `environment` by a lexer that
strips quotes from both ends of a value. What that lexer cannot hold, the command's shell sets instead.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence

import msgspec

from launcher.errors import NotExportable, RunFolderUnusable
from launcher.exporters.base import Agent, File, Options, Refusals, Rendered
from launcher.exporters.handover import NAME as HANDOVER
from launcher.exporters.handover import Handover, digest, supervised, write
from launcher.exporters.losses import Feature, lost
from launcher.exporters.names import target_names
from launcher.exporters.programs import Program, here, programs
from launcher.exporters.shell import line, passes
from launcher.exporters.variables import Variable, literal
from launcher.plan.limits import limiting
from launcher.plan.masked import masked
from launcher.plan.model import Plan
from launcher.profile.model import Policy, Service

TARGET = "supervisord"
#: What the agent is called in supervisord.
AGENT = "launcher"
#: How much longer than `grace` supervisord waits before it kills: the grace timer is the agent's. In seconds.
_SPARE = 10
#: How many files supervisord sees to it that it may open, unless it is told otherwise.
_USUAL_FILES = 1024
#: So many bytes of the address of its socket fit everywhere (macOS: 104), with what supervisord adds to it while it
#: begins to listen: a dot and its process id.
_LONGEST_SOCKET = 103 - len(".4194304")
#: Changes with what runs in the process of a host.
_INSIDE = "LAUNCHER_COMPONENTS"
#: What lies between the priorities of two layers.
_STEP = 100

_KEPT = frozenset(
    {
        Feature.ADDRESSES,
        Feature.POLICY,
        Feature.STAYS_DOWN,
        Feature.SIGNAL,
        Feature.GRACE,
        Feature.CODES,
        Feature.REPLICAS,
        Feature.USER,
        Feature.LIMITS,
    }
)
_RESTARTS = {Policy.NO: "false", None: "false", Policy.ON_FAILURE: "unexpected", Policy.ALWAYS: "true"}
#: Where a value would be cut, replaced, or not be one line.
_COMMENT = re.compile(r"(?<=\s)(?=[;#])")
_HERE = re.compile(r"%(?=\()")
_SIMPLE_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\"\u2028\u2029]*")
_SIMPLE_PATH = re.compile(r"[^\x00-\x20\x7f-\x9f%;#'\"\u2028\u2029]+")


class Supervisord:
    """The exporter `supervisord`."""

    def render(self, plan: Plan, options: Options) -> Rendered:
        """One file: to be included by a supervisord, or given to one as its whole configuration."""
        found, notes = programs(plan, options, here(plan, options, TARGET, bind=True))
        names, changed = target_names(plan, taken=() if options.agent is None else (AGENT,))
        names = {name: word for name, word in names.items() if not plan.instances[name].is_component}
        shown = plan if options.with_secrets else masked(plan)
        # Without this section, supervisord takes no file for its own; without keys in it, it changes nothing.
        sections = ["[supervisord]\n"]
        handover = ""
        if options.agent is not None:
            given = Handover(
                plan=supervised(shown, of=plan),
                settings=options.agent.settings,
                names=names,
                run=options.agent.run,
                attended=options.agent.attended,
            )
            handover = write(given)
            sections = _ours(plan, options, options.agent, digest(handover.encode()))
        refusals = Refusals()
        for program in found:
            one = program.instance
            with refusals.of(one.service):
                _refuse_unseen(program, shown, options)
                if one.is_host:
                    _refuse_user(options)
                if not one.is_component:
                    inside = [
                        other for other in found if other.instance.is_component and other.instance.group == one.group
                    ]
                    sections.append(
                        _section(plan, program, names[one.name], options, inside=inside if one.is_host else ())
                    )
        refusals.tell()
        secret = any(program.environment.holds_secrets for program in found)
        if options.agent is not None:
            return Rendered(
                files=(
                    File(name="supervisord.conf", content="\n".join(sections), private=secret),
                    File(name=HANDOVER, content=handover, private=options.with_secrets),
                ),
                notes=(*changed, *notes),
            )
        return Rendered(
            files=(File(name=f"{options.app}.conf", content="\n".join(sections), private=secret),),
            losses=lost(plan, TARGET, kept=_KEPT),
            notes=(*changed, *notes),
        )


def _section(plan: Plan, program: Program, name: str, options: Options, *, inside: Sequence[Program] = ()) -> str:
    """The section of a program; `inside` is what runs in its process."""
    service = program.service
    variables = [*program.variables, *([_told_apart(inside)] if inside else [])]
    own = [one for one in variables if _is_simple(one)]
    rest = tuple(one for one in variables if one not in own)
    directory = literal(program.directory) or ""
    by_key = bool(_SIMPLE_PATH.fullmatch(directory))
    keys = {
        "command": _command(program, rest, go=not by_key),
        "directory": directory if by_key else "",
        "environment": ",".join(f'{one.name}="{_doubled(literal(one.value) or "")}"' for one in own),
        "user": _user(program),
        # What supervisord stops by itself it stops last layer first: a process with the last that is in it.
        "priority": str(_STEP * (1 + max(_layer(plan, one) for one in (program, *inside)))),
        **_policy(service, options),
        "exitcodes": ",".join(map(str, service.success_exit_codes)),
        "stopsignal": service.stop.signal,
        "stopwaitsecs": str(_grace(service, options)),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        **_log(plan, name, options),
    }
    return "".join([f"[program:{name}]\n", *(f"{key}={value}\n" for key, value in keys.items() if value)])


def _layer(plan: Plan, program: Program) -> int:
    return next(number for number, layer in enumerate(plan.layers) if program.instance.service in layer)


def _told_apart(inside: Sequence[Program]) -> Variable:
    """A variable that changes with what runs in a process, so that `supervisorctl update` begins that anew."""
    values = [
        (
            one.instance.name,
            one.argv,
            one.directory,
            [(each.name, each.withheld or each.value) for each in one.variables],
        )
        for one in inside
    ]
    return Variable(name=_INSIDE, value=(digest(msgspec.json.encode(values)),))


def _grace(service: Service, options: Options) -> int:
    return max(1, math.ceil(service.stop.grace)) if options.agent is None else patience(service)


def patience(service: Service) -> int:
    """How long supervisord waits for a service to end, after its agent: in seconds."""
    return math.ceil(service.stop.grace) + _SPARE


def most_files(plan: Plan) -> int:
    """How many open files a service of the plan asks for, where it is more than supervisord usually sees to; else 0."""
    most = max((service.limits.open_files or 0 for service in plan.services.values()), default=0)
    return most if most > _USUAL_FILES else 0


def _policy(service: Service, options: Options) -> dict[str, str]:
    if options.agent is not None:  # one decider
        return {"autostart": "false", "autorestart": "false", "startsecs": "0", "startretries": "0"}
    return {
        "autostart": "true",
        "autorestart": _RESTARTS[service.restart.policy],
        "startsecs": "0" if service.is_task else "",
        "startretries": "0" if service.restart.policy in (Policy.NO, None) else str(service.restart.burst),
    }


def _log(plan: Plan, name: str, options: Options) -> dict[str, str]:
    if options.agent is None:
        return {"stdout_logfile": _doubled(f"{options.log}/{name}.log")} if options.log else {}
    return {
        "stdout_logfile": _path(f"{options.log or f'{options.agent.run}/logs'}/{name}.out"),
        "stdout_logfile_maxbytes": str(plan.log.size),
        "stdout_logfile_backups": str(plan.log.keep),
        # The plugin passes on to the agent what is printed.
        "stdout_events_enabled": "true",
    }


def _refuse_unseen(program: Program, shown: Plan, options: Options) -> None:
    """What the agent could not do: better said now than found out at the first start."""
    health = program.service.health
    if options.agent is None or health is None:
        return
    if shown.services[program.instance.service].health != health:
        raise NotExportable(
            "health.headers holds a secret, which the agent needs", remedy="Export with --with-secrets."
        )


def _refuse_user(options: Options) -> None:
    if options.user:
        raise NotExportable(
            f"as {options.user} it could not listen in the run folder, which is its owner's alone",
            remedy=f'Export as {options.user} and without --user, or with mode = "multi".',
        )


def _ours(plan: Plan, options: Options, agent: Agent, planned: str) -> list[str]:
    run = agent.run
    open_files = most_files(plan)
    logs = options.log or f"{run}/logs"
    socket = f"{run}/supervisor.sock"
    if len(socket.encode()) > _LONGEST_SOCKET:
        raise RunFolderUnusable(
            f"{run} is too long a path for supervisord's socket ({len(run.encode())} bytes)",
            remedy="Choose a shorter one with --run-dir.",
        )
    sections: dict[str, dict[str, str]] = {
        "unix_http_server": {"file": _path(socket), "chmod": "0700"},
        "supervisord": {
            "logfile": _path(f"{logs}/supervisord.log"),
            "pidfile": _path(f"{run}/supervisord.pid"),
            "childlogdir": _path(logs),
            "identifier": options.app,
            # Raised for all programs, so that one of them may have as many.
            **({"minfds": str(open_files)} if open_files else {}),
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
        "rpcinterface:launcher": {
            "supervisor.rpcinterface_factory": "launcher.engines.supervisord.plugin:make",
            "run": _path(run),
            "agent": AGENT,
        },
        "supervisorctl": {"serverurl": _path(f"unix://{run}/supervisor.sock")},
        "ctlplugin:launcher": {
            "supervisor.ctl_factory": "launcher.control.supervisorctl:make",
            "run": _path(run),
        },
        f"eventlistener:{AGENT}": {
            "command": " ".join([*map(_word, agent.words), f'"%(here)s/{HANDOVER}"', planned]),
            "directory": _path(run),
            # It hears of everything else by the plugin, in order and with nothing lost; but there must be one.
            "events": "SUPERVISOR_STATE_CHANGE",
            # One that ends sooner has not come up: it is tried again, for ever, but not in a hot loop.
            "startsecs": "2",
            "startretries": "1000000",
            "autorestart": "true",
            # Stopped before all others when supervisord ends.
            "priority": "9999",
            "stdout_logfile": "NONE",
            "stderr_logfile": _path(f"{logs}/agent.log"),
            # What it says last is why it did not come up.
            "stderr_events_enabled": "true",
        },
    }
    return [
        "".join([f"[{section}]\n", *(f"{key}={value}\n" for key, value in keys.items())])
        for section, keys in sections.items()
    ]


def _path(path: str) -> str:
    """A path as a value; raises NotExportable where supervisord would read something else."""
    # Some of its keys are expanded once and some twice, so no number of percent signs is right for all.
    if not _SIMPLE_VALUE.fullmatch(path) or _COMMENT.search(path) or path != path.strip() or "%" in path:
        raise NotExportable(f"supervisord cannot take the path {path!r}", remedy="Name another with --run-dir.")
    return path


def _command(program: Program, rest: tuple[Variable, ...], *, go: bool) -> str:
    argv = [literal(word) for word in program.argv]
    words = [word for word in argv if word is not None]
    limits = limiting(program.service.limits)
    is_plain = len(words) == len(argv) and words and not rest and not go and not limits
    if is_plain and not any(re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", word) for word in words):
        return " ".join(_word(word) for word in words)
    start = program.start()
    text = line(
        type(start)(
            argv=start.argv,
            command=start.command,
            directory=start.directory if go else (),
            variables=rest,
            before=tuple(limits),
        )
    )
    return f"/bin/sh -c {_word(text)}"


def _word(text: str) -> str:
    """One word for supervisord's split, which joins quoted parts as a shell does.

    So quotes end and begin anew where a reader before it would see something else.
    """
    quoted = shlex.quote(text)
    if not quoted.startswith("'"):
        return _doubled(quoted)
    return _doubled(_HERE.sub("%''", _COMMENT.sub("''", quoted)))


def _is_simple(one: Variable) -> bool:
    """Whether supervisord's own key can hold a variable."""
    value = literal(one.value)
    return (
        value is not None
        and not one.withheld
        and bool(passes(one.name) and _SIMPLE_VALUE.fullmatch(value))
        and value.strip("'\"") == value
        and not _COMMENT.search(value)
        and not _HERE.search(value)
    )


def _user(program: Program) -> str:
    user = literal(program.user)
    if user is None:
        raise NotExportable("its user depends on a variable that only the target will know")
    return user


def _doubled(text: str) -> str:
    return text.replace("%", "%%")
