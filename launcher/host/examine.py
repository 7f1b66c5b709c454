"""Import an app without serving it, and tell its routes: `serve.py --examine shop.api:app --directory DIR …`.

For a process that is thrown away: it ends with the import, whatever threads the app has started. The answer is one
line of JSON on standard output; all that the app itself prints goes to standard error. Exit codes are those of
`command`: 0 told, 1 the app cannot be served.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from typing import NoReturn

from .routes import routes_of
from .target import CannotServe, load_app, parse_target

EXIT_CANNOT_SERVE = 1


def main() -> NoReturn:
    """Tell the routes, or in a sentence why there are none, and end at once."""
    parser = ArgumentParser(prog="serve.py --examine", description="Tell the routes of an app.")
    parser.add_argument("--examine", dest="app", required=True)
    parser.add_argument("--directory", default=".")
    parser.add_argument("--pythonpath", action="append", default=[])
    arguments, _ = parser.parse_known_args()  # the rest is about serving
    answer = os.dup(1)
    os.dup2(2, 1)
    sys.path[:0] = [os.path.abspath(folder) for folder in (arguments.directory, *arguments.pythonpath)]  # noqa: PTH100  (as the host does)
    code = 0
    try:
        told = examine(arguments.app)
        os.write(answer, json.dumps(told).encode() + b"\n")
    except CannotServe as error:
        sys.stderr.write(f'{error.traceback()}cannot serve "{arguments.app}": {error}\n')
        code = EXIT_CANNOT_SERVE
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def examine(text: str) -> list[list[object]] | None:
    """Import an app and read its routes, each as the fields of a `Route`; None where they cannot be told."""
    try:
        app, _ = load_app(parse_target(text))
    except SystemExit as error:
        raise CannotServe(f"importing it called sys.exit({error.code!r})") from None
    try:
        routes = routes_of(app)
    except Exception as error:
        raise CannotServe(f"its routes cannot be read: {type(error).__name__}", origin=error) from error
    return None if routes is None else [list(route) for route in routes]
