"""The commands about what runs: stop, restart, status, wait, probe, why."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli.source import named_profile, project_of
from launcher.cli.terminal import columns
from launcher.control import wire
from launcher.control.named import views_of
from launcher.control.running import choose, holder
from launcher.errors import LauncherGone, NothingRunning

if TYPE_CHECKING:
    from argparse import Namespace

    from launcher.control.client import Client
    from launcher.observe.why import Evidence
    from launcher.orchestrator.snapshot import InstanceView

#: How many lines of its log close what is said of a service that is not well.
LAST_LINES = 10


def stop(args: Namespace) -> int:
    """Stop services, or everything: then return when the launcher has gone, and supervisord where it ran under that."""
    folder = None if args.words or args.host else folder_of(args)
    status = _command(args, lambda client: client.stop(args.words), tells=bool(args.words))
    if folder is not None:
        from launcher.cli.join import await_end  # noqa: PLC0415

        await_end(folder)
    return status


def restart(args: Namespace) -> int:
    """Restart services."""
    return _command(args, lambda client: client.restart(args.words, force=args.force))


def wait(args: Namespace) -> int:
    """Wait until services are ready."""
    return _command(args, lambda client: client.wait(args.words, timeout=args.timeout), quiet=True)


def probe(args: Namespace) -> int:
    """Check services now."""
    return _command(args, lambda client: client.probe(args.words), quiet=True)


def status(args: Namespace) -> int:
    """Show every service."""
    from msgspec.structs import replace  # noqa: PLC0415

    client = client_of(args)
    snapshot = client.status()
    if args.words:
        views = tuple(view for name in args.words for view in views_of(snapshot, name))
        snapshot = replace(snapshot, instances=views)
    if args.json:
        from msgspec import json  # noqa: PLC0415

        print(json.format(json.encode(snapshot)).decode())
        return 0
    from launcher.cli.table import table  # noqa: PLC0415

    usage = client.usage()
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not args.no_colour
    width = columns(120) if sys.stdout.isatty() else 200
    print(f"{snapshot.profile}  (launcher pid {snapshot.pid})")
    print(table(snapshot, usage, width=width, colour=colour))
    return 0


def why(args: Namespace) -> int:
    """Explain the state of a service."""
    from launcher.observe.why import Evidence, chain, suspects  # noqa: PLC0415

    snapshot = client_of(args).status()
    views_of(snapshot, args.service)
    evidence = Evidence()
    if not args.host:  # another machine's logs and ports are not to be seen
        evidence = _evidence(folder_of(args), suspects(snapshot, args.service), launcher=snapshot.pid)
    print("\n".join(chain(snapshot, args.service, evidence)))
    return 0


def _command(
    args: Namespace, ask: Callable[[Client], Iterator[wire.AnySent]], *, quiet: bool = False, tells: bool = True
) -> int:
    """Have a command carried out, showing its progress and, if it `tells`, the states reached; the exit status."""
    from launcher.observe.entries import is_start  # noqa: PLC0415
    from launcher.observe.wording import started, wording  # noqa: PLC0415

    for sent in ask(client_of(args)):
        match sent:
            case wire.Moved(news=news) if not quiet:
                lines = wording(news, since=None, signal=None, procfile=False)
                if is_start(news):
                    lines = (started(news),)
                for line in lines:
                    print(line, flush=True)
            case wire.Told(news=told) if not quiet:
                print(told.text, flush=True)
            case wire.Done():
                error = wire.error_of(sent.faults)
                if error is not None:
                    raise error
                if tells:
                    print("\n".join(sent.lines))
                return sent.status
            case _:
                pass
    raise LauncherGone("the launcher ended before it had answered")


def _evidence(folder: Path, suspects: list[InstanceView], *, launcher: int) -> Evidence:
    """What the disk and the machine know of instances that are not well.

    That a service listens on its own port, or the launcher on its behalf, explains nothing.
    """
    from launcher.engines.sockets import holders_of  # noqa: PLC0415
    from launcher.observe.logfile import log_path  # noqa: PLC0415
    from launcher.observe.logread import tail  # noqa: PLC0415
    from launcher.observe.why import Evidence  # noqa: PLC0415
    from launcher.profile.secrets import mask_urls  # noqa: PLC0415

    lines: dict[str, list[str]] = {}
    for view in suspects:
        path = log_path(folder / "logs", view.name)
        lines[view.name] = [line.text for line in tail(view.label, path, LAST_LINES, since=view.started or 0.0)]
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


def client_of(args: Namespace) -> Client:
    """The launcher meant: a remote one where a host is named."""
    from launcher.control.client import Client  # noqa: PLC0415

    if args.host:
        return Client(host=args.host, token=args.token or os.environ.get("LAUNCHER_TOKEN", ""))
    return Client(folder=folder_of(args))
