"""The command line: which command, and the one place that catches and prints errors.

What is asked for most often is answered before anything is imported for it; every command is imported when it is used.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from launcher import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launcher.errors import LauncherError

USAGE, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. Never raises for what a user can meet."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["version"], ["-v"]):
        print(f"launcher {__version__}")
        return 0
    from launcher.errors import LauncherError  # noqa: PLC0415

    _import_msgspec()
    debug = "--debug" in words
    try:
        return _run(words)
    except LauncherError as error:
        if debug:
            raise
        return _tell(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if debug:
            raise
        return _tell(_internal(error))


def _tell(error: LauncherError) -> int:
    from launcher.cli.sentences import describe  # noqa: PLC0415  (for those who meet an error)

    sys.stderr.write(describe(error, colour=_wants_colour()))
    return error.status


def _run(words: list[str]) -> int:  # noqa: PLR0911  (a row for each module of commands)
    from launcher.cli.parser import parse  # noqa: PLC0415

    args = parse(words, launch=os.path.basename(sys.argv[0]) == "launch")  # noqa: PTH119  (pathlib costs start-up time)
    match args.command:
        case "start" | "up":
            from launcher.cli import run  # noqa: PLC0415

            return run.start(args)
        case "run":
            from launcher.cli import oneoff  # noqa: PLC0415

            return oneoff.run(args)
        case "status" | "why":
            from launcher.cli import last_run  # noqa: PLC0415

            return last_run.COMMANDS[args.command](args)
        case "stop" | "restart" | "logs" | "wait":
            from launcher.cli import control  # noqa: PLC0415

            return control.COMMANDS[args.command](args)
        case "export":
            from launcher.cli import export  # noqa: PLC0415

            return export.export(args)
        case "timeline":
            from launcher.cli.timeline import timeline  # noqa: PLC0415

            return timeline(args)
        case "doctor":
            from launcher.cli.doctor import doctor  # noqa: PLC0415

            return doctor(args)
        case "plan" | "graph" | "explain" | "version":
            from launcher.cli import inspect  # noqa: PLC0415

            return inspect.COMMANDS[args.command](args)
        case "import":
            from launcher.cli.import_ import import_  # noqa: PLC0415

            return import_(args)
        case _:
            from launcher.cli import files  # noqa: PLC0415

            return files.COMMANDS[args.command](args)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions.

    It takes that where it happens to be installed, and from Python 3.11 on needs nothing of it; but it costs every
    command 9 ms and 2 MB, `inspect` and `ast` included.
    """
    name = "typing_extensions"
    if name not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment]  # how the import system is told that there is none
        try:
            import msgspec  # noqa: F401, PLC0415  (for those who import it next)
        finally:
            del sys.modules[name]


def _wants_colour() -> bool:
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return False
    import colorama  # noqa: PLC0415  (only a terminal needs it)

    colorama.just_fix_windows_console()
    return True


def _internal(error: Exception) -> LauncherError:
    from launcher.errors import InternalError  # noqa: PLC0415

    return InternalError(f"{type(error).__name__}: {error}")
