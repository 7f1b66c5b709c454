"""`launcher history`: what happened to the services, from the store itself, so that it tells when nothing runs too."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from launcher.cli.terminal import columns
from launcher.errors import HistoryUnreadable, LauncherError, NothingRunning, ProblemsFound, UnknownService

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from pathlib import Path

    from launcher.observe.history.read import Course, Report, Spell
    from launcher.observe.history.record import Record, Store


def show(args: Namespace) -> int:
    """Show the changes, the spells and how each service did."""
    from launcher.control.running import holder  # noqa: PLC0415
    from launcher.observe.history.asking import ask  # noqa: PLC0415
    from launcher.observe.history.record import StoreTrouble  # noqa: PLC0415

    since = _seconds(args.since)
    store, folder, services = _store(args)
    try:
        runs = holder(folder)
        lines = None if args.json else args.lines
        found = ask(store, args.words, since=since, lines=lines, pid=runs.pid if runs is not None else None)
    except StoreTrouble as trouble:
        raise HistoryUnreadable(str(trouble)) from trouble
    finally:
        store.close()
    if args.words and not found.changes and not found.services:
        _refuse_unknown(args.words, services)
    if args.json:
        from msgspec import json  # noqa: PLC0415

        print(json.format(json.encode(found)).decode())
    else:
        print(render(found))
    return 0


def render(found: Report) -> str:
    """The report as text: the changes, the spells, a line for each service."""
    if not found.changes:
        return "nothing has happened" + (" in that time" if found.since is not None else "")
    parts = [_table([_change(record) for record in found.changes], ("time", "name", "state", "exit", "why"))]
    if found.more:
        parts[0] = f"({found.more} earlier changes: -n shows more)\n{parts[0]}"
    if found.spells:
        rows = [_spell(spell) for spell in found.spells[-len(found.changes) :]]
        parts.append(_table(rows, ("down since", "name", "for", "then", "cause")))
    headings = ("service", "uptime", "up", "down", "restarts", "unhealthy", "down times", "mean to recovery")
    parts.append(_table([_course(course) for course in found.services], headings))
    return "\n\n".join(parts)


def _store(args: Namespace) -> tuple[Store, Path, list[str]]:
    """The store of the launcher meant, its run folder, and the services that its profile has now."""
    from launcher.cli.control import folder_of  # noqa: PLC0415
    from launcher.cli.source import project_of  # noqa: PLC0415
    from launcher.cli.target import target_of  # noqa: PLC0415
    from launcher.observe.history.stores import FILE, prefix_of, resolver, store_of  # noqa: PLC0415
    from launcher.profile.model import History  # noqa: PLC0415
    from launcher.world import SystemWorld  # noqa: PLC0415

    folder: Path | None = None
    try:
        folder = folder_of(args, running=False)
        if args.profile is None and folder.name in project_of(args).profiles:
            args.profile = folder.name
    except NothingRunning:
        pass  # the profile may keep its history elsewhere
    settings, prefix, services = History(), "", list[str]()
    world, env_files = SystemWorld(project_of(args).root, os.environ), list[str]()
    try:
        target = target_of(args)
    except ProblemsFound:
        if folder is None or not (folder / FILE).exists():
            raise
        # A profile that has become unreadable is no reason to be silent about the past.
    else:
        profile = target.loaded.profile
        folder = folder or target.folder
        settings, env_files, services = profile.settings.history, profile.settings.env_file, list(profile.services)
        prefix = prefix_of(profile.root, profile.name)
        world = SystemWorld(target.project.root, os.environ, procfile=profile.procfile)
    try:
        resolve = resolver(world, env_files)
        store = store_of(settings, folder=folder, prefix=prefix, resolve=resolve, wall=time.time)
    except LauncherError as error:
        raise HistoryUnreadable(f"the address of the history: {error.sentence}") from error
    return store, folder, services


def _seconds(text: str | None) -> float | None:
    from launcher.errors import Usage, WrongType  # noqa: PLC0415
    from launcher.profile.durations import parse_duration  # noqa: PLC0415

    if text is None:
        return None
    try:
        return parse_duration(text)
    except WrongType as error:
        raise Usage(f"--since: {error.sentence}", remedy='For example: --since 1h, --since "2d12h".') from error


def _refuse_unknown(words: Sequence[str], services: Sequence[str]) -> None:
    from launcher.plan.names import service_of  # noqa: PLC0415
    from launcher.profile.names import did_you_mean  # noqa: PLC0415

    for word in words:
        if services and word not in services and service_of(word) not in services:
            raise UnknownService(f'no service "{word}"{did_you_mean(word, services)}')


def _change(record: Record) -> list[str]:
    exit_code = "" if record.exit_code is None else str(record.exit_code)
    return [
        _at(record.at),
        record.label,
        f"{record.before} → {record.state}",
        exit_code,
        record.reason.replace("\n", " "),
    ]


def _spell(spell: Spell) -> list[str]:
    cause = f"{spell.state}: {spell.cause}".replace("\n", " ")
    return [_at(spell.began), spell.label, _length(spell.seconds), spell.outcome, cause]


def _course(course: Course) -> list[str]:
    return [
        course.service,
        "" if course.uptime is None else f"{_percent(course.uptime)}%",
        _length(course.up) if course.up else "",
        _length(course.down) if course.down else "",
        str(course.restarts or ""),
        str(course.unhealthy or ""),
        str(course.spells or ""),
        "" if course.recovery is None else _length(course.recovery),
    ]


def _percent(share: float) -> str:
    """Cut off rather than rounded: what was down at all was not up 100 % of the time."""
    return "100" if share == 1 else f"{int(share * 100_000) / 1000:.3f}"


def _length(seconds: float) -> str:
    from launcher.cli.table import duration  # noqa: PLC0415

    minute = 60
    return f"{seconds:.1f}s" if seconds < minute else duration(seconds)


def _at(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _table(rows: list[list[str]], headings: tuple[str, ...]) -> str:
    from tabulate import tabulate  # noqa: PLC0415  (50 ms, for the commands that print tables)

    text = tabulate(rows, headings, tablefmt="plain", disable_numparse=True)
    if not sys.stdout.isatty():
        return "\n".join(line.rstrip() for line in text.splitlines())

    width = columns(120)
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in text.splitlines())
