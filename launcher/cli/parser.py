"""From the words of a command line to a namespace: which command, and the flags that all commands have."""

from __future__ import annotations

import argparse
from typing import NoReturn

from launcher import __version__
from launcher.cli.flags import OWN_FLAGS
from launcher.cli.terminal import columns
from launcher.cli.texts import DESCRIPTION, EPILOG, TEXTS
from launcher.errors import Usage

ALIASES = {"up": "start"}

#: After any other command, `-f` is that command's own.
OF_A_PROCFILE = frozenset({"start", "run", "check", "export", "plan", "graph", "measure", "config"})


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, made for every argument; told its width, it need not import shutil, bz2 and lzma to find it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns(80) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from textwrap import fill  # noqa: PLC0415  (for --help)

        wrapped = [
            line if line[:1] == " " else fill(line, width, initial_indent=indent, subsequent_indent=indent)
            for line in text.split("\n")
        ]
        return "\n".join(wrapped)


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
    takes_value = {
        "-C",
        "-d",
        "--app-root",
        "-e",
        "--env",
        "-f",
        "--procfile",
        "--profile",
        "--set",
        "--run-dir",
        "--host",
        "--token",
    }
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
    parser = _Parser("launcher", description=DESCRIPTION, epilog=EPILOG, formatter_class=_Formatter)
    _common(parser, top=True, procfile=True)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser, prog="launcher"
    )
    command = ALIASES.get(command or "", command)
    for name in [command] if command in TEXTS else TEXTS:
        OWN_FLAGS[name](_command(commands, name))
    return parser


def _command(commands: argparse._SubParsersAction[_Parser], name: str) -> _Parser:
    line, more, examples = TEXTS[name]
    parser = commands.add_parser(
        name,
        aliases=[alias for alias, meant in ALIASES.items() if meant == name],
        help=line,
        description=f"{line[0].upper()}{line[1:]}.\n{more}".rstrip(),
        epilog=f"examples:\n  {examples.replace(chr(10), chr(10) + '  ')}" if examples else None,
        formatter_class=_Formatter,
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
    group.add_argument("--host", metavar="URL", default=default(None), help="a launcher elsewhere: https://host:port")
    group.add_argument("--token", default=default(None), help="its token (default: $LAUNCHER_TOKEN)")
    group.add_argument("--run-dir", metavar="DIR", default=default(None), help="instead of .launcher/NAME")
    group.add_argument("--debug", action="store_true", default=default(False), help="show tracebacks")
    group.add_argument("--no-colour", action="store_true", default=default(False), help="no colours")
