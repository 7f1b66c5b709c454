"""Which app gets a request, and what it sees of the path: the table of prefixes, without a server."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.host.mounts import Mount, Mounts
from tests.host.calling import ask, call, telling

PREFIXES = ("/api", "/api/v2", "/shop/", "/café")
MOUNTS = Mounts([Mount(prefix, telling(prefix)) for prefix in PREFIXES], root=telling("root"))

#: What is asked for: the app, and its root_path and path.
ROUTED = {
    "/api": ("/api", "/api", "/api"),
    "/api/": ("/api", "/api", "/api/"),
    "/api/x": ("/api", "/api", "/api/x"),
    "/apix": ("root", "", "/apix"),
    "/api-docs": ("root", "", "/api-docs"),
    "/API/x": ("root", "", "/API/x"),
    "/api/v2": ("/api/v2", "/api/v2", "/api/v2"),
    "/api/v2/x": ("/api/v2", "/api/v2", "/api/v2/x"),
    "/api/v20": ("/api", "/api", "/api/v20"),
    "/shop": ("/shop/", "/shop", "/shop"),
    "/shop/x/": ("/shop/", "/shop", "/shop/x/"),
    "/": ("root", "", "/"),
    "/x/api/y": ("root", "", "/x/api/y"),
    # slashes: once within the prefix, as they came behind it
    "//api/x": ("/api", "/api", "/api/x"),
    "/api//v2///x": ("/api/v2", "/api/v2", "/api/v2///x"),
    "/api//x": ("/api", "/api", "/api//x"),
    "//x": ("root", "", "//x"),
    # encoded, it is the same path
    "/%61pi/x": ("/api", "/api", "/api/x"),
    "/api%2Fv2/x": ("/api/v2", "/api/v2", "/api/v2/x"),
    "/caf%C3%A9/cr%C3%A8me": ("/café", "/café", "/café/crème"),
    "/api/%0A": ("/api", "/api", "/api/\n"),
    "/api%0A": ("root", "", "/api\n"),
    "/api/%25": ("/api", "/api", "/api/%"),
}


@pytest.mark.parametrize(("target", "seen"), ROUTED.items(), ids=ROUTED)
def test_the_longest_prefix_of_whole_segments_gets_the_request(target, seen):
    """And sees the path whole, with the prefix as its root_path."""
    told = ask(MOUNTS, target).json
    assert (told["app"], told["root_path"], told["path"]) == seen


SEGMENTS = st.sampled_from(("a", "ab", "b", "a.b", "é", "%"))
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))


@given(prefixes=st.sets(PATHS.filter(bool), max_size=6), path=PATHS, slash=st.sampled_from(("", "/")))
def test_the_longest_prefix_is_found_among_any(prefixes, path, slash):
    """As somebody would find it who compares segment by segment."""
    mounts = Mounts([Mount(prefix, telling(prefix)) for prefix in prefixes], root=telling(""))
    parts = path.split("/")
    expected = max((one for one in {*prefixes, ""} if one.split("/") == parts[: one.count("/") + 1]), key=len)
    told = ask(mounts, quote(path + slash) or "/").json
    assert (told["app"], told["root_path"], told["path"]) == (expected, expected, path + slash or "/")


@pytest.mark.parametrize(
    ("target", "path", "raw_path"),
    [
        ("/api/x", "/x", "/x"),
        ("/api", "/", "/"),
        ("/api/", "/", "/"),
        ("/%61pi/caf%C3%A9", "/café", "/caf%C3%A9"),
        ("//api//x", "//x", "//x"),
        ("/api/%61/%2F", "/a//", "/%61/%2F"),
        ("/api/api/x", "/api/x", "/api/x"),
    ],
)
def test_strip_takes_the_prefix_off_both_paths(target, path, raw_path):
    """However it is written there; root_path tells the app all the same what its links begin with."""
    told = ask(Mounts([Mount("/api", telling("api"), strip=True)]), target).json
    assert (told["root_path"], told["path"], told["raw_path"]) == ("/api", path, raw_path)


def test_strip_of_a_prefix_that_is_not_ascii():
    told = ask(Mounts([Mount("/café", telling("café"), strip=True)]), "/caf%C3%A9/x").json
    assert (told["path"], told["raw_path"]) == ("/x", "/x")


def test_strip_needs_no_raw_path():
    """The specification lets a server leave it out."""
    seen = []

    async def app(scope, *_):
        seen.append((scope["path"], scope.get("raw_path")))

    scope = {"type": "http", "path": "/api/x", "headers": []}
    asyncio.run(Mounts([Mount("/api", app, strip=True)])(scope, None, None))
    assert seen == [("/x", None)]


@pytest.mark.parametrize("strip", [False, True])
def test_a_server_may_have_a_root_path_of_its_own(strip):
    """As uvicorn's --root-path: it stands before the prefix in both."""
    told = ask(Mounts([Mount("/api", telling("api"), strip=strip)]), "/api/x", root_path="/outer").json
    assert (told["root_path"], told["path"]) == ("/outer/api", "/x" if strip else "/outer/api/x")


