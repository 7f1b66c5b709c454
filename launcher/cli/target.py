"""What a command means: the project, the profile and the services, from its words, flags and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from launcher.cli.source import expansion, name_of, overrides, procfile_of, project_of
from launcher.control.running import run_folder
from launcher.errors import AmbiguousName, UnknownService
from launcher.profile.load import Loaded, Project, choose_profile, load, load_procfile
from launcher.profile.names import did_you_mean

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.plan.model import Plan


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

    def plan(self, *, recorded: Mapping[str, int] | None = None) -> Plan:
        """The plan of the whole profile; `recorded` are the ports that instances had before."""
        from launcher.plan.build import build  # noqa: PLC0415
        from launcher.world import is_free  # noqa: PLC0415

        profile = self.loaded.profile
        return build(profile, select=tuple(profile.services), recorded=recorded or {}, is_free=is_free)


def target_of(args: Namespace, words: Sequence[str] = ()) -> Target:
    """Load what is meant. `words`: a first one that names a profile and no service is the profile."""
    project = project_of(args)
    procfile = procfile_of(args, project)
    named, rest = args.profile, list(words)
    if procfile is None and named is None and rest and rest[0] in project.profiles:
        fallback = choose_profile(project, None, os.environ)
        if fallback in project.profiles and rest[0] in _load(project, fallback, args).profile.services:
            raise AmbiguousName(f"{rest[0]} is a profile and a service of {fallback}")
        named = rest.pop(0)
    if procfile is not None:
        name = name_of(project, procfile)
        how = expansion(args, project, rest)
        loaded = load_procfile(project, procfile, name=name, environ=os.environ, sets=args.set or (), how=how)
        rest = [service for service in dict.fromkeys(rest) if how.concurrency.get(service, 1)]
    else:
        name = choose_profile(project, named, os.environ)
        loaded = _load(project, name, args)
    for caution in loaded.warnings:
        print(caution, file=sys.stderr)
    for service in rest:
        if service not in loaded.profile.services:
            raise UnknownService(f'no service "{service}" in {name}{did_you_mean(service, loaded.profile.services)}')
    folder = Path(args.run_dir).absolute() if args.run_dir else run_folder(project.root, name)
    return Target(project=project, profile=name, loaded=loaded, folder=folder, named_services=tuple(rest))


def start_target(args: Namespace) -> Target:
    """What `start [PROFILE] [SERVICE…] [--services a,b]` means."""
    more = [name for name in (args.services or "").split(",") if name]
    return target_of(args, [*args.words, *more])


def _load(project: Project, name: str, args: Namespace) -> Loaded:
    return load(project, name, environ=os.environ, sets=overrides(args))
