"""What an app's framework tells of its routes: real frameworks, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent

import pytest

from launcher.host.routes import WEBSOCKET, Route
from tests.serving import SERVE, TIMEOUT

FASTAPI = """
    from functools import wraps
    from fastapi import APIRouter, FastAPI, WebSocket
    app = FastAPI()
    router = APIRouter(prefix="/v1")
    @router.api_route("/items/{id:int}", methods=["GET", "PUT"])
    def item(id: int): ...
    outer = APIRouter()
    outer.include_router(router, prefix="/shop")
    @app.websocket("/ws")
    async def ws(socket: WebSocket): ...
    app.include_router(outer)
    sub = FastAPI()
    @sub.get("/x")
    def x(): ...
    app.mount("/sub", sub)
    def logged(function):
        @wraps(function)
        def inner(): return function()
        return inner
    @app.post("/wrapped")
    @logged
    def wrapped(): ...
"""
STARLETTE = """
    from starlette.applications import Starlette
    from starlette.endpoints import HTTPEndpoint
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import Host, Mount, Route, Router
    class Items(HTTPEndpoint):
        async def get(self, request): ...
    async def elsewhere(request): ...
    routes = [
        Route("/items", Items),
        Mount("/deep", routes=[Mount("/er", routes=[Route("/x", elsewhere)])]),
        Host("other.example", Router([Route("/hidden", elsewhere)])),
    ]
    app = GZipMiddleware(GZipMiddleware(Starlette(routes=routes)))
"""
FLASK = """
    from flask import Blueprint, Flask
    from flask.views import MethodView
    app = Flask(__name__)
    class Items(MethodView):
        def get(self): ...
        def post(self): ...
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    blue = Blueprint("blue", __name__, url_prefix="/blue")
    @blue.get("/x/<int:id>")
    def x(id): ...
    app.register_blueprint(blue)
    @app.get("/away", subdomain="other")
    def away(): ...
"""
QUART = """
    from quart import Quart
    app = Quart(__name__)
    @app.get("/x/<path:rest>")
    async def x(rest): ...
    @app.websocket("/ws")
    async def ws(): ...
"""
LITESTAR = """
    from typing import Any
    from litestar import Litestar, Router, WebSocket, asgi, get, post, websocket
    @get("/x/{id:int}")
    async def x(id: int) -> str: ...
    @post("/x/{id:int}", sync_to_thread=False)
    def add(id: int) -> str: ...
    @asgi("/mounted", is_mount=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None: ...
    @websocket("/ws")
    async def ws(socket: WebSocket) -> None: ...
    app = Litestar([x, add, mounted, Router("/in", route_handlers=[ws])])
"""
DJANGO = """
    from django.conf import settings
    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="s")
    from django.core.{kind} import get_{kind}_application
    from django.urls import include, path, re_path
    from django.views import View
    class Items(View):
        def get(self, request): ...
    def x(request): ...
    urlpatterns = [
        path("items/", Items.as_view()),
        path("in/", include([path("x/<int:id>", x), re_path(r"^y/(?P<id>[0-9]+)/$", x)])),
    ]
    app = get_{kind}_application()
