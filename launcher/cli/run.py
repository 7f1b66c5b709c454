"""`launcher start`: bring a profile up and stay with it, leave it in the background, or join one that runs already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.engines.guard import fork_guard

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.cli.detach import Report
    from launcher.cli.target import Target
    from launcher.engines.guard import Guard
    from launcher.orchestrator.events import Outcome
    from launcher.runtime import Runtime


def start(args: Namespace) -> int:
    """Start what was asked for; the exit status."""
    guard = fork_guard()  # before anything heavy is imported: what it shares with us now it keeps
    from launcher.cli.target import start_target  # noqa: PLC0415
    from launcher.control.running import Lock  # noqa: PLC0415

    target = start_target(args)
    lock = Lock(target.folder)
    if not lock.acquire(target.profile):
        guard.dismiss()
        return _join(target, args)
    from launcher.orchestrator.store import FileStore  # noqa: PLC0415

    notes: list[str] = []
    store = FileStore(target.folder / "state.json", notes.append)
    plan = target.plan(store)
    _refuse_taken_ports(plan, target.services)
    report = None
    if args.detach:
        from launcher.cli.detach import Report, detach  # noqa: PLC0415

        forked = detach(timeout=args.timeout)
        if not isinstance(forked, Report):
            return forked
        report = forked
    return _bring_up(plan, target, guard, store, notes, args, report)
