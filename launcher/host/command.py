"""The command line of the host: one app, served on the sockets handed over, until SIGTERM.

Knows the hand-over of sockets (sd_listen_fds: LISTEN_FDS, LISTEN_PID, from descriptor 3), how to bind one where nobody
hands any over, the module path and the exit codes: 0 stopped as asked, 1 the app cannot be served, 2 bad usage, 78 this
Python has no uvicorn.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

from .notify import notify
from .target import CannotServe, load_app, parse_target

FIRST_DESCRIPTOR = 3
EXIT_CANNOT_SERVE = 1
EXIT_NO_UVICORN = 78  # EX_CONFIG of sysexits.h: the launcher tells it from a failure of the app


def main() -> int:
    """Serve until SIGTERM; returns the exit code."""
    arguments = parse_arguments()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # into a pipe Python would hold lines back
    try:
        # uvicorn first, the app's folders after it: a `click.py` of the app cannot break its server.
        from .server import make_server  # noqa: PLC0415  (where it is missing we say so, without a traceback)
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        python = sys.executable
        sys.stderr.write(f'cannot serve "{arguments.app}": {python} has no uvicorn: {python} -m pip install uvicorn\n')
        return EXIT_NO_UVICORN
    try:
        sockets = [bind(arguments.bind)] if arguments.bind and not is_handed_over() else take_sockets()
        server = make_server(drain=arguments.drain)
        sys.path[:0] = [os.path.abspath(folder) for folder in (arguments.directory, *arguments.pythonpath)]  # noqa: PTH100  (resolve() would follow links: an app's folder is what its profile says)
        began = time.monotonic()
        app, is_wsgi = load_app(parse_target(arguments.app))
        tell_import(time.monotonic() - began)
        server.serve_app(app, sockets, lifespan=not is_wsgi)
    except CannotServe as error:
        sys.stderr.write(f'{error.traceback()}cannot serve "{arguments.app}": {error}\n')
        return EXIT_CANNOT_SERVE
    return 0


def tell_import(seconds: float) -> None:
    """Tell the launcher how long the app took to import, for its timeline. Nobody needs to hear it."""
    with suppress(OSError):
        notify(f"X_LAUNCHER_IMPORT_SECONDS={seconds:.6f}")


def parse_arguments() -> Namespace:
    """Read the command line; what is wrong with it ends the process with 2."""
    parser = ArgumentParser(prog="serve.py", description="Serve one app on the sockets handed over.")
    parser.add_argument("app", help='"module:name" or "module:factory()"')
    parser.add_argument("--directory", default=".", type=Path, help="first on the module path")
    parser.add_argument("--pythonpath", action="append", default=[], type=Path, help="next on it; may be repeated")
    parser.add_argument("--drain", type=float, default=5.0, help="seconds that requests in flight may take at the end")
    parser.add_argument("--bind", metavar="HOST:PORT", help="listen there, if no socket is handed over")
    return parser.parse_args()


def bind(address: str) -> socket.socket:
    """Bind a socket of our own; it listens once the app is ready, so that nobody waits in a queue before."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise CannotServe(f'--bind takes HOST:PORT, not "{address}"')
    host = host.removeprefix("[").removesuffix("]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotServe(f"cannot listen on {address}: {reason}") from None
    return bound


def is_handed_over() -> bool:
    """Whether sockets meant for this very process were handed over."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def take_sockets() -> list[socket.socket]:
    """Take the listening sockets over: neither they nor their variables reach a child of the app."""
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not count.isdigit() or int(count) < 1:
        raise CannotServe("no listening socket was handed over (LISTEN_FDS is not set): start it with launcher")
    if pid != str(os.getpid()):
        raise CannotServe(f"the sockets are meant for process {pid or '?'} (LISTEN_PID), but this is {os.getpid()}")
    sockets = []
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)):
        try:
            os.set_inheritable(descriptor, False)
            sockets.append(socket.socket(fileno=descriptor))
        except OSError as error:
            raise CannotServe(f"descriptor {descriptor} is no socket: {error.strerror}") from None
    return sockets