"""

#: For each app, its routes: methods, path, line, and what else is said of it.
ROUTES = {
    "fastapi": (
        FASTAPI,
        [
            (WEBSOCKET, "/ws", 10, ""),
            ("GET,PUT", "/shop/v1/items/{id:int}", 6, ""),
            ("GET", "/sub/x", 14, ""),
            ("", "/sub", 0, "mount"),
            ("POST", "/wrapped", 21, ""),
        ],
    ),
    "starlette": (
        STARLETTE,
        [
            ("", "/items", 7, ""),
            ("GET", "/deep/er/x", 8, ""),
            ("", "/deep/er", 0, "mount"),
            ("", "/deep", 0, "mount"),
        ],
    ),
    "flask": (FLASK, [("GET,POST", "/items", 6, ""), ("GET", "/blue/x/<int:id>", 10, "")]),
    "quart": (QUART, [("GET", "/x/<path:rest>", 4, ""), (WEBSOCKET, "/ws", 6, "")]),
    "litestar": (
        LITESTAR,
        [
            ("GET", "/x/{id:int}", 4, ""),
            ("POST", "/x/{id:int}", 6, ""),
            ("", "/mounted", 8, "mount"),
            (WEBSOCKET, "/in/ws", 10, ""),
        ],
    ),
    "django over WSGI": (
        DJANGO.format(kind="wsgi"),
        [("", "/items/", 8, ""), ("", "/in/x/<int:id>", 9, ""), ("", "/in/y/(?P<id>[0-9]+)/", 9, "pattern")],
    ),
    "django over ASGI": (
        DJANGO.format(kind="asgi"),
        [("", "/items/", 8, ""), ("", "/in/x/<int:id>", 9, ""), ("", "/in/y/(?P<id>[0-9]+)/", 9, "pattern")],
    ),
}


def examine(folder, source):
    (folder / "site_app.py").write_text(dedent(source))
    return subprocess.run(
        [sys.executable, str(SERVE), "--examine", "site_app:app", "--directory", str(folder), "--drain", "5"],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def described(route, folder):
    file, _, line = route.place.rpartition(":")
    assert not file or file == str(folder / "site_app.py")
    kind = "mount" if route.is_mount else "pattern" if route.is_pattern else ""
    return ",".join(route.methods), route.path, int(line or 0), kind


@pytest.mark.slow
@pytest.mark.parametrize(("source", "routes"), ROUTES.values(), ids=ROUTES)
def test_the_routes_of_a_framework_are_told(tmp_path, source, routes):
    """In the order in which it tries them, without its own documentation, each with the place of its endpoint."""
    done = examine(tmp_path, source)
    assert done.returncode == 0, done.stderr
    found = [described(Route(*route), tmp_path) for route in json.loads(done.stdout)]
    assert found == [tuple(route) for route in routes]


@pytest.mark.slow
def test_static_files_of_flask_are_a_route_where_there_are_any(tmp_path):
    """It makes the route for every app."""
    source = "from flask import Flask\napp = Flask(__name__)\n"
    assert json.loads(examine(tmp_path, source).stdout) == []
    (tmp_path / "static").mkdir()
    ((path, *_),) = json.loads(examine(tmp_path, source).stdout)
    assert path == "/static/<path:filename>"


def test_of_an_app_without_a_known_framework_nothing_is_told(tmp_path):
    done = examine(tmp_path, "async def app(scope, receive, send): ...")
    assert (done.returncode, done.stdout) == (0, "null\n")


def test_the_answer_stands_alone_whatever_the_app_prints_or_leaves_running(tmp_path):
    """The process ends with the import."""
    source = """
        import threading, sys
        print("imported"); sys.stdout.write("half a line")
        threading.Thread(target=threading.Event().wait).start()
        async def app(scope, receive, send): ...
    """
    done = examine(tmp_path, source)
    assert (done.returncode, done.stdout) == (0, "null\n")
    assert done.stderr == "imported\nhalf a line"


#: What goes wrong, and how it is said.
FAULTS = {
    "a misspelt name": ("apq = 1", 'module "site_app" has no "app" (did you mean "apq"?)'),
    "an import that raises": ("1 / 0", 'importing "site_app" raised ZeroDivisionError'),
    "an import that ends the process": ("import sys; sys.exit(3)", "importing it called sys.exit(3)"),
    "URLs that raise": (
        DJANGO.format(kind="wsgi").replace("ROOT_URLCONF=__name__", 'ROOT_URLCONF="nowhere"'),
        "its routes cannot be read: ModuleNotFoundError",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "sentence"), FAULTS.values(), ids=FAULTS)
def test_an_app_that_cannot_be_imported_says_why(tmp_path, source, sentence):
    done = examine(tmp_path, source)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f'cannot serve "site_app:app": {sentence}'


@pytest.mark.parametrize(
    ("path", "head", "shape"),
    [
        ("/", (), "/"),
        ("/api/x", ("api", "x"), "/api/x"),
        ("/api/{id}", ("api",), "/api/{}"),
        ("/api/<id>/x", ("api",), "/api/{}/x"),
        ("/api/<string(length=2):id>", ("api",), "/api/{string(length=2)}"),
        ("/api/{id:int}", ("api",), "/api/{int}"),
        ("/api/<int:id>", ("api",), "/api/{int}"),
        ("/ap{rest:path}", (), "/ap{path}"),
        ("/{any}/x", (), "/{}/x"),
    ],
)
def test_a_path_is_compared_without_the_names_of_its_parameters(path, head, shape):
    route = Route(path, (), "")
    assert (route.head, route.shape) == (head, shape)


@pytest.mark.parametrize(
    ("pattern", "head"),
    [("/api/x/", ("api", "x")), ("/api/(?P<id>[0-9]+)/", ("api",)), ("/a.b/x", ()), ("/api/x|y", ("api",))],
)
def test_a_regular_expression_is_literal_up_to_its_first_sign(pattern, head):
    route = Route(pattern, (), "", is_pattern=True)
    assert (route.head, route.shape) == (head, pattern)
