"""What is made of a `Machine`: findings, one idea each, every one that is not well with its remedy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from launcher.doctor.machine import Finding, Grade, Machine

OLDEST_PYTHON = (3, 11)
#: Distributions, the oldest version that will do, and whether a start needs them.
NEEDED = {"honcho": ("2.0", True), "supervisor": ("4.3", False)}
OLDEST_UVICORN = "0.30"

#: Descriptors of the launcher itself, and those of an instance: pipes, a pidfd, a held socket, its log, a probe.
OWN_FILES, FILES_EACH = 64, 8
#: Kernels before 5.11 allowed 8192 watches; a source tree with its packages has more folders than that.
FEW_WATCHES = 8192

#: Logs are kept to this size: three files of 10 MB for each instance.
LOGS_EACH = 30_000_000
LEAST_DISK, LEAST_INODES = 50_000_000, 1000

#: How far clocks may differ while one looks, and how far ahead a file may be, in seconds.
STEP, AHEAD = 0.05, 5.0
#: Before this year a clock has not been set.
SANE_YEAR = 2024


def findings(machine: Machine) -> list[Finding]:
    """Everything that was looked at, in a fixed order."""
    return [finding for check in CHECKS for finding in check(machine)]


def _python(machine: Machine) -> Iterator[Finding]:
    version = ".".join(map(str, machine.python))
    where = f"Python {version} ({machine.executable})"
    if machine.python[:2] < OLDEST_PYTHON:
        yield Finding(Grade.BAD, f"{where} is too old", "Install launcher into a Python 3.11 or later.")
    elif not machine.in_venv:
        remedy = "Install launcher into an environment of its own: python3 -m venv .venv."
        yield Finding(Grade.WARN, f"{where} is no virtual environment: other programs may change its packages", remedy)
    else:
        yield Finding(Grade.OK, f"{where} in a virtual environment")


def _versions(machine: Machine) -> Iterator[Finding]:
    for name, (oldest, is_needed) in NEEDED.items():
        found = machine.versions.get(name, "")
        remedy = f"{machine.executable} -m pip install '{name}>={oldest}'"
        if found and _parts(found) >= _parts(oldest):
            yield Finding(Grade.OK, f"{name} {found}")
        elif found:
            yield Finding(Grade.BAD if is_needed else Grade.WARN, f"{name} {found} is older than {oldest}", remedy)
        elif is_needed:
            yield Finding(Grade.BAD, f"{name} is not installed", remedy)
        else:
            yield Finding(Grade.OK, f"{name} is not installed, and not needed to run services locally")


def _interpreters(machine: Machine) -> Iterator[Finding]:
    for one in machine.interpreters:
        serves = f"{one.path}, which serves {', '.join(one.services)}"
        if one.error:
            remedy = "Make that environment, or set `python` to one that works."
            yield Finding(Grade.BAD, f"{serves}: {one.error}", remedy)
        elif not one.uvicorn:
            yield Finding(Grade.BAD, f"{serves}, has no uvicorn", f"{one.path} -m pip install uvicorn")
        elif _parts(one.uvicorn) < _parts(OLDEST_UVICORN):
            remedy = f"{one.path} -m pip install --upgrade uvicorn"
            yield Finding(Grade.WARN, f"{serves}: uvicorn {one.uvicorn} is older than {OLDEST_UVICORN}", remedy)
        else:
            yield Finding(Grade.OK, f"{serves}: Python {one.version}, uvicorn {one.uvicorn}")


def _profile(machine: Machine) -> Iterator[Finding]:
    for problem in machine.profile_problems:
        yield Finding(Grade.BAD, problem, "`launcher config check` lists all problems; mend the profile.")
    if machine.profile and not machine.profile_problems:
        yield Finding(Grade.OK, f"profile {machine.profile} is well")


def _ports(machine: Machine) -> Iterator[Finding]:
    taken = [port for port in machine.ports if port.holder and not port.is_ours]
    for port in taken:
        what = f"port {port.number} of {port.label} is taken by {port.holder}"
        if port.drawn:
            yield Finding(Grade.OK, f"{what}; another one will be drawn")
        else:
            remedy = f'End that process, or give {port.label} another number, or port = "auto".'
            yield Finding(Grade.BAD, what, remedy)
    ours = [port.label for port in machine.ports if port.is_ours]
    if ours:
        yield Finding(Grade.OK, f"ports held by the running launcher: {_some(ours)}")
    if machine.ports and not taken and len(ours) < len(machine.ports):
        free = [str(port.number) for port in machine.ports if not port.is_ours]
        yield Finding(Grade.OK, f"ports free: {_some(free)}")


def _leftovers(machine: Machine) -> Iterator[Finding]:
    for orphan in machine.orphans:
        what = f"pid {orphan.pid} ({orphan.command}) is {orphan.instance} of a launcher that is gone"
        yield Finding(Grade.BAD, what, f"End it: kill {orphan.pid}")
    if not machine.orphans:
        yield Finding(Grade.OK, "no orphans of earlier runs")
    for socket in machine.stale_sockets:
        remedy = f"The next start replaces it; or: rm {socket}"
        yield Finding(Grade.WARN, f"{socket} was left by a launcher that was killed", remedy)


def _limits(machine: Machine) -> Iterator[Finding]:
    if machine.open_files is not None:
        soft, hard = machine.open_files
        needed = OWN_FILES + FILES_EACH * machine.instances
        what = f"{soft} open files allowed, some {needed} needed for {machine.instances} instances"
        if soft >= needed:
            yield Finding(Grade.OK, what)
        else:
            by_admin = f"Raise the hard limit of {hard} (limits.conf, LimitNOFILE=)"
            remedy = f"ulimit -n {needed}" if hard >= needed else by_admin
            yield Finding(Grade.BAD, what, remedy)
    if machine.inotify_watches is not None:
        what = f"{machine.inotify_watches} inotify watches allowed"
        if machine.inotify_watches <= FEW_WATCHES:
            remedy = "sudo sysctl fs.inotify.max_user_watches=524288 (and in /etc/sysctl.d, to keep it)"
            yield Finding(Grade.WARN, f"{what}: too few for large source trees", remedy)
        else:
            yield Finding(Grade.OK, what)


def _clock(machine: Machine) -> Iterator[Finding]:
    if machine.year < SANE_YEAR:
        yield Finding(Grade.WARN, f"the clock says {machine.year}: times shown and logged are wrong", "Set the clock.")
    elif abs(machine.clock_step) > STEP:
        what = f"the clock jumped by {machine.clock_step:+.2f} s while it was looked at"
        remedy = "Let one program set the clock; gates, timers and restarts are not touched by it."
        yield Finding(Grade.WARN, what, remedy)
    elif machine.from_the_future > AHEAD:
        ahead = f"{machine.from_the_future:.0f} s ahead of the clock, which has been set back since"
        what = f"a file in {machine.folder} is {ahead}"
        yield Finding(Grade.WARN, what, "Check the clock; what `logs --since` and `history` show may be out of order.")
    else:
        yield Finding(Grade.OK, "the clock runs evenly")


def _disk(machine: Machine) -> Iterator[Finding]:
    if not machine.is_writable:
        remedy = "Correct its owner or permissions, or choose another folder with --run-dir."
        yield Finding(Grade.BAD, f"{machine.folder} cannot be written", remedy)
    if machine.inodes_free is not None and machine.inodes_free < LEAST_INODES:
        what = f"only {machine.inodes_free} more files fit on the disk of {machine.folder}"
        yield Finding(Grade.BAD, what, "Remove files there, or choose another folder with --run-dir.")
    if machine.disk_free is None:
        return
    what = f"{_size(machine.disk_free)} free for {machine.folder}"
    logs = LOGS_EACH * machine.instances
    if machine.disk_free < LEAST_DISK:
        yield Finding(Grade.BAD, what, "Make room, or choose a folder on another disk with --run-dir.")
    elif machine.disk_free < logs:
        what = f"{what}; the logs of {machine.instances} instances may grow to {_size(logs)}"
        yield Finding(Grade.WARN, what, "Make room, or choose a folder on another disk with --run-dir.")
    else:
        yield Finding(Grade.OK, what)


def _secrets(machine: Machine) -> Iterator[Finding]:
    for secret in machine.written_secrets:
        what = f"{secret.place}: the secret {secret.key} is written in the profile"
        yield Finding(Grade.WARN, what, "Move its value to an env_file that is not in version control.")
    for file in machine.open_env_files:
        yield Finding(Grade.WARN, f"everybody on this machine may read {file}", f"chmod 600 {file}")
    if not machine.written_secrets and machine.profile:
        yield Finding(Grade.OK, "no secret is written in a profile")


CHECKS: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    _python,
    _versions,
    _profile,
    _interpreters,
    _ports,
    _leftovers,
    _limits,
    _clock,
    _disk,
    _secrets,
)


def _parts(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `0.30.1rc2` is (0, 30, 1)."""
    parts: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def _size(size: int) -> str:
    """A size for people, rounded."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"  # noqa: PLR2004  (a billion)


def _some(names: list[str], most: int = 8) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
