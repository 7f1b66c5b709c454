"""`launcher doctor`: the findings about this machine and this project, each with its remedy."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.doctor.machine import Finding
    from launcher.doctor.machine import Machine as Seen
    from launcher.orchestrator.state import Memory

COLOURS = {"ok": "\033[32m", "warn": "\033[33m", "bad": "\033[31m"}


def doctor(args: Namespace) -> int:
    """Check everything; 1 if something is bad."""
    from launcher.doctor.findings import findings  # noqa: PLC0415
    from launcher.doctor.machine import Grade  # noqa: PLC0415

    found = findings(_look(args))
    if args.json:
        from msgspec import json  # noqa: PLC0415

        print(json.format(json.encode(found)).decode())
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not args.no_colour
        print(describe(found, colour=colour))
    return 1 if any(finding.grade is Grade.BAD for finding in found) else 0


def describe(found: list[Finding], *, colour: bool = False) -> str:
    """The findings as lines, remedies below what they are for, and a count."""
    lines: list[str] = []
    for finding in found:
        grade = finding.grade.value.ljust(4)
        lines.append(
            f"{COLOURS[finding.grade.value]}{grade}\033[0m  {finding.what}" if colour else f"{grade}  {finding.what}"
        )
        if finding.remedy:
            lines.append(f"      {finding.remedy}")
    counts = {grade: sum(finding.grade.value == grade for finding in found) for grade in COLOURS}
    lines.append(f"{counts['ok']} well, {counts['warn']} to watch, {counts['bad']} bad")
    return "\n".join(lines)


def _look(args: Namespace) -> Seen:
    """Look at the machine; a profile that cannot be loaded is a finding too, and no reason to stop."""
    from launcher.cli.source import project_of  # noqa: PLC0415
    from launcher.cli.target import target_of  # noqa: PLC0415
    from launcher.control.running import run_folder  # noqa: PLC0415
    from launcher.doctor.look import look  # noqa: PLC0415
    from launcher.errors import LauncherError, NoProject, ProblemsFound  # noqa: PLC0415
    from launcher.profile.project import choose_profile  # noqa: PLC0415

    project = project_of(args)
    problems: list[str] = []
    plan = memory = None
    profile = args.profile or choose_profile(project, None, os.environ)
    folder = Path(args.run_dir).absolute() if args.run_dir else run_folder(project.root, profile)
    try:
        target = target_of(args)
        profile, folder = target.profile, target.folder
        memory = _memory(folder)
        plan = target.plan(memory=memory)
    except NoProject:
        raise
    except ProblemsFound as error:
        problems += [f"E{problem.code} {problem}" for problem in error.problems]
    except LauncherError as error:
        problems.append(f"E{error.code} {error}")
    return look(
        project, folder=folder, profile=profile, plan=plan, problems=problems, memory=memory, environ=os.environ
    )


def _memory(folder: Path) -> Memory | None:
    """What the launcher of this folder last wrote down."""
    from launcher.orchestrator import state  # noqa: PLC0415

    try:
        memory = state.read((folder / "state.json").read_bytes())
    except OSError:
        return None
    return memory if isinstance(memory, state.Memory) else None
