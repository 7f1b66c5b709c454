"""The routes of an app, read from its framework: path, methods, and where in the code each one's endpoint stands.

Knows how Starlette and FastAPI, Flask and Quart, Django and Litestar keep their routes, and imports none of them: a
framework that the app uses is loaded already. Of any other app nothing can be told. Must not know components or ports.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

#: Stands for the method of a route that takes web sockets.
WEBSOCKET = "WEBSOCKET"
#: What frameworks answer by themselves beside the methods that a route was given.
_IMPLIED = frozenset({"HEAD", "OPTIONS"})
#: Where a regular expression stops being the text that it matches.
_NO_LITERAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_PARAMETER = re.compile(r"\{(?P<a>[^{}:]*)(?::(?P<b>[^{}]*))?\}|<(?:(?P<c>[^<>:]*):)?(?P<d>[^<>]*)>")
#: How far an app may be wrapped.
_DEEPEST = 20


class Route(NamedTuple):
    """One route, its path as its framework writes it."""

    path: str
    #: Sorted; none: any method.
    methods: tuple[str, ...]
    #: `file:line` of the endpoint, empty where it has none that is written in Python.
    place: str
    #: Whether all that is below the path belongs to it too.
    is_mount: bool = False
    #: Whether the path is a regular expression.
    is_pattern: bool = False

    @property
    def shape(self) -> str:
        """The path without the names of its parameters: of two routes with one shape only the first answers."""
        return self.path if self.is_pattern else _PARAMETER.sub(_kind_of, self.path)

    @property
    def head(self) -> tuple[str, ...]:
        """The segments that the path begins with, whatever its parameters are."""
        literal = (_NO_LITERAL if self.is_pattern else _PARAMETER).split(self.path, maxsplit=1)[0]
        if literal != self.path:
            literal = literal.rpartition("/")[0]
        return tuple(filter(None, literal.split("/")))


def routes_of(app: Any) -> tuple[Route, ...] | None:
    """Read the routes of an app, in the order in which it tries them; None where nobody can tell.

    Django imports the URLs of its project here, as it would for the first request: what they raise comes through.
    """
    for _ in range(_DEEPEST):
        for module, name, read in _FRAMEWORKS:
            kind = getattr(sys.modules.get(module), name, None)
            if kind is not None and isinstance(app, kind):
                return tuple(read(app))
        if not callable(inner := getattr(app, "app", None)):  # middleware, by the custom of both ASGI and WSGI
            return None
        app = inner
    return None


def place_of(endpoint: Any) -> str:
    """Tell `file:line` of a function, a method, a class or what wraps one."""
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    endpoint = inspect.unwrap(endpoint)
    endpoint = getattr(endpoint, "view_class", endpoint)  # the views of Flask and Django that are classes
    if not isinstance(endpoint, type) and not hasattr(endpoint, "__code__"):
        endpoint = getattr(endpoint, "__func__", type(endpoint))
    if isinstance(endpoint, type):
        codes = [value.__code__ for value in vars(endpoint).values() if inspect.isfunction(value)]
        code = min(codes, key=lambda one: one.co_firstlineno, default=None)
    else:
        code = getattr(endpoint, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""


def _kind_of(parameter: re.Match[str]) -> str:
    kind = parameter["b"] if parameter["a"] is not None else parameter["c"]
    return "{}" if kind in (None, "", "str", "string", "default") else f"{{{kind}}}"


def _methods(given: Iterable[str] | None) -> tuple[str, ...]:
    methods = set(given or ())
    return tuple(sorted(methods - _IMPLIED or methods))


def _of_starlette(app: Any, base: str = "") -> Iterator[Route]:
    routes = app.routes
    if flatten := getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None):
        routes = flatten(routes)  # routers that FastAPI includes, where it does so when a request comes
    for route in routes:
        path, endpoint = getattr(route, "path", None), getattr(route, "endpoint", None)
        if path is None:  # for another host
            continue
        if endpoint is None:
            if getattr(route, "routes", None):
                yield from _of_starlette(route, base + path)
            yield Route(base + path, (), "", is_mount=True)
        elif not _is_of("fastapi", endpoint):  # its own documentation
            methods = (WEBSOCKET,) if _is_websocket(route) else _methods(getattr(route, "methods", None))
            yield Route(base + path, methods, place_of(endpoint))


def _is_websocket(route: Any) -> bool:
    kind = getattr(sys.modules.get("starlette.routing"), "WebSocketRoute", ())
    return isinstance(getattr(route, "original_route", route), kind)


def _of_flask(app: Any) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        is_static = rule.endpoint == "static" and not os.path.isdir(app.static_folder or "")  # noqa: PTH112  (False where pathlib raises)
        if is_static or rule.host or rule.subdomain:
            continue
        methods = (WEBSOCKET,) if rule.websocket else _methods(rule.methods)
        yield Route(rule.rule, methods, place_of(app.view_functions.get(rule.endpoint)))


def _of_django(_app: Any) -> Iterator[Route]:
    yield from _of_urls(sys.modules["django.urls"].get_resolver().url_patterns, "/", is_pattern=False)


def _of_urls(patterns: Iterable[Any], base: str, *, is_pattern: bool) -> Iterator[Route]:
    for one in patterns:
        is_regex = is_pattern or not hasattr(one.pattern, "_route")
        path = base + str(one.pattern).removeprefix("^")
        if hasattr(one, "url_patterns"):
            yield from _of_urls(one.url_patterns, path, is_pattern=is_regex)
        else:
            yield Route(path.removesuffix("$") if is_regex else path, (), place_of(one.callback), is_pattern=is_regex)


def _of_litestar(app: Any) -> Iterator[Route]:
    for route in app.routes:
        is_websocket = type(route).__name__ == "WebSocketRoute"
        found = []
        for one in getattr(route, "route_handlers", None) or [route.route_handler]:
            if not _is_of("litestar", one.fn):  # its own documentation
                methods = (WEBSOCKET,) if is_websocket else _methods(getattr(one, "http_methods", None))
                found.append(Route(route.path, methods, place_of(one.fn), bool(getattr(one, "is_mount", False))))
        yield from sorted(found)  # Litestar keeps them in a set


def _is_of(framework: str, endpoint: Any) -> bool:
    return str(getattr(endpoint, "__module__", "")).partition(".")[0] == framework


#: The class by which each is known, and what reads its routes.
_FRAMEWORKS: tuple[tuple[str, str, Callable[[Any], Iterator[Route]]], ...] = (
    ("starlette.applications", "Starlette", _of_starlette),
    ("starlette.routing", "Router", _of_starlette),
    ("flask", "Flask", _of_flask),
    ("quart", "Quart", _of_flask),
    ("django.core.handlers.base", "BaseHandler", _of_django),
    ("litestar", "Litestar", _of_litestar),
)
