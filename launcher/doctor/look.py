"""Looks at the machine, once, and hands on a frozen `Machine`: the rim of the doctor. Judges nothing."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from launcher.control.address import SOCKET_NAME
from launcher.control.running import FOLDER, holder
from launcher.doctor.machine import Interpreter, Machine, Orphan, Port, WrittenSecret
from launcher.doctor.written import written_secrets
from launcher.engines.descent import marks_of, take_census
from launcher.engines.sockets import holders_of
from launcher.errors import ProfileUnreadable
from launcher.orchestrator.state import Memory
from launcher.plan.model import Plan
from launcher.profile.files import read_text
from launcher.profile.project import Project
from launcher.profile.secrets import mask_urls
from launcher.world import SystemWorld, is_free

#: How long an interpreter may take to say what it is, in seconds.
PATIENCE = 10.0
#: How long the clocks are compared for, in seconds.
GLANCE = 0.05
#: How much of a command line is shown.
SHOWN = 80

#: What an interpreter says of itself, in one line.
_SELF = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
try:
    uvicorn = version("uvicorn")
except PackageNotFoundError:
    uvicorn = ""
print(json.dumps(["%d.%d.%d" % sys.version_info[:3], uvicorn]))
"""


def look(
    project: Project,
    *,
    folder: Path,
    profile: str,
    plan: Plan | None,
    problems: Iterable[str],
    memory: Memory | None,
    environ: Mapping[str, str],
) -> Machine:
    """Everything that the findings are about; `plan` None: the profile cannot be loaded, because of `problems`.

    `memory` is what the launcher of `folder` last wrote down.
    """
    root = project.root
    place = folder if folder.exists() else root
    disk = os.statvfs(place)
    return Machine(
        python=sys.version_info[:3],
        executable=sys.executable,
        in_venv=sys.prefix != sys.base_prefix,
        versions={name: _version(name) for name in ("honcho", "supervisor")},
        profile=profile,
        profile_problems=tuple(problems),
        interpreters=tuple(_interpreters(plan, SystemWorld(root, environ))) if plan else (),
        ports=tuple(_ports(plan, _running(folder, memory))) if plan else (),
        instances=len(plan.instances) if plan else 0,
        written_secrets=tuple(_written(project)),
        open_env_files=tuple(name for name in (plan.env_files if plan else ()) if _is_open(root / name)),
        stale_sockets=tuple(_stale_sockets(root, folder)),
        orphans=tuple(_orphans()),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        inotify_watches=_number("/proc/sys/fs/inotify/max_user_watches"),
        clock_step=_clock_step(),
        from_the_future=_ahead(root / FOLDER),
        year=time.gmtime().tm_year,
        folder=str(folder),
        disk_free=disk.f_bavail * disk.f_frsize,
        inodes_free=disk.f_favail if disk.f_files else None,
        is_writable=os.access(_nearest(folder), os.W_OK | os.X_OK),
    )


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (heavy)

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _interpreters(plan: Plan, world: SystemWorld) -> Iterable[Interpreter]:
    served: dict[str, list[str]] = {}
    for name, service in plan.services.items():
        if service.app is not None:
            served.setdefault(world.python_for(service.python or plan.python or None), []).append(name)
    for path, services in served.items():
        version = uvicorn = error = ""
        try:
            done = subprocess.run(
                [path, "-I", "-c", _SELF], capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            version, uvicorn = json.loads(done.stdout) if done.returncode == 0 else ("", "")
            if done.returncode != 0:
                error = (done.stderr.strip().splitlines() or [f"exited with code {done.returncode}"])[-1]
        except subprocess.TimeoutExpired:
            error = f"says nothing within {PATIENCE:g} s"
        except (OSError, ValueError) as problem:
            error = getattr(problem, "strerror", None) or "is no Python"
        yield Interpreter(path=path, services=tuple(services), version=version, uvicorn=uvicorn, error=error)


def _running(folder: Path, memory: Memory | None) -> frozenset[int]:
    """The launcher that runs in this folder: the process that took the lock, and the one in the background since."""
    running = holder(folder)
    return frozenset() if running is None else frozenset({running.pid, memory.pid if memory else 0} - {0})


def _ports(plan: Plan, ours: frozenset[int]) -> Iterable[Port]:
    wanted = [instance for instance in plan.instances.values() if instance.port is not None]
    taken = {instance.port for instance in wanted if instance.port is not None and not is_free(instance.port)}
    known = holders_of(taken)
    for instance in wanted:
        assert instance.port is not None
        pid, command = known.get(instance.port, (0, ""))
        text = mask_urls(f"pid {pid} ({command})") if pid else "a process that is not ours to see"
        yield Port(
            label=instance.label,
            number=instance.port,
            drawn=instance.port_drawn,
            holder=text if instance.port in taken else "",
            is_ours=pid != 0 and not ours.isdisjoint({pid, *_launchers_of(pid)}),
        )


def _launchers_of(pid: int) -> list[int]:
    """The launchers around a process, outermost first, by the marks it carries (`<pid>-<time>:instance:generation`)."""
    found = []
    for mark in marks_of(pid):
        with suppress(ValueError):
            found.append(int(mark.partition("-")[0], 16))
    return found


def _orphans() -> Iterable[Orphan]:
    """Processes all of whose launchers are gone. Those of another PID namespace have launchers that we can't see."""
    if sys.platform != "linux":
        return
    census = take_census()
    ours = _namespace("self")
    for pid, process in census.items():
        marks = [mark for mark in marks_of(pid) if mark.count(":") == 2]  # noqa: PLR2004  (launcher, instance, generation)
        if marks and not process.dead and _namespace(str(pid)) == ours and not any(map(_lives, marks)):
            command = Path(f"/proc/{pid}/cmdline").read_bytes() if Path(f"/proc/{pid}").exists() else b""
            text = command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            yield Orphan(pid=pid, instance=marks[-1].split(":")[1], command=mask_urls(text)[:SHOWN])


def _lives(mark: str) -> bool:
    """Whether the launcher of a mark is still there: its number may be somebody else's by now."""
    import psutil  # noqa: PLC0415  (for those who carry a mark)

    number, _, made = mark.partition(":")[0].partition("-")
    try:
        launcher = psutil.Process(int(number, 16))
        return launcher.create_time() <= int(made, 16) / 1e9 + 1.0
    except (psutil.Error, ValueError):
        return False


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115  (a link that leads nowhere)
    except OSError:
        return ""


def _stale_sockets(root: Path, folder: Path) -> Iterable[str]:
    folders = {*(root / FOLDER).glob("*/"), folder}
    for one in sorted(folders):
        if one.is_dir() and holder(one) is None:
            for socket in (*one.glob(SOCKET_NAME), *one.glob("notify-*")):
                if socket.is_socket():
                    yield str(socket)


def _written(project: Project) -> Iterable[WrittenSecret]:
    for path in sorted((project.root / "profiles").glob("*.toml")):
        place = str(path.relative_to(project.root))
        with suppress(ProfileUnreadable):  # which is told as the profile's problem
            yield from written_secrets(read_text(path, place), place)


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def _clock_step() -> float:
    before = _apart()
    time.sleep(GLANCE)
    return _apart() - before


def _apart() -> float:
    """How far the wall clock is ahead of the monotonic one, by the reading during which we were held up least."""
    readings = []
    for _ in range(5):
        begin = time.monotonic()
        wall = time.time()
        end = time.monotonic()
        readings.append((end - begin, wall - begin))
    return min(readings)[1]


def _ahead(folder: Path) -> float:
    newest = 0.0
    for path in folder.glob("*/state.json"):
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return newest - time.time() if newest else 0.0


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: it would be made in it."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
