"""`launcher install` and `uninstall`: the systemd unit that keeps an exported supervisord running from boot on.

A unit is written, and nothing is enabled or started that was not asked for; what others wrote is left alone.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli.exported import Exported, configuration_in, exported_in
from launcher.cli.units import Systemd, Unit, systemd_of
from launcher.control.running import holder
from launcher.errors import (
    EngineCannot,
    NotInstalled,
    SystemdRefused,
    UnitEdited,
    UnitNotOurs,
    UnitOfAnother,
    Usage,
    WrongUser,
)
from launcher.exporters.boot import Boot, unit
from launcher.exporters.names import word_of
from launcher.exporters.stamp import Origin, stamped

if TYPE_CHECKING:
    from argparse import Namespace

#: Whose systemd starts at boot, and not at their first login.
_LINGERING = Path("/var/lib/systemd/linger")


def install(args: Namespace) -> int:
    """Write the unit; with --enable and --start, have systemd take it up."""
    systemd, exported = systemd_of(args), exported_in(args.location)
    user = _user(systemd, exported)
    name = _name(args.name) or _usual_name(exported)
    _refuse_taken(systemd.read(name), exported, args)
    silence = systemd.silence()
    runs = not silence and systemd.runs(name)
    _refuse_vain(exported, args, silence=silence, runs=runs)
    boot = Boot(
        name=name,
        python=exported.python,
        configuration=str(exported.configuration),
        user="" if systemd.is_user else user,
    )
    print(f"wrote {systemd.write(name, stamped(unit(exported.given, boot), _command(args, systemd, exported)))}")
    if not silence:
        systemd.tell("daemon-reload")
    if args.enable:
        systemd.tell("enable", name)
        print(f"enabled {name}")
    if args.start and not runs:
        systemd.tell("start", name)
        print(f"started {name}")
    if silence:
        print(f"systemd knows of it after: {systemd.systemctl} daemon-reload ({silence})")
    if runs:
        print(f"it runs, and will be as this unit says after: {systemd.systemctl} restart {name}")
    elif not args.start:
        print(f"to start it: {systemd.systemctl} start {name}")
    for line in _for_the_boot(systemd, name, user=user, enabled=not silence and systemd.is_enabled(name)):
        print(line)
    return 0


def uninstall(args: Namespace) -> int:
    """Remove what `install` wrote, after stopping and disabling it."""
    systemd = systemd_of(args)
    units = _installed(args, systemd)
    if not args.force and (silence := systemd.silence()):
        raise SystemdRefused(
            f"cannot ask systemd whether it runs: {silence}",
            remedy="With --force, the unit is removed all the same, and what runs goes on.",
        )
    for one in units:
        _remove(systemd, one)
    return 0


def _user(systemd: Systemd, exported: Exported) -> str:
    """Who is to run it: the owner of the run folder; raises WrongUser where that cannot be."""
    user, run = _name_of(exported.owner), exported.given.run
    if systemd.is_user and exported.owner != os.geteuid():
        raise WrongUser(
            f"{run} belongs to {user}, and this would be a unit of {_name_of(os.geteuid())}",
            remedy=f"Install it as {user}, or with --system as a unit of the system that runs as {user}.",
        )
    others = {
        service.user: name
        for name, service in exported.given.plan.services.items()
        if service.user and service.user != user
    }
    if others and exported.owner:
        other, service = next(iter(others.items()))
        raise WrongUser(
            f"services.{service} is to run as {other}, and a supervisord of {user} cannot start it so",
            remedy="Export as root, whose supervisord can, or leave `user` out.",
        )
    return user


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _name(given: str | None) -> str:
    name = (given or "").removesuffix(".service")
    if given is not None and word_of(name) != name:
        raise Usage(f"{given!r} is no name for a unit", remedy="Letters, digits, - and _ are.")
    return name


def _usual_name(exported: Exported) -> str:
    plan = exported.given.plan
    return f"launcher-{word_of(Path(plan.root).name)}-{word_of(plan.profile)}"


def _refuse_taken(there: Unit | None, exported: Exported, args: Namespace) -> None:
    if there is None:
        return
    if there.origin is Origin.FOREIGN or there.configuration is None:
        raise UnitNotOurs(f"{there.path} is there, and launcher did not write it")
    if there.configuration != str(exported.configuration):
        raise UnitOfAnother(f"{there.path} is the unit of {there.configuration}")
    if there.origin is Origin.EDITED and not args.force:
        raise UnitEdited(f"{there.path} was edited since it was installed")


def _refuse_vain(exported: Exported, args: Namespace, *, silence: str, runs: bool) -> None:
    """Say it before anything is written, when what was asked for besides cannot be done."""
    if silence and (args.enable or args.start):
        raise SystemdRefused(
            f"cannot reach systemd: {silence}", remedy="Without --enable and --start, the unit is only written."
        )
    if args.start and not runs and (other := holder(Path(exported.given.run))):
        raise EngineCannot(
            f"another launcher runs in {other.folder} (pid {other.pid})",
            remedy="Stop it first, with `launcher stop`, or install without --start.",
        )


def _command(args: Namespace, systemd: Systemd, exported: Exported) -> str:
    words = ["launcher", "install", str(exported.configuration.parent), "--user" if systemd.is_user else "--system"]
    return shlex.join([*words, *(["--name", args.name] if args.name else [])])


def _for_the_boot(systemd: Systemd, name: str, *, user: str, enabled: bool) -> Iterator[str]:
    """What is left to do, and by which words."""
    if not enabled:
        yield f"to have it started at {'login' if systemd.is_user else 'boot'}: {systemd.systemctl} enable {name}"
    if systemd.is_user and not (_LINGERING / user).exists():
        yield f"to have it started at boot, and not end with the last session: loginctl enable-linger {user}"


def _installed(args: Namespace, systemd: Systemd) -> list[Unit]:
    """The units that are meant, all of them ours."""
    name = _name(args.name)
    if name:
        one = systemd.read(name)
        found = [one] if one else []
    elif args.location is None:
        raise Usage("which unit?", remedy="Name the folder it was installed for, or the unit with --name.")
    else:
        wanted = str(configuration_in(args.location))
        found = [one for one in systemd.all() if one.configuration == wanted]
    if not found:
        what = f"unit {name}" if name else f"unit for {args.location}"
        raise NotInstalled(f"no {what} in {systemd.folder}")
    for one in found:
        if one.origin is Origin.FOREIGN or one.configuration is None:
            raise UnitNotOurs(f"{one.path} was not written by launcher", remedy="Remove it by hand, if that is meant.")
        if one.origin is Origin.EDITED and not args.force:
            raise UnitEdited(f"{one.path} was edited since it was installed")
    return found


def _remove(systemd: Systemd, one: Unit) -> None:
    if systemd.runs(one.name):
        print(f"stopping {one.name}, in reverse order", flush=True)
        systemd.tell("stop", one.name)
    if systemd.is_enabled(one.name):
        systemd.tell("disable", one.name)
        print(f"disabled {one.name}")
    systemd.remove(one)
    print(f"removed {one.path}")
    if not systemd.silence():
        systemd.tell("daemon-reload")
    added = one.path.with_name(f"{one.path.name}.d")
    if added.exists():
        print(f"left {added}, which launcher did not write")
