"""`launcher run COMMAND…`: one command in the environment that the services get.

The command's output and input are the terminal's own; no launcher need be running.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from launcher.errors import NoProject, Usage

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


def run(args: Namespace) -> int:
    """Run the command to its end; its exit status."""
    words = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not words:
        raise Usage("run what?", remedy="For example: launcher run python manage.py shell.")
    environ = _environment(args)
    sys.stdout.flush()
    # It may be interrupted before we have come to ignore that; unlike an ignored signal, a handler isn't inherited.
    signal.signal(signal.SIGINT, lambda *_: None)
    # In our own session, for it is the user's command: Ctrl-C reaches it directly, and we wait for what it makes of it.
    child = subprocess.Popen(shlex.join(words), shell=True, env=environ)  # noqa: S602  (as honcho: a shell finds it)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return child.wait()


def _environment(args: Namespace) -> Mapping[str, str]:
    from launcher.cli import source  # noqa: PLC0415
    from launcher.profile.envfile import read_env_files  # noqa: PLC0415

    try:
        project = source.project_of(args)
    except NoProject:  # honcho asks for none
        if args.service or args.profile:
            raise
        return {**os.environ, **read_env_files(source.env_files(args, None))}
    if not args.service and (args.procfile or not (args.profile or project.profiles)):
        return {**os.environ, **read_env_files(source.env_files(args, project))}

    from launcher.cli.target import target_of  # noqa: PLC0415
    from launcher.orchestrator.launches import build_launch, environment_of  # noqa: PLC0415
    from launcher.world import SystemWorld  # noqa: PLC0415

    target = target_of(args, [args.service] if args.service else [])
    plan = target.plan()
    world = SystemWorld(project.root, os.environ, procfile=plan.procfile)
    if not args.service:
        return environment_of(plan, world)
    first = plan.instances_of(args.service)[0]
    return build_launch(plan, first.name, 0, world=world, probe_env={}).launch.env
