"""The flags of each command, besides those that all have. Knows words, and nothing of what they do."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from launcher.cli.texts import TEXTS


def _start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="a profile, and services of it")
    parser.add_argument("--services", metavar="A,B", help="the services, where a name could also be a profile")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    parser.add_argument("--wait", action="store_true", help="the same, but return only when everything is ready")
    parser.add_argument(
        "--engine", choices=("local", "supervisord"), help="what runs the processes (default: the profile's)"
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="with --wait: give up waiting after so long")
    parser.add_argument("-p", "--port", metavar="N", help="a Procfile's first port (default: $PORT, else 5000)")
    parser.add_argument("-c", "--concurrency", metavar="A=2,B=1", help="how many of each (default: one)")
    parser.add_argument(
        "--log-format", choices=("text", "json"), help="print text, or one JSON object a line (default: the profile's)"
    )
    parser.add_argument("-q", "--quiet", metavar="A,B", help="do not show the output of these services")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file to import")
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="write there (default: standard output)")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help="procfile, compose, process_compose or supervisord (default: told from name and content)",
    )
    parser.add_argument("--strict", action="store_true", help="what cannot be carried over is an error")
    parser.add_argument("--force", action="store_true", help="overwrite the file named with -o")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "format", metavar="FORMAT", help="procfile, supervisord, systemd, compose, merged, runit, upstart …"
    )
    parser.add_argument(
        "location", nargs="?", metavar="LOCATION", help="the folder, or the file where there is but one"
    )
    _exported(parser)
    parser.add_argument("--plain", action="store_true", help="the form that needs nothing of launcher on the target")
    parser.add_argument("--launcher", action="store_true", help="our exporters, for a Procfile too")
    group = parser.add_argument_group("as honcho has them")
    group.add_argument("-a", "--app", metavar="APP", help="the name of the whole (default: the folder's)")
    group.add_argument("-l", "--log", metavar="DIR", help="where the target keeps logs (default: /var/log/APP)")
    group.add_argument("-p", "--port", metavar="N", help="the first port of a Procfile (default: 5000)")
    group.add_argument("-c", "--concurrency", metavar="A=N,B=N", help="how many of each process of a Procfile")
    group.add_argument("-u", "--user", metavar="USER", help="who runs it (default: APP)")
    group.add_argument("-s", "--shell", metavar="SHELL", help="the shell that runs commands (default: /bin/sh)")
    group.add_argument("-t", "--template-dir", metavar="DIR", help="templates of your own for honcho's exporters")


def _merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("location", nargs="?", metavar="FILE", help="the module, or the folder to put it in")
    _exported(parser)
    asked_elsewhere = ("app", "log", "port", "concurrency", "user", "shell", "template_dir")
    parser.set_defaults(format="merged", launcher=True, plain=False, **dict.fromkeys(asked_elsewhere))


def _exported(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="exit 1 with a diff when the files are out of date")
    parser.add_argument("--strict", action="store_true", help="what the target cannot hold is an error")
    parser.add_argument("--force", action="store_true", help="overwrite files that were edited or are not ours")
    parser.add_argument("--with-secrets", action="store_true", help="bake secret values; the files get mode 0600")


def _whose_systemd(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", action="store_true", help="a unit of your own systemd (default, unless root)")
    whose.add_argument("--system", action="store_true", help="a unit of the system's (default for root)")
    parser.add_argument("--name", metavar="NAME", help="the unit's name (default: launcher-FOLDER-PROFILE)")


def _install(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("location", metavar="DIR", help="the folder of `launcher export supervisord DIR`")
    _whose_systemd(parser)
    parser.add_argument("--enable", action="store_true", help="have it started at boot (of your own: at login)")
    parser.add_argument("--start", action="store_true", help="start it now")
    parser.add_argument("--force", action="store_true", help="overwrite a unit that was edited")


def _uninstall(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("location", nargs="?", metavar="DIR", help="the folder that it was installed for")
    _whose_systemd(parser)
    parser.add_argument("--force", action="store_true", help="also one that was edited, or without asking systemd")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", help="with everything that this service gets, its port too")
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="after -- if it begins with a -")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="PROFILE", help="the profile (default: as for start)")


def _stop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="the services to stop (default: everything)")


def _restart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="SERVICE", help="the services to restart")
    parser.add_argument(
        "--force",
        action="store_true",
        help="start what they depend on, too; end what shares a process before it starts anew",
    )


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("--json", action="store_true", help="the whole snapshot as JSON")


def _logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument(
        "-n", "--lines", type=int, metavar="N", help="how many lines of each (default: 50; with --since or --grep: all)"
    )
    parser.add_argument("--since", metavar="AGO", help="only lines not older than this: 90, 10m, 1h30m")
    parser.add_argument("--grep", metavar="REGEX", help="only lines in which this expression is found")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these (default: all)")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these (default: all)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give up after so long: exit status 4")


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE")


def _events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("--since", metavar="TIME", help='only the last "1h", "2d", "90s" (default: all that is kept)')
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many changes (default: 50)")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def _plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    parser.add_argument("--json", action="store_true", help="the plan as JSON")


def _measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="how long each mode may take (default: 60)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON, in seconds and bytes")


def _graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    parser.add_argument("--dot", action="store_true", help="in Graphviz' language")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "check", "schema"), metavar="show|check|schema")
    parser.add_argument("words", nargs="*", default=[], metavar="PROFILE", help="the profile (default: as for start)")
    parser.add_argument("--origin", action="store_true", help="show: where each value was written")
    parser.add_argument(
        "--imports", action="store_true", help="check: import every app in a process of its own, and look at its routes"
    )


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", help="for example 1004, E1004 or W7003")


def _help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", nargs="?", metavar="COMMAND", choices=tuple(TEXTS), help="the command")


def _version(_: argparse.ArgumentParser) -> None:
    """It has no flags of its own."""


def _timeline(parser: argparse.ArgumentParser) -> None:
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="every time and gate as JSON")
    shape.add_argument("--svg", metavar="FILE", help="write a picture (- for standard output)")
    shape.add_argument("--trace", metavar="FILE", help="write a trace for ui.perfetto.dev or chrome://tracing")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


#: What each command takes besides the flags that all have.
OWN_FLAGS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "start": _start,
    "run": _run,
    "check": _check,
    "stop": _stop,
    "restart": _restart,
    "status": _status,
    "logs": _logs,
    "wait": _wait,
    "probe": _probe,
    "why": _why,
    "events": _events,
    "history": _history,
    "timeline": _timeline,
    "doctor": _doctor,
    "plan": _plan,
    "graph": _graph,
    "measure": _measure,
    "config": _config,
    "export": _export,
    "merge": _merge,
    "explain": _explain,
    "import": _import,
    "install": _install,
    "uninstall": _uninstall,
    "version": _version,
    "help": _help,
}
