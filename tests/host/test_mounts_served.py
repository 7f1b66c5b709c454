"""Real frameworks under prefixes of one port, on the real server: each finds its routes, and its links lead back."""

from __future__ import annotations

import socket
from textwrap import dedent

import pytest

from tests.serving import TIMEOUT, serving_ready

pytestmark = pytest.mark.slow  # it starts an interpreter and imports six frameworks

#: An app of each framework; `/hello` answers with the link that the framework itself makes to it.
APPS = {
    "fastapi": """
        from fastapi import FastAPI, Request, WebSocket
        app = FastAPI()
        @app.get("/hello")
        def hello(request: Request): return request.url_for("hello").path
        @app.websocket("/ws")
        async def ws(socket: WebSocket):
            await socket.accept()
            await socket.send_text(socket.url_for("ws").path)
            await socket.close()
    """,
    "starlette": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Mount, Route
        async def hello(request): return PlainTextResponse(request.url_for("deep:hello").path)
        app = Starlette(routes=[Mount("/deep", name="deep", routes=[Route("/hello", hello, name="hello")])])
    """,
    "flask": """
        from a2wsgi import WSGIMiddleware
        from flask import Flask, url_for
        site = Flask(__name__)
        @site.get("/hello")
        def hello(): return url_for("hello")
        app = WSGIMiddleware(site)
    """,
    "quart": """
        from quart import Quart, url_for
        app = Quart(__name__)
        @app.get("/hello")
        async def hello(): return url_for("hello")
    """,
    "litestar": """
        from litestar import Litestar, MediaType, Request, get
        @get("/hello", name="hello", media_type=MediaType.TEXT)
        async def hello(request: Request) -> str: return request.scope["root_path"] + request.app.route_reverse("hello")
        app = Litestar([hello])
    """,
    "django": """
        from django.conf import settings
        settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="s", ALLOWED_HOSTS=["*"])
        from django.core.asgi import get_asgi_application
        from django.http import HttpResponse
        from django.urls import path, reverse
        def hello(request): return HttpResponse(reverse("hello"))
        urlpatterns = [path("hello", hello, name="hello")]
        app = get_asgi_application()
    """,
    "bare": """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["path"].encode()})
    """,
}

#: Where each says that it is.
LINKS = {
    "/fastapi/hello": '"/fastapi/hello"',
    "//fastapi/hello": '"/fastapi/hello"',
    "/%66astapi/hello": '"/fastapi/hello"',
    "/starlette/deep/hello": "/starlette/deep/hello",
    "/flask/hello": "/flask/hello",
    "/quart/hello": "/quart/hello",
    "/litestar/hello": "/litestar/hello",
    "/django/hello": "/django/hello",
    "/bare/hello": "/hello",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for name, source in APPS.items():
        (folder / f"{name}_app.py").write_text(dedent(source))
    modules = "".join(f"import {name}_app\n" for name in APPS)
    mounts = ", ".join(f"Mount('/{name}', {name}_app.app, strip={name == 'bare'})" for name in APPS)
    mounts += ", Mount('/stripped', quart_app.app, strip=True)"
    (folder / "site_app.py").write_text(
        f"from launcher.host.mounts import Mount, Mounts\n{modules}app = Mounts([{mounts}])"
    )
    with serving_ready("site_app:app", directory=folder) as server:
        yield server


@pytest.mark.parametrize(("target", "link"), LINKS.items(), ids=LINKS)
def test_a_framework_finds_its_routes_below_its_prefix(server, target, link):
    """And the links that it makes lead there."""
    answer = server.ask(target)
    assert (answer.status, answer.text) == (200, link)


def test_what_knows_its_root_path_wants_no_prefix_taken_off(server):
    """Quart takes a path that does not begin with its root_path for somebody else's."""
    assert server.ask("/stripped/hello").status == 404


def test_documentation_of_fastapi_leads_to_its_own_description(server):
    assert "url: '/fastapi/openapi.json'" in server.ask("/fastapi/docs").text
    assert '"url":"/fastapi"' in server.ask("/fastapi/openapi.json").text


def test_what_is_not_mounted_is_named(server):
    answer = server.ask("/nowhere")
    assert answer.status == 404
    assert '"/starlette", "/stripped"]' in answer.text


def test_a_websocket_is_below_the_prefix(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(
            b"GET /fastapi/ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = b""
        while b"/fastapi/ws" not in answer.partition(b"\r\n\r\n")[2]:
            answer += (more := client.recv(4096))
            assert more, answer
    assert answer.startswith(b"HTTP/1.1 101 ")
