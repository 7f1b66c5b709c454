"""The command line of the host: one app on the sockets handed over, or many as a channel says, until SIGTERM.

Knows the hand-over of sockets (sd_listen_fds: LISTEN_FDS, LISTEN_PID, from descriptor 3), how to bind one where nobody
hands any over, the module path and the exit codes: 0 stopped as asked, 1 the app cannot be served, 2 bad usage, 78 this
Python has no uvicorn.
"""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .target import CannotServe

FIRST_DESCRIPTOR = 3
EXIT_CANNOT_SERVE = 1
EXIT_NO_UVICORN = 78  # EX_CONFIG of sysexits.h: the launcher tells it from a failure of the app


def main() -> int:
    """Serve until SIGTERM; returns the exit code."""
    arguments = parse_arguments()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # into a pipe Python would hold lines back
    what = arguments.app or arguments.group
    if arguments.zygote:
        from .birth import reserve_descriptors  # noqa: PLC0415  (only what is needed)

        reserve_descriptors()
    try:
        # uvicorn first, the app's folders after it: a `click.py` of the app cannot break its server.
        from .listener import configure_logging  # noqa: PLC0415  (where it is missing we say so, without a traceback)
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        python = sys.executable
        sys.stderr.write(f'cannot serve "{what}": {python} has no uvicorn: {python} -m pip install uvicorn\n')
        return EXIT_NO_UVICORN
    try:
        if arguments.zygote:
            arguments = _fork_as_told(arguments)
            what = arguments.app
        if arguments.channel:
            from .many import serve_many  # noqa: PLC0415  (only what is needed)

            return serve_many(
                arguments.channel, group=arguments.group, grace=arguments.grace, is_beside=arguments.beside
            )
        from .one import serve_one  # noqa: PLC0415  (only what is needed)

        sockets = [bind(arguments.bind)] if arguments.bind and not is_handed_over() else take_sockets()
        configure_logging()
        paths = [os.path.abspath(folder) for folder in (arguments.directory, *arguments.pythonpath)]  # noqa: PTH100  (resolve() would follow links: an app's folder is what its profile says)
        mount = (arguments.prefix, arguments.strip_prefix)
        return serve_one(arguments.app, sockets, paths=paths, drain=arguments.drain, mount=mount)
    except CannotServe as error:
        sys.stderr.write(f'{error.traceback()}cannot serve "{what}": {error}\n')
        return EXIT_CANNOT_SERVE


def _fork_as_told(arguments: Namespace) -> Namespace:
    """Import what is to be shared, and fork; returns in each child, with what it is to serve."""
    from .preload import prepare, refuse_hidden  # noqa: PLC0415  (only what is needed)
    from .zygote import Zygote  # noqa: PLC0415  (only what is needed)

    shared = prepare(arguments.share, named=arguments.preload, without=arguments.without)
    order = Zygote(arguments.zygote, group=arguments.group).fork_as_told()
    refuse_hidden(order.paths, shared)
    first, *others = order.paths
    return Namespace(
        app=order.target,
        directory=first,
        pythonpath=others,
        drain=order.drain,
        bind="",
        channel="",
        prefix=order.prefix,
        strip_prefix=order.strip_prefix,
    )


def parse_arguments() -> Namespace:
    """Read the command line; what is wrong with it ends the process with 2."""
    parser = ArgumentParser(prog="serve.py", description="Serve one app on the sockets handed over, or many.")
    parser.add_argument("app", nargs="?", help='"module:name" or "module:factory()"')
    parser.add_argument("--directory", default=".", type=Path, help="first on the module path")
    parser.add_argument("--pythonpath", action="append", default=[], type=Path, help="next on it; may be repeated")
    parser.add_argument("--drain", type=float, default=5.0, help="seconds that requests in flight may take at the end")
    parser.add_argument("--prefix", default="", help="where the app is mounted: /api")
    parser.add_argument("--strip-prefix", action="store_true", help="give it its paths without the prefix")
    parser.add_argument("--bind", metavar="HOST:PORT", help="listen there, if no socket is handed over")
    parser.add_argument("--channel", metavar="PATH", help="serve the apps that are asked for on this Unix socket")
    parser.add_argument("--beside", action="store_true", help="take the place of who listens there only when told to")
    parser.add_argument("--zygote", metavar="PATH", help="fork for each app that is asked for on this Unix socket")
    parser.add_argument("--preload", action="append", default=[], metavar="MODULE", help="import it before any fork")
    parser.add_argument("--without", action="append", default=[], metavar="MODULE", help="leave it to the forks")
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        nargs="+",
        metavar=("APP", "FOLDER"),
        help="import what these import alike",
    )
    parser.add_argument("--group", default="", help="what these apps are called together")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that the end of all of them may take")
    arguments = parser.parse_args()
    if sum(map(bool, (arguments.app, arguments.channel, arguments.zygote))) != 1:
        parser.error("an app, or --channel or --zygote for many")
    return arguments


def bind(address: str) -> socket.socket:
    """Bind a socket of our own; it listens once the app is ready, so that nobody waits in a queue before."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise CannotServe(f'--bind takes HOST:PORT, not "{address}"')
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the socket says that it is TCP; without, answers in two parts take 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
