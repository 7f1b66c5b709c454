"""Which routes of a port can never answer: components and their routes in, conflicts out."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount as Inner
from starlette.routing import Route as Served

from launcher.host.conflicts import Mounted, conflicts
from launcher.host.mounts import Mount, Mounts
from launcher.host.routes import WEBSOCKET, Route, routes_of
from tests.host.calling import ask


def mounted(component, prefix, *routes):
    """Routes as "GET /x" or "/x" (any method), "ws /x", "mount /x"; places count the lines."""
    made = []
    for line, text in enumerate(routes, 1):
        methods, _, path = text.rpartition(" ")
        kinds = {"": (), "mount": (), "ws": (WEBSOCKET,)}
        given = kinds.get(methods, tuple(methods.split(",")))
        made.append(Route(path, given, f"{component}.py:{line}", is_mount=methods == "mount"))
    return Mounted(component, prefix, tuple(made))


#: What is mounted, and who is hidden by whom, as "component path".
PORTS = {
    "nothing in the way": (
        [mounted("site", "", "GET /", "GET /about"), mounted("api", "/api", "GET /", "GET /about")],
        [],
    ),
    "a route of the root below a prefix": (
        [mounted("site", "", "GET /api/x"), mounted("api", "/api", "GET /y")],
        [("site /api/x", "api /api", "/api")],
    ),
    "the same with the very route there": (
        [mounted("site", "", "GET /api/x"), mounted("api", "/api/", "POST /x", "GET /x")],
        [("site /api/x", "api /api/x", "/api")],
    ),
    "the same with another method only": (
        [mounted("site", "", "GET /api/x"), mounted("api", "/api", "POST /x")],
        [("site /api/x", "api /api", "/api")],
    ),
    "names of parameters are nobody's difference": (
        [mounted("site", "", "GET /api/items/{id}"), mounted("api", "/api", "GET /items/<string:item>")],
        [("site /api/items/{id}", "api /api/items/<string:item>", "/api")],
    ),
    "the prefix itself": (
        [mounted("site", "", "GET /api"), mounted("api", "/api")],
        [("site /api", "api /api", "/api")],
    ),
    "half a segment is another path": ([mounted("site", "", "GET /apis", "GET /api-x"), mounted("api", "/api")], []),
    "a prefix below a prefix": (
        [mounted("api", "/api", "GET /v2/x", "GET /v1/x"), mounted("next", "/api/v2")],
        [("api /api/v2/x", "next /api/v2", "/api/v2")],
    ),
    "a prefix two below": (
        [mounted("site", "", "GET /a/b/c"), mounted("a", "/a"), mounted("b", "/a/b")],
        [("site /a/b/c", "b /a/b", "/a/b")],
    ),
    "a parameter that could be the prefix": ([mounted("site", "", "GET /{any}/x"), mounted("api", "/api")], []),
    "all that is left is no conflict": ([mounted("site", "", "GET /{rest:path}"), mounted("api", "/api")], []),
    "a mount of the root": (
        [mounted("site", "", "mount /api"), mounted("api", "/api")],
        [("site /api", "api /api", "/api")],
    ),
    "a websocket": (
        [mounted("site", "", "ws /api/ws"), mounted("api", "/api")],
        [("site /api/ws", "api /api", "/api")],
    ),
    "one path twice in an app": ([mounted("a", "", "GET /x", "GET /x")], [("a /x", "a /x", "")]),
    "one path twice with parameters": (
        [mounted("a", "/p", "GET /x/{a:int}", "GET /x/{b:int}")],
        [("a /p/x/{b:int}", "a /p/x/{a:int}", "")],
    ),
    "parameters of two kinds": ([mounted("a", "", "GET /x/{a:int}", "GET /x/{a}")], []),
    "one path, two methods": ([mounted("a", "", "GET /x", "POST /x", "ws /x")], []),
    "any method after one": ([mounted("a", "", "GET /x", "/x")], [("a /x", "a /x", "")]),
    "any method is none of a websocket": ([mounted("a", "", "/x", "ws /x")], []),
    "behind a mount of its own": ([mounted("a", "", "mount /s", "GET /s/x", "GET /t")], [("a /s/x", "a /s", "/s")]),
    "before a mount of its own": ([mounted("a", "", "GET /s/x", "mount /s")], []),
    "behind a mount of everything": ([mounted("a", "", "GET /", "mount /", "GET /x")], [("a /x", "a /", "/")]),
    "behind a mount with a parameter": ([mounted("a", "", "mount /{who}", "GET /x/y")], []),
    "two ports' worth of one path": ([mounted("a", "/a", "GET /x"), mounted("b", "/b", "GET /x")], []),
}


@pytest.mark.parametrize(("port", "wrong"), PORTS.values(), ids=PORTS)
def test_a_route_that_never_answers_is_found(port, wrong):
    found = [
        (f"{one.hidden.component} {one.hidden.path}", f"{one.by.component} {one.by.path}", one.mount)
        for one in conflicts(port)
    ]
    assert found == wrong


def test_both_are_named_with_their_places_and_a_way_out():
    site, api = mounted("site", "", "GET,POST /api/x"), mounted("api", "/api", "GET /x")
    (found,) = conflicts([site, api])
    assert found.is_between
    assert found.sentence == (
        'GET,POST /api/x of "site" (site.py:1) never answers: it is hidden by "api", which is mounted at /api '
        "and has GET /api/x as well (api.py:1)"
    )
    assert found.remedy.startswith('Give "api" another prefix, "site" a prefix or a port of its own')


def test_a_mount_that_has_no_such_route_is_named_alone():
    (found,) = conflicts([mounted("site", "", "/api/x"), mounted("api", "/api")])
    assert found.sentence == (
        'any method of /api/x of "site" (site.py:1) never answers: it is hidden by "api", which is mounted at /api'
    )


def test_what_an_app_does_to_itself_is_told_apart():
    """It does the same when it runs alone, so putting it under a prefix is not what has to change."""
    (found,) = conflicts([mounted("a", "", "GET /x", "GET,PUT /x")])
    assert not found.is_between
    assert found.sentence == 'GET /x of "a" (a.py:2) never answers: GET /x of "a" (a.py:1) does'
    (found,) = conflicts([mounted("a", "", "mount /s", "GET /s/x")])
    assert (found.is_between, found.remedy) == (False, "Move the route before the mount, or remove it.")


def test_what_is_said_to_be_hidden_is_so():
    """Real apps, asked through the real mounts: exactly the routes in conflict answer with another app."""
    site, api = FastAPI(), FastAPI()
    for app, paths in ((site, ["/", "/api", "/api/x", "/apis", "/{any}/y"]), (api, ["/x", "/y"])):
        for path in paths:
            app.get(path)(lambda name=app is site: {"site": name})
    mounts = Mounts([Mount("/api", api)], root=site)
    routes = {name: routes_of(app) for name, app in (("site", site), ("api", api))}
    found = conflicts([Mounted("site", "", routes["site"]), Mounted("api", "/api", routes["api"])])
    assert [(one.hidden.path, one.by.path) for one in found] == [("/api", "/api"), ("/api/x", "/api/x")]
    assert all(one.hidden.place.startswith(f"{__file__}:") for one in found)
    for path in ("/", "/api", "/api/x", "/apis", "/other/y"):
        said = ask(mounts, path)
        assert (said.status == 200 and said.json["site"]) is (path not in ("/api", "/api/x")), path


def test_what_an_app_does_to_itself_is_so():
    """A mount takes all behind it, and the first of two routes answers."""
    app = Starlette(
        routes=[
            Served("/a", lambda _: PlainTextResponse("first")),
            Served("/a", lambda _: PlainTextResponse("second")),
            Inner("/m", routes=[Served("/x", lambda _: PlainTextResponse("inner"))]),
            Served("/m/x", lambda _: PlainTextResponse("behind")),
        ]
    )
    found = conflicts([Mounted("one", "", routes_of(app))])
    assert [(one.hidden.path, one.mount) for one in found] == [("/a", ""), ("/m/x", "/m")]
    assert [ask(app, path).body for path in ("/a", "/m/x")] == [b"first", b"inner"]
