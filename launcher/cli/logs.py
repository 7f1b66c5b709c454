"""`launcher logs`: what services printed, from their log files, and with -f what they go on to print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from launcher.cli.control import folder_of
from launcher.errors import UnknownService, Usage, WrongType
from launcher.plan.names import label_among, service_of
from launcher.profile.names import did_you_mean

if TYPE_CHECKING:
    import re
    from argparse import Namespace

#: How many lines of each log are shown where nothing else is asked for.
USUAL = 50

Show = Callable[[str, float, str], None]


class Wanted(NamedTuple):
    """Which lines: the last `last` of those since a moment in which the pattern is found."""

    last: int | None
    since: float | None
    pattern: re.Pattern[str] | None


def logs(args: Namespace) -> int:
    """Show the lines asked for; the exit status."""
    from launcher.observe.logread import merge  # noqa: PLC0415

    wanted = _wanted(args)
    folder = folder_of(args, running=args.follow)
    paths = _paths(folder, args.words)
    labels = {name: label_among(name, paths) for name in paths}
    show = _print_object if args.json else _in_columns(labels)
    for line in merge(paths, wanted.last, since=wanted.since, pattern=wanted.pattern):
        show(line.label, line.at, line.text)
    if args.follow:
        try:
            _follow(folder, args.words, wanted.pattern, show)
        except KeyboardInterrupt:
            return 130
    return 0


def _wanted(args: Namespace) -> Wanted:
    since = pattern = None
    if args.since is not None:
        import time  # noqa: PLC0415

        from launcher.profile.durations import parse_duration  # noqa: PLC0415

        try:
            since = time.time() - parse_duration(args.since)
        except WrongType as problem:
            raise Usage(f"--since: {problem.sentence}", remedy=problem.remedy) from problem
    if args.grep is not None:
        import re  # noqa: PLC0415

        try:
            pattern = re.compile(args.grep)
        except re.error as problem:
            raise Usage(f"--grep: not a regular expression: {problem}") from problem
    if args.lines is not None:
        return Wanted(max(0, args.lines), since, pattern)
    return Wanted(USUAL if since is None and pattern is None else None, since, pattern)


def _paths(folder: Path, words: list[str]) -> dict[str, Path]:
    """The log files of the instances meant, by name; raises UnknownService for a word that means none."""
    # Those of instances, which all have a dot in their names: a supervisord and its agent have theirs there too.
    found = sorted((folder / "logs").glob("*.*.log"))
    paths = {path.name.removesuffix(".log"): path for path in found}
    for word in words:
        if not any(_is_meant(name, [word]) for name in paths):
            raise UnknownService(f'no log of "{word}"{did_you_mean(word, [service_of(name) for name in paths])}')
    return {name: path for name, path in paths.items() if not words or _is_meant(name, words)}


def _follow(folder: Path, words: list[str], pattern: re.Pattern[str] | None, show: Show) -> None:
    from launcher.control import wire  # noqa: PLC0415
    from launcher.control.client import Client  # noqa: PLC0415

    for answer in Client(folder=folder).logs(words):
        if isinstance(answer, wire.Output):
            for text in answer.text.split("\n")[:-1]:
                if pattern is None or pattern.search(text):
                    show(answer.instance, answer.at, text)
        elif isinstance(answer, wire.Missed):
            sys.stderr.write(f"({answer.lines} lines came too fast; they are in the log files)\n")


def _is_meant(instance: str, words: list[str]) -> bool:
    return instance in words or service_of(instance) in words


def _in_columns(labels: dict[str, str]) -> Show:
    import time  # noqa: PLC0415

    width = max(map(len, labels.values()), default=0)

    def show(instance: str, at: float, text: str) -> None:
        label = labels.get(instance) or service_of(instance)
        print(f"{time.strftime('%H:%M:%S', time.localtime(at))} {label.ljust(width)} | {text}", flush=True)

    return show


def _print_object(instance: str, at: float, text: str) -> None:
    from launcher.observe.entries import of_line  # noqa: PLC0415

    print(of_line(instance, at, text).decode(), end="", flush=True)
