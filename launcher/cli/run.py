"""`launcher start`: bring a profile up and stay with it, leave it in the background, or join one that runs already.

The recipe of a start, read downwards. Imports stand where they are used, for `--help` must not pay for them.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from launcher.cli.detach import Report
    from launcher.errors import LauncherError
    from launcher.observe.styles import Show
    from launcher.orchestrator.events import Outcome
    from launcher.plan.model import Plan
    from launcher.runtime import Runtime


def start(args: Namespace) -> int:
    """Start what was asked for; the exit status."""
    from launcher.cli.target import keep, start_target  # noqa: PLC0415
    from launcher.control.claims import Claims  # noqa: PLC0415
    from launcher.control.running import Lock  # noqa: PLC0415
    from launcher.profile.model import EngineName  # noqa: PLC0415

    args.detach = args.detach or args.wait
    target = start_target(args)
    if EngineName(target.loaded.profile.settings.engine) is EngineName.SUPERVISORD:
        from launcher.cli.supervised import start_supervised  # noqa: PLC0415

        gc.enable()
        return start_supervised(target, args)
    lock = Lock(target.folder)
    if not lock.acquire(target.profile):
        from launcher.cli.join import join  # noqa: PLC0415

        gc.enable()
        return join(target, args)
    from launcher.orchestrator.store import FileStore  # noqa: PLC0415

    keep(target, args)
    notes: list[str] = []
    store = FileStore(target.folder / "state.json", notes.append)
    memory = store.load()
    plan = target.plan(memory=memory, claims=Claims())
    services = target.services
    if not plan.procfile:  # whether a process of a Procfile listens is its own affair, as with honcho
        refuse_taken_ports(plan, services)
    report: Report | None = None
    if args.detach:
        from launcher.cli.detach import Report, detach  # noqa: PLC0415

        forked = detach(timeout=args.timeout)
        if not isinstance(forked, Report):
            return forked
        report = forked
        lock.sign()

    from launcher.cli.lean import import_lean  # noqa: PLC0415

    import_lean("subprocess", later=["locale"])  # for the encoding of text, and all that we read are bytes
    from launcher.engines.guard import fork_guard  # noqa: PLC0415

    guard = fork_guard()
    from launcher.runtime import Runtime  # noqa: PLC0415  (20 ms, in which the guard comes into being)

    runtime = Runtime(
        plan,
        settings=target.loaded.profile.settings,
        folder=target.folder,
        guard=guard,
        environ=os.environ,
        store=store,
        memory=memory,
        show=show_of(args, plan, report, services),
    )
    for note in notes:
        runtime.say(note)
    return _run(runtime, services, named=target.named, report=report, waits=args.wait)


def _run(runtime: Runtime, services: Sequence[str], *, named: bool, report: Report | None, waits: bool) -> int:
    began = time.monotonic()
    errors: list[LauncherError] = []

    def settled(outcome: Outcome) -> None:
        if outcome.ok:
            _announce(runtime, outcome.lines, time.monotonic() - began)
        elif outcome.error is not None and runtime.loop.stage.ending is None:
            errors.extend(_left_to_print(runtime, outcome.error, outcome.culprit))
        if report is not None:
            if errors:
                _print_errors(errors, report)
            runtime.console.close()
            report.close(outcome.status)

    def accepted() -> None:
        if report is not None and not waits:
            runtime.console.system(f"runs in the background as pid {os.getpid()}: see `launcher status`")
            runtime.console.close()
            report.close(0)

    status = runtime.run(services, named=named, accepted=accepted, settled=settled)
    if report is not None:
        report.close(status)
    elif errors:
        raise errors[0]
    return status


def refuse_taken_ports(plan: Plan, services: Iterable[str]) -> None:
    """A number asked for by one of `services`, or by what they need, that another process holds is an error now."""
    from launcher.engines.sockets import holder_of  # noqa: PLC0415
    from launcher.errors import PortTaken, ProblemsFound  # noqa: PLC0415
    from launcher.plan.graph import needs  # noqa: PLC0415
    from launcher.world import is_free  # noqa: PLC0415

    wanted = needs(services, [(edge.dependent, edge.dependency) for edge in plan.edges])
    problems: list[LauncherError] = []
    for instance in plan.instances.values():
        port = instance.port
        if instance.service not in wanted or port is None or instance.port_drawn or is_free(port):
            continue
        holder = holder_of(port)
        held = f" by {holder}" if holder else ""
        problems.append(PortTaken(f'cannot start "{instance.label}": port {port} is taken{held}'))
    if problems:
        raise problems[0] if len(problems) == 1 else ProblemsFound(problems)


def show_of(args: Namespace, plan: Plan, report: Report | None, services: Iterable[str]) -> Show:
    """What the flags say about the terminal; in the background there is none, only the report."""
    from launcher.observe.console import wants_colour  # noqa: PLC0415
    from launcher.observe.styles import Show  # noqa: PLC0415
    from launcher.profile.model import LogFormat  # noqa: PLC0415

    written = LogFormat(args.log_format or plan.log.format)
    if report is not None:
        return Show(quiet=frozenset(plan.services), descriptor=report.descriptor, format=written)
    return Show(
        format=written,
        colour=wants_colour(sys.stdout.fileno(), os.environ, refused=args.no_colour),
        prefix=not args.no_prefix,
        quiet=frozenset((args.quiet or "").split(",")) - {""},
        labels=tuple(one.label for name in services for one in plan.instances_of(name)) if plan.procfile else (),
    )


def _announce(runtime: Runtime, lines: Iterable[str], took: float) -> None:
    """Say that all are up, and where they can be reached; of a Procfile nothing, as honcho does."""
    from launcher.cli.sentences import all_ready  # noqa: PLC0415

    if runtime.loop.stage.plan.procfile:
        return
    runtime.say(all_ready(lines, took))


def _left_to_print(runtime: Runtime, error: LauncherError, culprit: str) -> list[LauncherError]:
    """Tell how a start-up failed; what is not printed yet stands at the end of the output."""
    _show_last_lines(runtime, culprit)
    return [] if runtime.fail(error) else [error]


def _show_last_lines(runtime: Runtime, instance: str) -> None:
    """The last things a service said, before the error that names it."""
    if instance:
        label = runtime.loop.stage.plan.instances[instance].label
        runtime.console.last_lines(label, runtime.tail.latest(instance))


def _print_errors(errors: Iterable[LauncherError], report: Report) -> None:
    from launcher.cli.sentences import describe  # noqa: PLC0415

    for error in errors:
        report.tell(describe(error))