def test_the_scope_of_the_server_is_left_as_it_was():
    """Servers use it after the app, for their access log."""
    scope = {"type": "http", "path": "/api/x", "raw_path": b"/api/x", "root_path": "", "headers": []}
    before = dict(scope)

    async def app(scope, *_): ...

    asyncio.run(Mounts([Mount("/api", app, strip=True)])(scope, None, None))
    assert scope == before


def test_nothing_there_is_a_problem_that_names_what_is():
    said = ask(Mounts([Mount("/b", telling("b")), Mount("/a", telling("a"))]), "/c")
    assert (said.status, said.headers["content-type"]) == (404, "application/problem+json")
    assert said.json["mounts"] == ["/a", "/b"]
    assert said.json["detail"] == "nothing is mounted at /c; mounted here: /a, /b"


def test_a_websocket_is_routed_alike():
    mounts = Mounts([Mount("/ws", telling("ws"))])
    assert ask(mounts, "/ws/x", kind="websocket").json["root_path"] == "/ws"
    assert ask(mounts, "/x", kind="websocket").status == 403  # what a server makes of a close before accept
    said = ask(mounts, "/x", kind="websocket", extensions={"websocket.http.response": {}})
    assert (said.status, said.json["mounts"]) == (404, ["/ws"])


def test_an_app_is_replaced_between_two_requests():
    """One in flight goes on with the app that it began with."""
    mounts = Mounts([Mount("/api/", telling("old")), Mount("/other", telling("other"))])

    async def replaced():
        arrived, go_on = asyncio.Event(), asyncio.Event()
        old = mounts.mounts["/api"].app

        async def slow(scope, receive, send):
            arrived.set()
            await go_on.wait()
            await old(scope, receive, send)

        mounts.replace("/api", slow)
        in_flight = asyncio.ensure_future(call(mounts, "/api/x"))
        await arrived.wait()
        mounts.replace("/api", telling("new"))
        following = await call(mounts, "/api/x")
        go_on.set()
        return (await in_flight).json["app"], following.json["app"], (await call(mounts, "/other")).json["app"]

    assert asyncio.run(replaced()) == ("old", "new", "other")


def test_a_replaced_app_is_stripped_as_the_one_before():
    mounts = Mounts([Mount("/api", telling("old"), strip=True)])
    mounts.replace("/api", telling("new"))
    assert ask(mounts, "/api/x").json["path"] == "/x"


def test_the_root_may_come_later():
    mounts = Mounts([Mount("/api", telling("api"))])
    mounts.replace("", telling("root"))
    assert ask(mounts, "/x").json["app"] == "root"


def test_only_what_was_mounted_can_be_replaced():
    with pytest.raises(KeyError, match='nothing is mounted at "/b"'):
        Mounts([Mount("/a", telling("a"))]).replace("/b", telling("b"))


def test_two_apps_cannot_have_one_prefix():
    with pytest.raises(ValueError, match='two apps are mounted at "/a"'):
        Mounts([Mount("/a", telling("a")), Mount("/a/", telling("b"))])
    with pytest.raises(ValueError, match='two apps are mounted at "/"'):
        Mounts([Mount("/", telling("a"))], root=telling("b"))


def test_a_prefix_begins_with_a_slash():
    with pytest.raises(ValueError, match="begins with a slash"):
        Mounts([Mount("api", telling("a"))])


def test_a_lifespan_is_nothing_to_route():
    """It is refused before receive() is awaited, which servers take for: not supported."""
    with pytest.raises(RuntimeError, match="lifespans of their own"):
        asyncio.run(MOUNTS({"type": "lifespan"}, None, None))
