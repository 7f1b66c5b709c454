"""The words and flags of every command, and their help: a part of the product."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from launcher import __version__
from launcher.errors import Usage

DESCRIPTION = """\
Starts services in dependency order, waits until each is ready, keeps them running, and takes them down.
Services are described once, in profiles/NAME.toml, or in a Procfile."""

EPILOG = """\
  launcher start                 start the profile dev (or the Procfile) and stay with it
  launcher start full --detach --wait
  launcher status; launcher why worker; launcher stop

Exit status: 0 done, 1 a service failed, 2 bad usage or profile, 3 nothing is running,
4 start-up failed and was rolled back or a wait timed out, 130/143 interrupted."""

#: Each command: its line in the list, what it does, examples.
TEXTS = {
    "start": (
        "start services, in order, and stay with them",
        (
            "Starts the profile's services and what they depend on, each when its gates are open, and shows their "
            "output. When a required one fails to become ready, what this start began is stopped again. Where a "
            "launcher of the profile runs already, starts what is missing there and follows it. Ctrl-C stops "
            "everything in reverse order."
        ),
        "launcher start\nlauncher start full --detach --wait\nlauncher start --services catalog,orders",
    ),
    "run": (
        "run a command in the services' environment",
        (
            "Runs it where you are, with what the env files say (of a profile: its env too; with --service NAME: all "
            "that this service gets). Its exit status is that of the command."
        ),
        "launcher run python manage.py shell\nlauncher run --service api -- printenv PORT",
    ),
    "check": (
        "check the Procfile, or the profile",
        "Of a Procfile: lists its processes on standard error. Of a profile: as `config check`.",
        "launcher check\nlauncher check -f Procfile.dev",
    ),
    "stop": (
        "stop services, or everything",
        (
            "Without names: stops everything in reverse order, and the launcher ends. With names: these only, after "
            "the dependents whose edge says on_loss = stop."
        ),
        "launcher stop\nlauncher stop worker",
    ),
    "restart": (
        "restart services",
        (
            "Stops and starts services, and dependents whose edge says on_loss = restart. A service whose gates could "
            "not open again is left as it is, unless --force."
        ),
        "launcher restart orders",
    ),
    "status": (
        "show every service: state, reason, port, health, resources",
        "",
        "launcher status\nlauncher status --json",
    ),
    "logs": (
        "show what services printed",
        "The last lines of each, in the order of their times; -f goes on until Ctrl-C or the launcher's end.",
        "launcher logs -n 100 orders\nlauncher logs -f",
    ),
    "wait": (
        "wait until services are ready",
        "Returns when all are ready or completed; exit status 1 when one never will be, 4 after --timeout.",
        "launcher wait web --timeout 30",
    ),
    "why": (
        "explain the state of a service",
        (
            "Walks the chain of causes: its state and reason, what it waits for, down to the exit code, the last "
            "check's answer, the last lines that it printed, and who holds its port."
        ),
        "launcher why worker",
    ),
    "timeline": (
        "show how the last start-up went, and what would make it shorter",
        (
            "A waterfall: who waited for whom, how long each took to start, and which of them decided how long all "
            "took (the critical path, marked *). docs/timeline.md explains it."
        ),
        "launcher timeline\nlauncher timeline --svg start.svg\nlauncher timeline --trace start.json",
    ),
    "doctor": (
        "check the machine, the project, and what earlier runs have left behind",
        (
            "Python and its versions, ports, stale sockets, orphans, limits, the clock, disk space, secrets written "
            "in profiles: each finding with its remedy. Nothing is changed. Exit status 1 if something is bad."
        ),
        "launcher doctor\nlauncher doctor --profile full --json",
    ),
    "plan": ("show what a start would do", "Nothing is started.", "launcher plan\nlauncher plan full --json"),
    "graph": (
        "show who depends on whom",
        "",
        "launcher graph\nlauncher graph --dot | dot -Tsvg > graph.svg",
    ),
    "config": (
        "show, check and describe profiles",
        (
            "show: the resolved profile as TOML (secrets masked). check: all problems of all files. "
            "schema: the JSON Schema, for editors."
        ),
        "launcher config check\nlauncher config show --origin\nlauncher config schema > profile.schema.json",
    ),
    "import": (
        "turn a Procfile, Compose, process-compose or supervisord file into a profile",
        (
            "Prints the profile, or writes it with -o. What cannot be carried over is told on standard error, line by "
            "line; --strict makes that an error. docs/import.md says what becomes of each key."
        ),
        (
            "launcher import Procfile -o profiles/dev.toml\n"
            "launcher import compose.yaml -o profiles/imported.toml && launcher config check --profile imported"
        ),
    ),
    "export": (
        "write the plan as the files of another tool",
        (
            "FORMAT: procfile, supervisord, systemd, compose, runit, upstart, or one that is installed besides. "
            "Without a LOCATION: to standard output. What the target cannot hold is told on standard error. With a "
            "Procfile as the source, and without --launcher, honcho's own exporters and templates are used."
        ),
        (
            "launcher export supervisord --profile prod | head\nlauncher export systemd deploy/ --profile prod\n"
            "launcher export procfile Procfile --profile prod --check"
        ),
    ),
    "explain": ("explain an error code", "Without a code: lists them all.", "launcher explain E1004"),
    "version": ("print the version", "", ""),
    "help": ("show the help of a command", "", "launcher help start"),
}


ALIASES = {"up": "start"}

#: After any other command, `-f` is that command's own.
OF_A_PROCFILE = frozenset({"start", "run", "check", "export", "plan", "graph", "config"})


class _Parser(argparse.ArgumentParser):
    """Raises Usage instead of printing and exiting."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, remedy=f"See {self.prog} --help.")


