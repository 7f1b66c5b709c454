"""Real applications under prefixes of one port: each answers as it does alone, and its links lead to itself."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape

import pytest

from tests.apps.real import APPS, FOLDER, Request, ask, installed, variables
from tests.serving import serving_ready

pytestmark = pytest.mark.slow

#: Their own settings of the prefix they are under. The others take it from ASGI's root_path or WSGI's SCRIPT_NAME.
SETTINGS = {"BASE_URL": "/under/datasette/", "MOUNT_PATH": "/under/wsgidav"}
#: These are served with the prefix taken off.
STRIPPED = {"datasette"}
#: Of one Django site there is one in a process, and it is at one prefix.
ELSEWHERE = "django-wsgi"
#: How many links of a page are followed.
FOLLOWED = 5


@contextmanager
def under_prefixes(data, *names, **settings):
    """Serve these, each under its own name; all of them share a folder for data."""
    words = {name: "strip=" if name in STRIPPED else "" for name in names}
    mounts = " ".join(f"/under/{name}={word}{APPS[name].target}" for name, word in words.items())
    with serving_ready(
        "prefixes_app:app", directory=FOLDER, env={**variables(data), "MOUNTS": mounts, **settings}
    ) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All that are installed, and their folder."""
    data = tmp_path_factory.mktemp("prefixes") / "data"
    with under_prefixes(data, *(name for name in installed() if name != ELSEWHERE), **SETTINGS) as server:
        yield server, data


@pytest.fixture
def mounted(request, name, tmp_path):
    """The server where this one is mounted."""
    APPS[name].must_be_installed()
    if name != ELSEWHERE:
        yield request.getfixturevalue("site")
        return
    data = tmp_path / "mounted"
    with under_prefixes(data, name) as server:
        yield server, data


def links(text):
    """Where a page leads to on this server."""
    return [unescape(link) for link in re.findall(r"""(?:href|src|action)=["']?(/[^"'/> #][^"'> #]*)""", text)]


@pytest.mark.parametrize("name", APPS)
def test_it_answers_as_it_does_alone(mounted, tmp_path, name):
    """But for the prefix, which stands before every link; and the links of a page are answered."""
    served, prefix = APPS[name], f"/under/{name}"
    server, data = mounted
    alone_data = tmp_path / "alone"
    with serving_ready(served.target, directory=FOLDER, env=variables(alone_data)) as alone:
        for request in served.requests:
            expected = ask(alone.port, request, alone_data)
            answer = ask(server.port, request, data, prefix=prefix)
            assert answer.without(prefix) == expected, request
            found = links(answer.text)
            assert all(link.startswith(f"{prefix}/") for link in found), (request, found)
            for link in found[:FOLLOWED]:
                assert ask(server.port, Request(link), data).status not in {404, 500}, (request, link)


def test_datasette_needs_its_own_setting_and_the_prefix_taken_off(tmp_path, monkeypatch):
    """With its setting alone, links to other forms of a table have the prefix twice."""
    APPS["datasette"].must_be_installed()
    with under_prefixes(tmp_path / "stripped", "datasette") as server:
        assert 'href="/-/static/app.css' in server.ask("/under/datasette/shop/items").text
    monkeypatch.setattr("tests.apps.test_under_prefixes.STRIPPED", set())
    with under_prefixes(tmp_path / "whole", "datasette", **SETTINGS) as server:
        assert (
            'href="/under/datasette/under/datasette/shop/items.json' in server.ask("/under/datasette/shop/items").text
        )


def test_wsgidav_needs_its_own_setting_of_the_prefix(tmp_path):
    """Without, it answers, but its pages lead elsewhere."""
    APPS["wsgidav"].must_be_installed()
    with under_prefixes(tmp_path / "data", "wsgidav") as server:
        page = server.ask("/under/wsgidav/")
        assert page.status == 200
        assert '"/:dir_browser/style.css"' in page.text
