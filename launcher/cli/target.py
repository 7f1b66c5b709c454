"""What a command means: the project, the profile and the services, from its words, flags and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from launcher.cli.source import expansion, name_of, overrides, procfile_of, project_of
from launcher.control.running import run_folder
from launcher.errors import AmbiguousName, UnknownService
from launcher.profile.loaded import Loaded
from launcher.profile.names import did_you_mean
from launcher.profile.project import Project, choose_profile

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.control.claims import Claims
    from launcher.orchestrator.state import Memory
    from launcher.plan.model import Plan


#: The kept profile, in the run folder.
KEPT_NAME = "profile.json"


class Target(Struct, frozen=True, kw_only=True):
    """A loaded profile, where its launcher lives, and the services that were named."""

    project: Project
    profile: str
    loaded: Loaded
    folder: Path
    named_services: tuple[str, ...]

    @property
    def named(self) -> bool:
        """Whether the user named services, or the profile as a whole is meant."""
        return bool(self.named_services)

    @property
    def services(self) -> tuple[str, ...]:
        """The services meant: those named, else the profile's selection, else all."""
        profile = self.loaded.profile
        if self.named_services:
            return self.named_services
        return tuple(profile.settings.select if profile.settings.select is not None else profile.services)

    def plan(self, *, memory: Memory | None = None, claims: Claims | None = None) -> Plan:
        """The plan of the whole profile. Ports are those that instances had before, by `memory`, where they can be.

        Whoever is to carry it out gives its `claims`, by which its ports are nobody else's.
        """
        plan = self._plan(tuple(self.loaded.profile.services), memory=memory, claims=claims)
        if claims is not None:
            claims.keep(one.port for one in plan.instances.values())
        return plan

    def plan_of_named(self) -> Plan:
        """The plan of what `services` are, and what they depend on."""
        return self._plan(self.services)

    def exported(self) -> Plan:
        """The plan for a target on this machine: what the profile selects, and no port is asked about."""
        return self._plan((), asks=False)

    def _plan(
        self, select: Sequence[str], *, memory: Memory | None = None, asks: bool = True, claims: Claims | None = None
    ) -> Plan:
        from launcher.plan.build import SOME_MACHINE, build  # noqa: PLC0415
        from launcher.profile.model import Mode  # noqa: PLC0415
        from launcher.world import is_free  # noqa: PLC0415

        def can_be_drawn(port: int) -> bool:
            return not asks or (is_free(port) and (claims is None or claims.take(port)))

        def can_be_kept(port: int, pid: int | None) -> bool:
            from launcher.engines.exits import exists  # noqa: PLC0415  (for those who remember)

            return (pid is not None and exists(pid)) or can_be_drawn(port)  # its own process may have it still

        profile, machine = self.loaded.profile, SOME_MACHINE
        if profile.settings.mode is Mode.AUTO:
            from launcher.cli.machine import machine_for  # noqa: PLC0415  (for those who leave it to us)

            machine = machine_for(profile, os.environ)
        plan = build(
            profile,
            select=select,
            recorded=memory.ports(can_be_kept) if memory else {},
            is_free=can_be_drawn,
            machine=machine,
        )
        if any(one.is_component for one in plan.instances.values()):
            from launcher.cli.sharing import check_sharing  # noqa: PLC0415  (few plans have any)

            check_sharing(plan, os.environ)
        return plan


def target_of(args: Namespace, words: Sequence[str] = (), *, kept: bool = False) -> Target:
    """Load what is meant. `words`: a first one that names a profile and no service is the profile.

    `kept`: a profile kept from the last start will do, which knows no origins.
    """
    project = project_of(args)
    procfile = procfile_of(args, project)
    named, rest = args.profile, list(words)
    read: dict[str, Loaded] = {}

    def profile_of(name: str) -> Loaded:
        if name not in read:
            read[name] = (kept and _recall(project, name, args)) or _load(project, name, args)
        return read[name]

    if procfile is None and named is None and rest and rest[0] in project.profiles:
        fallback = choose_profile(project, None, os.environ)
        if fallback in project.profiles and rest[0] in profile_of(fallback).profile.services:
            raise AmbiguousName(f"{rest[0]} is a profile and a service of {fallback}")
        named = rest.pop(0)
    if procfile is not None:
        name = name_of(project, procfile)
        from launcher.profile.load import load_procfile  # noqa: PLC0415  (for a Procfile)

        how = expansion(args, project, rest)
        loaded = load_procfile(project, procfile, name=name, environ=os.environ, sets=args.set or (), how=how)
        rest = [service for service in dict.fromkeys(rest) if how.concurrency.get(service, 1)]
    else:
        name = choose_profile(project, named, os.environ)
        loaded = profile_of(name)
    for caution in loaded.warnings:
        print(caution, file=sys.stderr)
    for service in rest:
        if service not in loaded.profile.services:
            # The first word could have been meant for a profile.
            profiles = project.profiles if service == words[0] and not args.profile and procfile is None else ()
            hint = did_you_mean(service, [*loaded.profile.services, *profiles])
            raise UnknownService(f'no service "{service}" in {name}{hint}')
    folder = _folder(project, name, args)
    return Target(project=project, profile=name, loaded=loaded, folder=folder, named_services=tuple(rest))


def start_target(args: Namespace) -> Target:
    """What `start [PROFILE] [SERVICE…] [--services a,b]` means."""
    more = [name for name in (args.services or "").split(",") if name]
    return target_of(args, [*args.words, *more], kept=True)


def keep(target: Target, args: Namespace) -> None:
    """Keep the profile for the next start, if it is a newly read one; for the holder of the run folder's lock."""
    loaded = target.loaded
    if loaded.origins and not loaded.profile.procfile:
        from launcher.profile import kept  # noqa: PLC0415  (imported already, but for a Procfile)

        path, root = target.folder / KEPT_NAME, target.project.root
        kept.keep(path, root, target.profile, loaded, environ=os.environ, sets=overrides(args))


def _folder(project: Project, name: str, args: Namespace) -> Path:
    return Path(args.run_dir).absolute() if args.run_dir else run_folder(project.root, name)


def _recall(project: Project, name: str, args: Namespace) -> Loaded | None:
    from launcher.profile import kept  # noqa: PLC0415  (for a start only)

    path = _folder(project, name, args) / KEPT_NAME
    return kept.recall(path, project.root, name, environ=os.environ, sets=overrides(args))


def _load(project: Project, name: str, args: Namespace) -> Loaded:
    from launcher.profile.load import load  # noqa: PLC0415  (20 ms, which a kept profile spares)

    return load(project, name, environ=os.environ, sets=overrides(args))