def parse(words: list[str], *, launch: bool = False) -> argparse.Namespace:
    """Parse a command line. As `launch`, a first word that is no command is what `start` is to start."""
    if launch and (first := _first_word(words)) not in {*TEXTS, *ALIASES} and not {"-h", "--help"} & set(words):
        at = words.index(first) if first is not None else len(words)
        words = [*words[:at], "start", *words[at:]]
    args = _parser(_first_word(words)).parse_args(words)
    args.command = ALIASES.get(args.command, args.command)
    return parse([*filter(None, [args.task]), "--help"]) if args.command == "help" else args


def _first_word(words: list[str]) -> str | None:
    takes_value = {"-C", "-d", "--app-root", "-e", "--env", "-f", "--procfile", "--profile", "--set", "--run-dir"}
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in takes_value:
            skip = True
        elif not word.startswith("-"):
            return word
    return None


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser of a command line whose command is this; of any other word: one that knows all commands."""
    parser = _Parser(
        "launcher", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _common(parser, top=True, procfile=True)
    # With its `prog` given it needs no formatter to make one (which would import shutil, bz2 and lzma).
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser, prog="launcher"
    )
    command = ALIASES.get(command or "", command)
    for name in [command] if command in TEXTS else TEXTS:
        OWN_FLAGS[name](_command(commands, name))
    return parser


def _start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="a profile, and services of it")
    parser.add_argument("--services", metavar="A,B", help="the services, where a name could also be a profile")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    parser.add_argument("--wait", action="store_true", help="with --detach: return when everything is ready")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="with --wait: give up waiting after so long")
    parser.add_argument("-p", "--port", metavar="N", help="a Procfile's first port (default: $PORT, else 5000)")
    parser.add_argument("-c", "--concurrency", metavar="A=2,B=1", help="how many of each (default: one)")
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
    parser.add_argument("format", metavar="FORMAT", help="procfile, supervisord, systemd, compose, runit, upstart …")
    parser.add_argument(
        "location", nargs="?", metavar="LOCATION", help="the folder, or the file where there is but one"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 with a diff when the files are out of date")
    parser.add_argument("--strict", action="store_true", help="what the target cannot hold is an error")
    parser.add_argument("--force", action="store_true", help="overwrite files that were edited or are not ours")
    parser.add_argument("--plain", action="store_true", help="the form that needs nothing of launcher on the target")
    parser.add_argument("--with-secrets", action="store_true", help="bake secret values; the files get mode 0600")
    parser.add_argument("--launcher", action="store_true", help="our exporters, for a Procfile too")
    group = parser.add_argument_group("as honcho has them")
    group.add_argument("-a", "--app", metavar="APP", help="the name of the whole (default: the folder's)")
    group.add_argument("-l", "--log", metavar="DIR", help="where the target keeps logs (default: /var/log/APP)")
    group.add_argument("-p", "--port", metavar="N", help="the first port of a Procfile (default: 5000)")
    group.add_argument("-c", "--concurrency", metavar="A=N,B=N", help="how many of each process of a Procfile")
    group.add_argument("-u", "--user", metavar="USER", help="who runs it (default: APP)")
    group.add_argument("-s", "--shell", metavar="SHELL", help="the shell that runs commands (default: /bin/sh)")
    group.add_argument("-t", "--template-dir", metavar="DIR", help="templates of your own for honcho's exporters")


def _command(commands: argparse._SubParsersAction[_Parser], name: str) -> _Parser:
    line, more, examples = TEXTS[name]
    parser = commands.add_parser(
        name,
        aliases=[alias for alias, meant in ALIASES.items() if meant == name],
        help=line,
        description=f"{line[0].upper()}{line[1:]}.\n{more}".rstrip(),
        epilog=f"examples:\n  {examples.replace(chr(10), chr(10) + '  ')}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter,
    )
    _common(parser, top=False, procfile=name in OF_A_PROCFILE)
    return parser


def _common(parser: argparse.ArgumentParser, *, top: bool, procfile: bool) -> None:
    """Flags that may stand before or after the command; there, only one that is given replaces the first."""

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS

    group = parser.add_argument_group("where and how")
    group.add_argument("-C", dest="directory", metavar="DIR", default=default(None), help="the project's folder")
    group.add_argument(
        "-d", "--app-root", metavar="DIR", default=default(None), help="the folder of the Procfile and its env files"
    )
    group.add_argument("-e", "--env", metavar="FILE,FILE", default=default(None), help="env files (default: .env)")
    if procfile:
        group.add_argument(
            "-f", "--procfile", metavar="FILE", default=default(None), help="run this Procfile, and no profile"
        )
        group.add_argument(
            "--no-prefix", action="store_true", default=default(False), help="print lines without time and name"
        )
        group.add_argument("-v", "--version", action="version", version=f"launcher {__version__}")
    group.add_argument("--profile", metavar="NAME", default=default(None), help="the profile")
    group.add_argument(
        "--set", action="append", metavar="PATH=VALUE", default=default(None), help="override a value of the profile"
    )
    group.add_argument("--run-dir", metavar="DIR", default=default(None), help="instead of .launcher/NAME")
    group.add_argument("--debug", action="store_true", default=default(False), help="show tracebacks")
    group.add_argument("--no-colour", action="store_true", default=default(False), help="no colours")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", help="with everything that this service gets, its port too")
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="after -- if it begins with a -")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="PROFILE", help="the profile (default: as for start)")


def _stop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="the services to stop (default: everything)")


def _restart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="SERVICE", help="the services to restart")
    parser.add_argument("--force", action="store_true", help="restart even if the gates cannot open again")


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("--json", action="store_true", help="the whole snapshot as JSON")


def _logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many lines (default: 50)")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these (default: all)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give up after so long: exit status 4")


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE")


def _plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    parser.add_argument("--json", action="store_true", help="the plan as JSON")


def _graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    parser.add_argument("--dot", action="store_true", help="in Graphviz' language")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "check", "schema"), metavar="show|check|schema")
    parser.add_argument("words", nargs="*", default=[], metavar="PROFILE", help="the profile (default: as for start)")
    parser.add_argument("--origin", action="store_true", help="show: where each value was written")


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
    "why": _why,
    "timeline": _timeline,
    "doctor": _doctor,
    "plan": _plan,
    "graph": _graph,
    "config": _config,
    "export": _export,
    "explain": _explain,
    "import": _import,
    "version": _version,
    "help": _help,
}
