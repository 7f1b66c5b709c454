"""The merged description and its page, asked from apps as they are mounted."""

from __future__ import annotations

import asyncio
import json
import threading
from html.parser import HTMLParser
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from launcher.host import openapi
from launcher.host.mounts import Mount, Mounts
from launcher.host.openapi import Documents
from tests.host.calling import ask, call, telling
from tests.host.clashing import clashing_app
from tests.serving import ROOT, serving_ready

WORDS = st.sampled_from(
    """
    /x get post tags operationId parameters requestBody responses content schema schemas $ref security securitySchemes
    flows tokenUrl name in examples discriminator mapping description summary title webhooks servers 200 X properties
    """.split()  # noqa: SIM905  (a page of quotes is harder to read)
)


def answering(*, status=200, body=b"", **headers):
    """An app that answers everything alike; it keeps the scopes that it was asked with."""

    async def app(scope, receive, send):
        app.asked.append(scope)
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})

    app.asked = []
    return app


def description(**more):
    return json.dumps({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {}}} | more).encode()


def port(root=None, **apps):
    mounts = Mounts([Mount(f"/{name}", app) for name, app in apps.items()])
    names = {f"/{name}": f"{name}-service" for name in apps} | ({"": "site"} if root else {})
    mounts.replace("", Documents(mounts, names, title="shop", root=root))
    return mounts


def merged(*arguments, **apps):
    said = ask(port(*arguments, **apps), "/openapi.json")
    assert (said.status, said.headers["content-type"]) == (200, "application/json")
    return said.json


def test_apps_are_asked_for_their_descriptions_under_their_prefixes():
    found = merged(a=clashing_app(int), b=clashing_app(str))
    validate(found)
    assert set(found["paths"]) == {"/a/orders", "/a/health", "/b/orders", "/b/health"}
    assert "a-service at /a: of int 2" in found["info"]["description"]
    assert {"a-service_Item", "b-service_Item", "ValidationError"} <= set(found["components"]["schemas"])


def test_an_app_is_asked_as_the_one_who_asks():
    """With the same log-in; without what would compress or shorten the answer."""
    app = answering(body=description())
    sent = [
        (b"authorization", b"me"),
        (b"accept-encoding", b"gzip"),
        (b"if-none-match", b"x"),
        (b"accept", b"text/html"),
    ]
    ask(port(a=app), "/openapi.json", headers=sent, query_string=b"q=1", method="HEAD")
    (asked,) = app.asked
    assert asked["headers"] == [(b"authorization", b"me"), (b"accept", b"application/json")]
    assert (asked["method"], asked["query_string"]) == ("GET", b"")
    assert (asked["path"], asked["raw_path"], asked["root_path"]) == ("/a/openapi.json", b"/a/openapi.json", "/a")


def test_a_server_may_have_a_root_path_of_its_own():
    app = answering(body=description())
    said = ask(port(a=app), "/openapi.json", root_path="/outer")
    assert said.json["servers"] == [{"url": "/outer"}]
    assert list(said.json["paths"]) == ["/a/x"]
    assert app.asked[0]["path"] == "/outer/a/openapi.json"


def hidden():
    app = clashing_app(int)
    return type(app)(openapi_url=None)


async def raises(*_):
    raise ZeroDivisionError


#: What answers, and why it is not in the description.
SKIPPED = {
    "no description": (answering(status=404), "it has no description"),
    "a failure": (answering(status=503), "/openapi.json answered 503"),
    "a log-in": (answering(status=401), "/openapi.json answered 401"),
    "a redirect": (answering(status=307), "/openapi.json answered 307"),
    "no JSON": (answering(body=b"<html>"), "what /openapi.json answers is no JSON"),
    "other JSON": (answering(body=b'{"swagger": "2.0"}'), "it describes itself in Swagger 2.0"),
    "a broken one": (answering(body=description(paths={"/x": {"get": {"responses": 1}}})), "is no well-formed"),
    "a broken table": (answering(body=description(components=[1])), "is no well-formed"),
    "one that never ends": (answering(body=b"[" * 100_000), "what /openapi.json answers is no JSON"),
    "a deep one": (answering(body=description(x=0).replace(b"0", b"[" * 600 + b"]" * 600)), "is no well-formed"),
    "an exception": (raises, "/openapi.json raised ZeroDivisionError"),
    "too much": (answering(body=b" " * (openapi.LARGEST + 1)), "/openapi.json raised DescriptionTooLarge"),
    "switched off": (hidden(), "it has switched its description off"),
}  # fmt: skip


@pytest.mark.parametrize(("app", "reason"), SKIPPED.values(), ids=SKIPPED)
def test_an_app_without_a_description_is_named_with_the_reason(app, reason):
    """And the others are described all the same."""
    found = merged(good=answering(body=description()), bad=app)
    assert list(found["paths"]) == ["/good/x"]
    told = found["info"]["description"].splitlines()[-1]
    assert told.startswith("bad-service is not described here: ")
    assert reason in told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("#/components/schemas/X"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=30,
)


def tables(inner):
    return st.dictionaries(WORDS, inner, max_size=3)


ODD = st.fixed_dictionaries(
    {"paths": tables(tables(tables(JSON))) | JSON, "components": tables(tables(tables(JSON))) | JSON},
    optional={"info": JSON, "tags": st.lists(JSON | tables(JSON)), "security": JSON, "webhooks": tables(JSON)},
)


@given(odd=st.lists(ODD, min_size=2, max_size=3))
def test_no_description_however_odd_breaks_the_others(odd):
    """It is merged and shown, or named with the reason."""
    apps = {f"odd{number}": answering(body=description(**one)) for number, one in enumerate(odd)}
    mounts = port(good=answering(body=description()), **apps)
    assert "/good/x" in ask(mounts, "/openapi.json").json["paths"]
    assert ask(mounts, "/docs").status == 200


