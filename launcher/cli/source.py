"""What a command is about: a profile of a project, or a Procfile, as honcho's flags and variables name it.

`-f FILE` is always the Procfile; a project with profiles runs one of these; any other folder runs its Procfile, which
$PROCFILE or PROCFILE in an env file may name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import NoProject, Usage
from launcher.profile.project import Project, find_project

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from launcher.profile.procfile import Expansion


def project_of(args: Namespace) -> Project:
    """The project of `-C DIR` and `-d DIR`, or of the working directory."""
    start = _start(args)
    try:
        return find_project(start)
    except NoProject:
        # A Procfile of another name marks no project by itself; nor does what a launcher has left of it.
        if args.procfile or _variable(args, start) or (start / ".launcher").is_dir():
            return Project(root=start.absolute(), profiles={}, procfile=None, default_profile=None)
        raise


def procfile_of(args: Namespace, project: Project) -> Path | None:
    """The Procfile that the command is about; None: a profile."""
    if args.procfile:
        if args.profile:
            raise Usage("--profile and --procfile exclude each other", remedy="Name one of them.")
        return _file(args)
    if args.profile or project.profiles:
        return None
    named = _variable(args, project.root)
    return project.root / named if named else project.procfile


def name_of(project: Project, procfile: Path) -> str:
    """What a Procfile is called as a profile: its file's name, with its folders where it lies in others."""
    path = procfile.relative_to(project.root) if procfile.is_relative_to(project.root) else procfile
    return "-".join(part for part in path.parts if part.strip("/."))


def named_profile(args: Namespace, project: Project) -> str | None:
    """The profile that the command line names, by its own name or by a Procfile's."""
    return name_of(project, _file(args)) if args.procfile else args.profile


def env_files(args: Namespace, project: Project | None) -> tuple[Path, ...]:
    """The env files of a Procfile: with -f in the folder of -d, or where the user is; else in the project."""
    from launcher.profile.envfile import split_names  # noqa: PLC0415  (for a Procfile)

    folder = _start(args).absolute() if args.procfile or args.app_root or project is None else project.root
    return tuple(folder / name for name in split_names(args.env))


def expansion(args: Namespace, project: Project, words: Iterable[str]) -> Expansion:
    """What the flags say about a Procfile. With -f or -d its processes run where the user is, as with honcho."""
    from launcher.profile.procfile import Expansion  # noqa: PLC0415  (for a Procfile)

    here = Path(args.directory or ".").absolute()
    stays = bool(args.procfile or args.app_root) and here != project.root
    files = env_files(args, project)
    root = project.root
    return Expansion(
        env_files=tuple(str(file.relative_to(root) if file.is_relative_to(root) else file) for file in files),
        port=getattr(args, "port", None),
        concurrency=concurrency_of(args),
        first=tuple(words),
        directory=str(here) if stays else "",
    )


def overrides(args: Namespace) -> list[str]:
    """What the flags say about a profile, with `--set` last. -p means nothing there: each service has its own port."""
    if getattr(args, "port", None) is not None:
        raise Usage("--port numbers the processes of a Procfile", remedy="Use --set services.NAME.port=NUMBER.")
    sets = [f"services.{name}.replicas={count}" for name, count in concurrency_of(args).items()]
    if args.env:
        from json import dumps  # noqa: PLC0415  (few name env files of a profile)

        from launcher.profile.envfile import split_names  # noqa: PLC0415

        sets.append(f"launcher.env_file={dumps(split_names(args.env))}")
    if getattr(args, "engine", None):
        sets.append(f"launcher.engine={args.engine}")
    return [*sets, *(args.set or ())]


def concurrency_of(args: Namespace) -> dict[str, int]:
    """How many of which service, from `-c web=2,worker=1`."""
    found: dict[str, int] = {}
    for item in filter(None, (getattr(args, "concurrency", None) or "").split(",")):
        name, equals, count = item.partition("=")
        if not (name.strip() and equals and count.strip().isdecimal()):
            raise Usage(f"--concurrency {item}: expected NAME=NUMBER", remedy="For example: -c web=2,worker=1.")
        found[name.strip()] = int(count)
    return found


def _start(args: Namespace) -> Path:
    return Path(args.directory or ".", args.app_root or "")


def _file(args: Namespace) -> Path:
    return Path(_start(args).absolute(), args.procfile)


def _variable(args: Namespace, folder: Path) -> str:
    """PROCFILE of the env files, else of the environment."""
    from launcher.profile.envfile import read_env_files, split_names  # noqa: PLC0415  (where there is no profile)

    values = read_env_files(folder / name for name in split_names(args.env))
    return values.get("PROCFILE") or os.environ.get("PROCFILE", "")
