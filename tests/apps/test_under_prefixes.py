"""Real applications under prefixes of one port: each answers as it does alone, and its links lead to itself."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.apps.real import APPS, FOLDER, Request, ask, installed, variables
from tests.apps.together import together
from tests.serving import serving_ready

pytestmark = pytest.mark.slow

#: What a service needs besides its prefix.
KEYS = {
    "datasette": "strip_prefix = true",
    # Django remembers the prefix of its first request in STATIC_URL: at a second one, links would lead to the first.
    "django-wsgi": 'placement = "own"',
}
#: Their own settings of the prefix they are under. The others take it from ASGI's root_path or WSGI's SCRIPT_NAME.
SETTINGS = {"datasette": {"BASE_URL": "/under/datasette/"}, "wsgidav": {"MOUNT_PATH": "/under/wsgidav"}}
#: How many links of a page are followed.
FOLLOWED = 5


def keys(name):
    return f'prefix = "/under/{name}"\n{KEYS.get(name, "")}'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All that are installed."""
    root = tmp_path_factory.mktemp("prefixes")
    with together(root, installed(), keys=keys, env=lambda name: SETTINGS.get(name, {})) as site:
        yield site


def links(text):
    """Where a page leads to on this server."""
    return [unescape(link) for link in re.findall(r"""(?:href|src|action)=["']?(/[^"'/> #][^"'> #]*)""", text)]


@pytest.mark.parametrize("name", APPS)
def test_it_answers_as_it_does_alone(site, tmp_path, name):
    """But for the prefix, which stands before every link; and the links of a page are answered."""
    served, prefix = APPS[name], f"/under/{name}"
    served.must_be_installed()
    assert (site.status[name]["pid"] == site.status["host.apps"]["pid"]) == (name != "django-wsgi")
    alone_data = tmp_path / "alone"
    with serving_ready(served.target, directory=FOLDER, env=variables(alone_data)) as alone:
        for request in served.requests:
            expected = ask(alone.port, request, alone_data)
            answer = ask(site.port(name), request, site.data(name), prefix=prefix)
            assert answer.without(prefix) == expected, request
            found = links(answer.text)
            assert all(link.startswith(f"{prefix}/") for link in found), (request, found)
            for link in found[:FOLLOWED]:
                assert ask(site.port(name), Request(link), site.data(name)).status not in {404, 500}, (request, link)


@pytest.mark.parametrize(
    ("name", "is_set", "page", "link"),
    [
        ("datasette", False, "/shop/items", 'href="/-/static/app.css'),
        ("datasette", True, "/shop/items", 'href="/under/datasette/under/datasette/shop/items.json'),
        ("wsgidav", False, "/", '"/:dir_browser/style.css"'),
    ],
    ids=["datasette without its setting", "datasette with its setting alone", "wsgidav without its setting"],
)
def test_without_what_it_needs_its_links_lead_elsewhere(tmp_path, name, is_set, page, link):
    APPS[name].must_be_installed()
    told = f'prefix = "/under/{name}"' if is_set else keys(name)
    with together(tmp_path, [name], keys=lambda _: told, env=lambda _: SETTINGS[name] if is_set else {}) as site:
        answer = ask(site.port(name), Request(page), site.data(name), prefix=f"/under/{name}")
        assert answer.status == 200
        assert link in answer.text