def test_an_app_that_never_answers_costs_its_own_time(monkeypatch):
    monkeypatch.setattr(openapi, "PATIENCE", 0.01)

    async def hangs(*_):
        await asyncio.get_running_loop().create_future()

    found = merged(good=answering(body=description()), bad=hangs)
    assert "/openapi.json did not answer within 0.01 s" in found["info"]["description"]
    assert list(found["paths"]) == ["/good/x"]


@pytest.mark.parametrize("work", ["merge", "page"])
def test_neighbours_go_on_while_it_is_put_together(monkeypatch, work):
    """What takes long is waited for by a turn of the loop, which comes only if the loop is free."""
    real, has_turned = getattr(openapi, work), threading.Event()

    def slow(*arguments, **more):
        assert has_turned.wait(20)
        return real(*arguments, **more)

    monkeypatch.setattr(openapi, work, slow)

    async def beside():
        asked = asyncio.ensure_future(call(port(a=answering(body=description())), "/docs"))
        for _ in range(10):
            await asyncio.sleep(0)
        has_turned.set()
        return await asked

    assert asyncio.run(beside()).status == 200


def test_an_app_replaced_is_described_as_it_is_now():
    mounts = port(a=answering(body=description()))
    mounts.replace("/a", answering(body=description(paths={"/new": {}})))
    assert list(ask(mounts, "/openapi.json").json["paths"]) == ["/a/new"]


def test_what_else_is_asked_for_goes_on_to_the_root():
    assert ask(port(telling("site"), a=telling("a")), "/x").json["app"] == "site"
    assert ask(port(telling("site"), a=telling("a")), "/docs", method="POST").json["app"] == "site"
    assert ask(port(telling("site"), a=telling("a")), "/docs/", kind="websocket").json["app"] == "site"
    assert ask(port(a=telling("a")), "/x").json["mounts"] == ["/a"]
    assert ask(port(a=telling("a")), "/docs", method="POST").status == 404


def test_a_root_that_describes_itself_is_part_of_the_whole():
    """Its own pages at these paths would tell less."""
    found = merged(clashing_app(int), a=clashing_app(str))
    validate(found)
    assert {"/orders", "/a/orders"} <= set(found["paths"])
    assert "site at /: of int 2" in found["info"]["description"]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_root_that_does_not_describe_itself_keeps_its_own_pages(path):
    page = answering(body=b"my own pages", server="me")
    said = ask(port(page, a=answering(body=description())), path)
    assert (said.status, said.body, said.headers["server"]) == (200, b"my own pages", "me")


def test_where_the_root_has_no_such_page_it_is_the_merged_one():
    found = merged(answering(status=404), a=answering(body=description()))
    assert list(found["paths"]) == ["/a/x"]
    assert "site is not described here: it has no description" in found["info"]["description"]


def test_a_head_request_has_no_body():
    said = ask(port(a=answering(body=description())), "/docs", method="HEAD")
    assert said.body == b""
    assert int(said.headers["content-length"]) > 1000


class Page(HTMLParser):
    """What a page says and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.text, self.tags = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_every_operation_and_loads_nothing():
    said = ask(port(a=clashing_app(int), b=clashing_app(str)), "/docs")
    page = Page(said.body.decode())
    assert page.loads == ["/openapi.json"]
    assert "default-src 'none'" in said.headers["content-security-policy"]
    for told in ("/a/orders", "/b/health", "a-service_Item", "APIKeyHeader", "Successful Response", "Validation Error"):
        assert told in page.text
    assert page.tags.count("form") == 4


def test_whatever_an_app_says_of_itself_is_text():
    evil = "</script></pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    operation = {
        "tags": [evil], "summary": evil, "description": evil, "operationId": evil,
        "parameters": [{"name": evil, "in": "query", "required": True, "description": evil}],
        "requestBody": {"content": {evil: {"schema": {"title": evil}}}},
        "responses": {evil: {"description": evil, "content": {evil: {"schema": {"$ref": "#/" + evil}}}}},
    }  # fmt: skip
    told = description(
        info={"title": evil, "version": evil, "description": evil}, paths={f"/{evil}": {"get": operation}}
    )
    page = Page(ask(port(a=answering(body=told)), "/docs").body.decode())
    assert (page.tags.count("script"), page.tags.count("img")) == (1, 0)
    assert evil in page.text


@pytest.mark.slow
def test_real_apps_on_a_real_server(tmp_path):
    """Litestar has its description elsewhere; Flask has none."""
    (tmp_path / "site_app.py").write_text(
        dedent("""
        from a2wsgi import WSGIMiddleware
        from flask import Flask
        from launcher.host.mounts import Mount, Mounts
        from launcher.host.openapi import Documents
        from litestar import Litestar, get
        from tests.host.clashing import clashing_app
        @get("/books")
        async def books() -> list[int]: return []
        apps = {"fast": clashing_app(int), "lite": Litestar([books]), "flask": WSGIMiddleware(Flask("f"))}
        app = Mounts([Mount(f"/{name}", app) for name, app in apps.items()])
        app.replace("", Documents(app, {f"/{name}": name for name in apps}, title="shop"))
        """)
    )
    with serving_ready("site_app:app", directory=tmp_path, options=["--pythonpath", str(ROOT)]) as server:
        found = json.loads(server.ask("/openapi.json").text)
        validate(found)
        assert {"/fast/orders", "/lite/books"} <= set(found["paths"])
        assert found["info"]["description"].endswith("flask is not described here: it has no description")
        assert "/lite/books" in server.ask("/docs").text
        assert server.ask("/fast/health").text == '"fine"'
