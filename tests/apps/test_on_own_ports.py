"""Real applications together in one process, each on its own port: each answers as it does alone."""

from __future__ import annotations

import pytest

from tests.apps.real import APPS, FOLDER, ask, installed, variables
from tests.apps.together import together
from tests.serving import serving_ready

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All that are installed."""
    with together(tmp_path_factory.mktemp("together"), installed(), keys=lambda _: 'port = "auto"') as site:
        yield site


@pytest.mark.parametrize("name", APPS)
def test_it_answers_as_it_does_alone(site, tmp_path, name):
    served = APPS[name]
    served.must_be_installed()
    assert site.status[name]["pid"] == site.status["host.apps"]["pid"]
    data = tmp_path / name
    with serving_ready(served.target, directory=FOLDER, env=variables(data)) as alone:
        for request in served.requests:
            expected = ask(alone.port, request, data)
            assert expected.status == request.status, (request, expected, alone.output())
            assert request.holds in expected.text, request
            assert ask(site.port(name), request, site.data(name)) == expected, request


@pytest.mark.parametrize(
    ("name", "line"), [("radicale", "Successful login: 'anna' (none)"), ("httpbin", "GET /get?fruit=pear")]
)
def test_what_it_logs_is_in_its_own_log_alone(site, name, line):
    """Though Litestar takes the root logger over at its import, and Radicale configures it at its first request."""
    for each in (name, "litestar"):
        APPS[each].must_be_installed()
    for request in APPS[name].requests:
        ask(site.port(name), request, site.data(name))
    assert line in site.project.run("logs", name, "-n", "1000").stdout
    assert line not in site.project.run("logs", "litestar", "-n", "1000").stdout
