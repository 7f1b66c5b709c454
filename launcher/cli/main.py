"""The command line: which command, and the one place that catches and prints errors.

What is asked for most often is answered before anything is imported for it; every command is imported when it is used.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from launcher import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from launcher.errors import LauncherError

USAGE, INTERRUPTED = 2, 130

#: Where each command stands: a module of this room, imported when its command is used, and a function.
PLACES = {
    "start": "run:start",
    "run": "oneoff:run",
    "check": "files:check",
    "stop": "control:stop",
    "restart": "control:restart",
    "status": "last_run:status",
    "logs": "logs:logs",
    "wait": "control:wait",
    "probe": "control:probe",
    "why": "last_run:why",
    "events": "events:events",
    "history": "history:show",
    "timeline": "timeline:timeline",
    "doctor": "doctor:doctor",
    "plan": "inspect:plan",
    "graph": "inspect:graph",
    "measure": "measure:measure_modes",
    "config": "files:config",
    "export": "export:export",
    "merge": "export:export",
    "import": "import_:import_",
    "install": "install:install",
    "uninstall": "install:uninstall",
    "explain": "inspect:explain",
    "version": "inspect:version",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. Never raises for what a user can meet."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["version"], ["-v"]):
        print(f"launcher {__version__}")
        return 0
    gc.disable()  # what a command makes while it begins, it keeps: looking for garbage in it costs 5 ms
    from launcher.cli.lean import import_foundation  # noqa: PLC0415

    import_foundation()
    return answer(lambda: _run(words), debug="--debug" in words)


def answer(run: Callable[[], int], *, debug: bool = False) -> int:
    """Run something to its status; whatever goes wrong is told in a sentence, without secrets."""
    from launcher.errors import LauncherError  # noqa: PLC0415

    try:
        return run()
    except LauncherError as error:
        return _tell(error, debug=debug)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:  # noqa: BLE001  (a bug of ours: said in a sentence, or with --debug in full)
        return _tell(_internal(error).with_traceback(error.__traceback__), debug=debug)


def command() -> NoReturn:
    """Run `main` as the whole of a process."""
    leave(main())


def leave(status: int) -> NoReturn:
    """End the process without taking the interpreter apart, which is a tenth of any command."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed from the start
                stream.flush()
    except BrokenPipeError:
        pass  # as above
    except OSError:
        sys.exit(status)  # a full disk, say: Python tells of it in its own way
    os._exit(status)


def _tell(error: LauncherError, *, debug: bool) -> int:
    from launcher.cli.sentences import describe  # noqa: PLC0415  (for those who meet an error)

    sys.stderr.write(_discreet(_traceback(error) if debug else describe(error, colour=_wants_colour())))
    return error.status


def _discreet(text: str) -> str:
    """What goes wrong quotes values: no secret of the environment, and no password of a URL, is among them."""
    from launcher.observe.redact import Redactor  # noqa: PLC0415
    from launcher.profile.secrets import secret_values  # noqa: PLC0415

    redactor = Redactor()
    redactor.learn(secret_values(os.environ))
    return redactor.text(text)


def _traceback(error: Exception) -> str:
    import traceback  # noqa: PLC0415  (only for --debug)

    return "".join(traceback.format_exception(error))


def _run(words: list[str]) -> int:
    from importlib import import_module  # noqa: PLC0415  (with the first command)

    from launcher.cli.parser import parse  # noqa: PLC0415

    args = parse(words, launch=os.path.basename(sys.argv[0]) == "launch")  # noqa: PTH119  (pathlib costs start-up time)
    module, _, name = PLACES[args.command].partition(":")
    command = getattr(import_module(f"launcher.cli.{module}"), name)
    if args.command != "start":  # which does so when its loop begins
        gc.enable()
    status: int = command(args)
    return status


def _wants_colour() -> bool:
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return False
    import colorama  # noqa: PLC0415  (only a terminal needs it)

    colorama.just_fix_windows_console()
    return True


def _internal(error: Exception) -> LauncherError:
    from launcher.errors import InternalError  # noqa: PLC0415

    return InternalError(f"{type(error).__name__}: {error}")
