"""The commands about what runs: stop, restart, status, logs, wait, why."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli.source import named_profile, project_of
from launcher.control import wire
from launcher.control.client import Client
from launcher.control.running import choose, holder
from launcher.errors import NothingRunning, UnknownService
from launcher.plan.names import service_of
from launcher.profile.names import did_you_mean

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.observe.why import Evidence
    from launcher.orchestrator.snapshot import InstanceView, Snapshot

#: How many lines of its log close what is said of a service that is not well.
LAST_LINES = 10


def stop(args: Namespace) -> int:
    """Stop services, or everything."""
    services = tuple(args.words)
    by = "stopped by command"
    return _command(args, wire.Stop(services=services, by=by) if services else wire.Shutdown(by=by))


def restart(args: Namespace) -> int:
    """Restart services."""
    return _command(args, wire.Restart(services=tuple(args.words), force=args.force, by="restarted by command"))


def wait(args: Namespace) -> int:
    """Wait until services are ready."""
    return _command(args, wire.Wait(services=tuple(args.words), timeout=args.timeout), quiet=True)


def status(args: Namespace) -> int:
    """Show every service."""
    from msgspec.structs import replace  # noqa: PLC0415

    snapshot = _snapshot(folder_of(args))
    if args.words:
        views = tuple(view for name in args.words for view in _views(snapshot, name))
        snapshot = replace(snapshot, instances=views)
    if args.json:
        from msgspec import json  # noqa: PLC0415

        print(json.format(json.encode(snapshot)).decode())
        return 0
    from launcher.cli.table import table, usage_of  # noqa: PLC0415

    usage = usage_of([view.pid for view in snapshot.instances if view.pid is not None])
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not args.no_colour
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 200
    print(f"{snapshot.profile}  (launcher pid {snapshot.pid})")
    print(table(snapshot, usage, width=width, colour=colour))
    return 0


def why(args: Namespace) -> int:
    """Explain the state of a service."""
    from launcher.observe.why import chain, suspects  # noqa: PLC0415

    folder = folder_of(args)
    snapshot = _snapshot(folder)
    _views(snapshot, args.service)
    evidence = _evidence(folder, suspects(snapshot, args.service), launcher=snapshot.pid)
    print("\n".join(chain(snapshot, args.service, evidence)))
    return 0


def logs(args: Namespace) -> int:
    """Show what services printed, and with -f what they go on to print."""
    from launcher.observe.logread import merge  # noqa: PLC0415

    folder = folder_of(args, running=args.follow)
    paths = {path.name.removesuffix(".log"): path for path in sorted((folder / "logs").glob("*.log"))}
    wanted = {name: path for name, path in paths.items() if not args.words or _is_meant(name, args.words)}
    for word in args.words:
        if not any(_is_meant(name, [word]) for name in paths):
            raise UnknownService(f'no log of "{word}"{did_you_mean(word, [service_of(name) for name in paths])}')
    labels = {name: _label(name, paths) for name in wanted}
    width = max(map(len, labels.values()), default=0)
    for line in merge({labels[name]: path for name, path in wanted.items()}, args.lines):
        _print_line(line.label, line.at, line.text, width)
    if args.follow:
        try:
            for answer in Client(folder).ask(wire.Logs(services=tuple(args.words))):
                if isinstance(answer, wire.Output):
                    for text in answer.text.splitlines():
                        _print_line(answer.label, answer.at, text, width)
                elif isinstance(answer, wire.Missed):
                    sys.stderr.write(f"({answer.lines} lines came too fast; they are in the log files)\n")
        except KeyboardInterrupt:
            return 130
    return 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "stop": stop,
    "restart": restart,
    "wait": wait,
    "status": status,
    "why": why,
    "logs": logs,
}


def _command(args: Namespace, request: wire.AnyRequest, *, quiet: bool = False) -> int:
    """Have a command carried out, showing its progress; the exit status."""
    from launcher.observe.wording import started, wording  # noqa: PLC0415

    folder = folder_of(args)
    for answer in Client(folder).ask(request):
        match answer:
            case wire.Moved(news=news) if not quiet:
                lines = wording(news, since=None, signal="TERM", procfile=False)
                if news.before is news.state and news.pid is not None:
                    lines = (started(news),)
                for line in lines:
                    print(line, flush=True)
            case wire.Told(news=told) if not quiet:
                print(told.text, flush=True)
            case wire.Done():
                error = wire.error_of(answer)
                if error is not None:
                    raise error
                if not isinstance(request, wire.Shutdown):
                    print("\n".join(answer.lines))
                return answer.status
            case _:
                pass
    return 0


def _evidence(folder: Path, suspects: list[InstanceView], *, launcher: int) -> Evidence:
    """What the disk and the machine know of instances that are not well.

    That a service listens on its own port, or the launcher on its behalf, explains nothing.
    """
    from launcher.engines.sockets import holders_of  # noqa: PLC0415
    from launcher.observe.logfile import log_path  # noqa: PLC0415
    from launcher.observe.logread import last_lines, parse_line  # noqa: PLC0415
    from launcher.observe.why import Evidence  # noqa: PLC0415
    from launcher.profile.secrets import mask_urls  # noqa: PLC0415

    lines: dict[str, list[str]] = {}
    for view in suspects:
        raw = last_lines(log_path(folder / "logs", view.name), LAST_LINES)
        lines[view.name] = [parse_line(view.label, line).text for line in raw]
    found = holders_of({view.port for view in suspects if view.port is not None})
    expected = {launcher, *(view.pid for view in suspects)}
    holders = {
        port: mask_urls(f"pid {pid} ({command})") for port, (pid, command) in found.items() if pid not in expected
    }
    return Evidence(lines=lines, holders=holders)


def folder_of(args: Namespace, *, running: bool = True) -> Path:
    """Tell the run folder of the launcher meant; with `running` False, the last one's will do."""
    if args.run_dir:
        folder = Path(args.run_dir).absolute()
        if running and holder(folder) is None:
            raise NothingRunning(f"nothing is running in {folder}")
        return folder
    project = project_of(args)
    root, named = project.root, named_profile(args, project)
    try:
        return choose(root, named).folder
    except NothingRunning:
        if running:
            raise
        kept = [path.parent for path in (root / ".launcher").glob("*/state.json")]
        if named:
            kept = [folder for folder in kept if folder.name == named]
        if not kept:
            raise
        return max(kept, key=lambda folder: (folder / "state.json").stat().st_mtime)


def _snapshot(folder: Path) -> Snapshot:
    answer = Client(folder).tell(wire.Status())
    assert isinstance(answer, wire.Now)
    return answer.snapshot


def _views(snapshot: Snapshot, name: str) -> list[InstanceView]:
    views = snapshot.of(name)
    if not views:
        raise UnknownService(f'no service "{name}"{did_you_mean(name, {one.service for one in snapshot.instances})}')
    return list(views)


def _is_meant(instance: str, words: list[str]) -> bool:
    return instance in words or service_of(instance) in words


def _label(instance: str, paths: dict[str, Path]) -> str:
    service = service_of(instance)
    alone = sum(service_of(name) == service for name in paths) == 1
    return service if alone else instance


def _print_line(label: str, at: float, text: str, width: int) -> None:
    import time  # noqa: PLC0415

    print(f"{time.strftime('%H:%M:%S', time.localtime(at))} {label.ljust(width)} | {text}", flush=True)
