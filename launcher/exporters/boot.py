"""The systemd unit that keeps an exported supervisord running from boot on.

systemd starts and stops supervisord as a whole, and starts it again when it dies; what runs inside stays the agent's.
So its KillMode= and its time to stop leave order and grace to the agent, and nothing is hardened that a service may
need: whoever knows the services adds that with `systemctl edit`.
"""

from __future__ import annotations

import re
from posixpath import dirname, join

from msgspec import Struct

from launcher.errors import NotExportable
from launcher.exporters.base import File
from launcher.exporters.handover import Handover
from launcher.exporters.supervisord import most_files, patience
from launcher.exporters.unitfile import Lines, command, escaped, quoted, seconds, written

#: Variables for supervisord and everything in it, beside its configuration: secrets stand there.
VARIABLES = "supervisord.env"
#: What supervisord exits with where services have failed for good (`engines/supervisord/programs` says it there).
GAVE_UP = 69
#: How long supervisord waits for the agent, which it stops first, and has for itself: in seconds.
_AGENT, _ITSELF = 10, 10
#: systemd's own, behind the folder of launcher's environment.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: In this section, which systemd passes over, stands whose unit it is.
_OURS = "X-Launcher"
_CONFIGURATION = re.compile(rf"^\[{_OURS}\]\nConfiguration=(.*)$", re.MULTILINE)
_UNFIT = re.compile(r"[\x00-\x1f\x7f]|[\s\\]$")


class Boot(Struct, frozen=True, kw_only=True):
    """What the unit needs to know besides what was exported."""

    name: str
    #: The interpreter that runs supervisord; launcher is installed in it.
    python: str
    #: supervisord's configuration, an absolute path.
    configuration: str
    #: Who runs it, as the system's unit; empty: it is a unit of somebody's own systemd.
    user: str = ""


def unit(given: Handover, boot: Boot) -> File:
    """The unit; raises NotExportable for a path that systemd cannot take."""
    for path in (boot.configuration, given.run, boot.python):
        if _UNFIT.search(path):
            raise NotExportable(f"systemd cannot take the path {path!r}", remedy="Export to another folder.")
    sections = {
        "Unit": _unit(given, boot),
        "Service": _service(given, boot),
        "Install": iter([("WantedBy", "multi-user.target" if boot.user else "default.target")]),
        _OURS: iter([("Configuration", boot.configuration)]),
    }
    return File(name=f"{boot.name}.service", content=written(sections))


def configuration_of(content: str) -> str | None:
    """Which configuration a unit keeps running, if it is one of these."""
    found = _CONFIGURATION.search(content)
    return found and found[1]


def _unit(given: Handover, boot: Boot) -> Lines:
    root = _UNFIT.sub("?", given.plan.root)
    yield "Description", escaped(f"supervisord with the services of {root} (profile {given.plan.profile})")
    if boot.user:
        yield "After", "network.target"
    yield "RequiresMountsFor", " ".join(map(quoted, (dirname(boot.configuration), given.run, boot.python)))
    # A supervisord that cannot start is tried five times in five seconds, and then it is systemd's to tell of it.
    yield "StartLimitIntervalSec", "60s"
    yield "StartLimitBurst", "5"


def _service(given: Handover, boot: Boot) -> Lines:
    def control(*words: str) -> str:
        return command([boot.python, "-m", "supervisor.supervisorctl", "-c", boot.configuration, *words])

    yield "Type", "exec"
    if boot.user:
        yield "User", boot.user
    yield "WorkingDirectory", escaped(given.run)
    yield "Environment", quoted(f"PATH={dirname(boot.python)}:{_PATH}")
    yield "EnvironmentFile", f"-{_literally(join(dirname(boot.configuration), VARIABLES))}"
    yield "ExecStart", command([boot.python, "-m", "supervisor.supervisord", "-n", "-c", boot.configuration])
    yield "ExecReload", control("update")
    # In the order of dependencies, with drain and stop commands; without an agent, SIGTERM stops it layer by layer.
    yield "ExecStop", f"-{control('down')}"
    yield "SyslogIdentifier", boot.name
    yield "KillMode", "mixed"
    yield "TimeoutStopSec", seconds(_longest_stop(given))
    yield "Restart", "on-failure"
    yield "RestartSec", "1s"
    # Services that have failed for good: the unit has, then, and nobody tries that again and again.
    yield "RestartPreventExitStatus", str(GAVE_UP)
    # What the kernel kills for its memory is one service's failure, and the agent starts it again.
    yield "OOMPolicy", "continue"
    if files := most_files(given.plan):
        yield "LimitNOFILE", str(files)


def _longest_stop(given: Handover) -> float:
    plan = given.plan
    layers = [max((patience(plan.services[name]) for name in layer), default=0) for layer in plan.layers]
    return _AGENT + sum(layers) + _ITSELF


def _literally(path: str) -> str:
    """A path where systemd would take a pattern."""
    return escaped(re.sub(r"[*?\[\\]", r"\\\g<0>", path))
