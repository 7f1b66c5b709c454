"""From "module:name" or "module:factory()" to a callable that uvicorn can serve.

Knows Python's import system and the two shapes a web application has (ASGI, WSGI). Must not know sockets, servers or
anything of launcher outside this folder: it runs inside the app's own process, where launcher need not be installed.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .exhausted import let_go

if TYPE_CHECKING:
    from types import ModuleType

#: Our own frames: dropped from the tracebacks of an app, together with those of the import system.
HOST_FOLDER = __file__.rpartition("/")[0] + "/"


class CannotServe(Exception):
    """The app cannot be served: one sentence, and the app's own exception where it is the app that failed."""

    def __init__(self, sentence: str, *, origin: BaseException | None = None) -> None:
        super().__init__(sentence)
        self.origin = origin

    def traceback(self) -> str:
        """Tell the origin's traceback as Python would, but for the frames that are not the app's; empty without one."""
        if self.origin is None:
            return ""
        from traceback import TracebackException  # noqa: PLC0415  (only when something went wrong)

        told: TracebackException | None = TracebackException.from_exception(self.origin)
        printed = told
        while told is not None:
            told.stack[:] = [frame for frame in told.stack if not _is_ours(frame.filename)]
            told = told.__cause__ or told.__context__
        return "".join(printed.format()) if printed is not None else ""


class Unshareable(CannotServe):
    """The app cannot be served in this process, which others share; in one of its own it could. `reason` says why.

    `is_spoilt`: its attempt has changed the process for all, and that cannot be undone.
    """

    def __init__(
        self, sentence: str, reason: str, *, is_spoilt: bool = False, origin: BaseException | None = None
    ) -> None:
        super().__init__(sentence, origin=origin)
        self.reason = reason
        self.is_spoilt = is_spoilt


class Target(NamedTuple):
    """An app as its service names it."""

    text: str
    module: str
    #: The attribute, dotted where it stands inside another one.
    name: str
    is_factory: bool


def parse_target(text: str) -> Target:
    """Take "module:name" or "module:factory()" apart."""
    module, _, name = text.partition(":")
    is_factory = name.endswith("()")
    name = name.removesuffix("()")
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise CannotServe('an app is written "module:name", or "module:factory()" where a function makes it')
    return Target(text, module, name, is_factory)


def load_app(target: Target) -> tuple[Any, bool]:
    """Import the app; returns it as an ASGI callable, and whether it is a WSGI app in a wrapper."""
    app = _attribute(_module(target.module), target)
    if target.is_factory:
        if not callable(app):
            raise CannotServe(f'"{target.name}" is no factory: it is {_a(app)}, which cannot be called')
        try:
            app = app()
        except Exception as error:
            let_go(error)
            raise CannotServe(f'the factory "{target.name}" raised {type(error).__name__}', origin=error) from error
    if not callable(app):
        source = f'what "{target.name}()" returned' if target.is_factory else f'"{target.name}"'
        raise CannotServe(f"{source} is {_a(app)}, not an ASGI or WSGI application")
    fewest, most = _arguments(app)
    if fewest == 0 and not target.is_factory:
        raise CannotServe(f'"{target.name}" takes no arguments: if it makes the app, write "{target.text}()"')
    if most == 1:
        raise CannotServe(
            f'"{target.name}" takes one argument, as an app of ASGI 2 does: one takes three (ASGI 3: scope, receive, '
            "send) or two (WSGI); guarantee_single_callable() of asgiref.compatibility makes one for ASGI 3 of it"
        )
    if fewest == 2 and not _is_async(app):  # noqa: PLR2004  (environ, start_response)
        return _wrap_wsgi(app), True
    return app, False


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        # A module that is missing *inside* the app is the app's failure, and its traceback says where.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise CannotServe(f'importing "{name}" failed: there is no module "{error.name}"', origin=error) from error
        looked = [path for path in sys.path if not path.startswith((sys.prefix, sys.base_prefix))]
        # What is meant is most likely the app's own, whatever else there is that is called alike.
        hint = _did_you_mean(name, _modules_beside(error.name, looked)) or _did_you_mean(
            name, _modules_beside(error.name, sys.path)
        )
        raise CannotServe(f'there is no module "{name}"{hint}; looked in {", ".join(looked) or "sys.path"}') from None
    except Exception as error:
        let_go(error)
        raise CannotServe(f'importing "{name}" raised {type(error).__name__}', origin=error) from error


def _attribute(module: ModuleType, target: Target) -> Any:
    holder: Any = module
    for part in target.name.split("."):
        if not hasattr(holder, part):
            owner = f'module "{target.module}"' if holder is module else f'"{target.name}" of "{target.module}"'
            hint = _did_you_mean(part, [name for name in vars(holder) if not name.startswith("__")])
            raise CannotServe(f'{owner} has no "{part}"{hint}')
        holder = getattr(holder, part)
    return holder


def _modules_beside(missing: str, folders: list[str]) -> list[str]:
    """List what could have been meant: the modules in the package that lacks `missing`, or in these folders."""
    from pkgutil import iter_modules  # noqa: PLC0415  (only when something went wrong)

    parent = missing.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else folders
    prefix = f"{parent}." if parent else ""
    return [prefix + found.name for found in iter_modules(path)] if path is not None else []


def _did_you_mean(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (only when something went wrong)

    nearest = get_close_matches(name, known, n=1) or [one for one in known if one.startswith(name)]
    return f' (did you mean "{nearest[0]}"?)' if nearest else ""


def _arguments(app: Any) -> tuple[int | None, int | None]:
    """How many positional arguments a call needs, and takes; None where nobody can tell (`*args`, builtins)."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None, None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None, None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [parameter for parameter in parameters if parameter.kind in kinds]
    return sum(parameter.default is parameter.empty for parameter in positional), len(positional)


def _is_async(app: Any) -> bool:
    # The method of the class, not `app.__call__`: that is how Python itself looks a call up.
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)


def _wrap_wsgi(app: Any) -> Any:
    try:
        from a2wsgi import WSGIMiddleware  # noqa: PLC0415  (only a WSGI app needs it)
    except ModuleNotFoundError:
        raise CannotServe(
            f"it is a WSGI app, and {sys.executable} has no a2wsgi to serve one: {sys.executable} -m pip install a2wsgi"
        ) from None
    return WSGIMiddleware(app)


def _is_ours(filename: str) -> bool:
    return filename.startswith((HOST_FOLDER, "<frozen importlib")) or "/importlib/__init__" in filename


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
