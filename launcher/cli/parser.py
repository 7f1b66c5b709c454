"""The words and flags of every command, and their help: a part of the product."""

from __future__ import annotations

import argparse
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
        "Walks the chain of causes: its state and reason, what it waits for, the last check, down to the cause.",
        "launcher why worker",
    ),
    "history": (
        "show what happened to services, and how well they did",
        (
            "Every change of state, every time a service was down, with its cause and length, and of each service the "
            "uptime, restarts and mean time to recovery. Tells what was kept when nothing runs, too."
        ),
        "launcher history\nlauncher history catalog --since 1h\nlauncher history --json",
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
    "explain": ("explain an error code", "Without a code: lists them all.", "launcher explain E1004"),
    "version": ("print the version", "", ""),
}


class _Parser(argparse.ArgumentParser):
    """Raises Usage instead of printing and exiting."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, remedy=f"See {self.prog} --help.")


def parse(words: list[str], *, launch: bool = False) -> argparse.Namespace:
    """Parse a command line. As `launch`, a first word that is no command is what `start` is to start."""
    if launch and (first := _first_word(words)) not in {*TEXTS, "up"} and not {"-h", "--help"} & set(words):
        at = words.index(first) if first is not None else len(words)
        words = [*words[:at], "start", *words[at:]]
    args = _parser().parse_args(words)
    args.command = "start" if args.command == "up" else args.command
    return args


def _first_word(words: list[str]) -> str | None:
    takes_value = {"-C", "--profile", "--set", "--run-dir"}
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in takes_value:
            skip = True
        elif not word.startswith("-"):
            return word
    return None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "launcher", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-v", "--version", action="version", version=f"launcher {__version__}")
    _common(parser, top=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    made = {name: _command(commands, name) for name in TEXTS}
    _start(made["start"])
    made["stop"].add_argument("words", nargs="*", metavar="SERVICE", help="the services to stop (default: everything)")
    made["restart"].add_argument("words", nargs="+", metavar="SERVICE", help="the services to restart")
    made["restart"].add_argument("--force", action="store_true", help="restart even if the gates cannot open again")
    made["status"].add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    made["status"].add_argument("--json", action="store_true", help="the whole snapshot as JSON")
    made["logs"].add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    made["logs"].add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    made["logs"].add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many lines (default: 50)")
    made["wait"].add_argument("words", nargs="*", metavar="SERVICE", help="only these (default: all)")
    made["wait"].add_argument("--timeout", type=float, metavar="SECONDS", help="give up after so long: exit status 4")
    made["why"].add_argument("service", metavar="SERVICE")
    _history(made["history"])
    for name in ("plan", "graph"):
        made[name].add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="as for start")
    made["plan"].add_argument("--json", action="store_true", help="the plan as JSON")
    made["graph"].add_argument("--dot", action="store_true", help="in Graphviz' language")
    made["config"].add_argument("action", choices=("show", "check", "schema"))
    made["config"].add_argument("words", nargs="*", metavar="PROFILE", help="the profile (default: as for start)")
    made["config"].add_argument("--origin", action="store_true", help="show: where each value was written")
    made["explain"].add_argument("code", nargs="?", help="for example 1004, E1004 or W7003")
    return parser


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SERVICE", help="only these")
    parser.add_argument("--since", metavar="TIME", help='only the last "1h", "2d", "90s" (default: all that is kept)')
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many changes (default: 50)")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def _start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[PROFILE] SERVICE", help="a profile, and services of it")
    parser.add_argument("--services", metavar="A,B", help="the services, where a name could also be a profile")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    parser.add_argument("--wait", action="store_true", help="with --detach: return when everything is ready")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="with --wait: give up waiting after so long")
    parser.add_argument("--no-prefix", action="store_true", help="print lines without time and name")
    parser.add_argument("-q", "--quiet", metavar="A,B", help="do not show the output of these services")


def _command(commands: argparse._SubParsersAction[_Parser], name: str) -> _Parser:
    line, more, examples = TEXTS[name]
    parser = commands.add_parser(
        name,
        aliases=["up"] if name == "start" else [],
        help=line,
        description=f"{line[0].upper()}{line[1:]}.\n{more}".rstrip(),
        epilog=f"examples:\n  {examples.replace(chr(10), chr(10) + '  ')}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter,
    )
    _common(parser, top=False)
    return parser


def _common(parser: argparse.ArgumentParser, *, top: bool) -> None:
    """Flags that may stand before or after the command; there, only one that is given replaces the first."""

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS

    group = parser.add_argument_group("where and how")
    group.add_argument("-C", dest="directory", metavar="DIR", default=default(None), help="the project's folder")
    group.add_argument("--profile", metavar="NAME", default=default(None), help="the profile")
    group.add_argument(
        "--set", action="append", metavar="PATH=VALUE", default=default(None), help="override a value of the profile"
    )
    group.add_argument("--run-dir", metavar="DIR", default=default(None), help="instead of .launcher/NAME")
    group.add_argument("--debug", action="store_true", default=default(False), help="show tracebacks")
    group.add_argument("--no-colour", action="store_true", default=default(False), help="no colours")
