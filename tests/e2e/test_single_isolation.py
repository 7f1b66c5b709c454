"""Rude components with mode "single": their neighbour is as it was, and what they did is said, with their name."""

from __future__ import annotations

import json
import os
import re
from http.client import HTTPConnection
from textwrap import dedent

import pytest

from tests.e2e.project import eventually, free_ports

pytestmark = pytest.mark.slow

PROFILE = """
[launcher]
mode = "single"
ports = "{ports}"
[defaults]
port = "auto"
[services.calm]
app = "calm:app"
[services.rude]
app = "rude:app"
depends_on = ["calm"]
required = false
restart = {{ policy = "no" }}
"""
ANSWER = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(answer(scope["path"])).encode()})
"""
#: Tells how the process is.
CALM = """
import logging, os, signal, socket

def answer(path):
    mask = os.umask(0o022)
    os.umask(mask)
    signals = [str(signal.getsignal(number)) for number in (signal.SIGUSR1, signal.SIGTERM)]
    root = logging.root
    return os.getcwd(), mask, signals, root.level, root.handlers, socket.getdefaulttimeout(), log.disabled

log = logging.getLogger("calm")
"""


@pytest.fixture
def begin(project):
    """Start the two, in the foreground; each answers with what its function `answer` returns."""

    def begin(rude, *, calm=""):
        project.profile(PROFILE.format(ports=free_ports()))
        project.file("calm.py", calm + CALM + ANSWER)
        project.file("rude.py", dedent(rude) + ANSWER)
        return project.start()

    return begin


def ask(view, path="/"):
    connection = HTTPConnection("127.0.0.1", view["port"], timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def state(project, name="rude"):
    status = project.run("status", "--json")  # it fails until the launcher listens
    told = json.loads(status.stdout)["instances"] if status.returncode == 0 else []
    return next((one["state"] for one in told if one["label"] == name), "")


def test_what_an_import_changes_is_put_back_and_told(begin, project):
    """In the log of whose doing it is, and by the launcher."""
    os.mkfifo(project.root / "gate")
    running = begin(
        """
        import logging.config, os, signal, socket
        open("gate").close()
        logging.config.dictConfig({"version": 1, "root": {"level": "INFO"}})
        os.chdir("/")
        os.umask(0)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        socket.setdefaulttimeout(3)
        answer = lambda path: "rude"
        """
    )
    eventually(lambda: state(project, "calm") == "ready")
    calm = project.status()["calm"]
    before = ask(calm)
    with (project.root / "gate").open("w"):
        pass
    eventually(lambda: state(project) == "ready")
    assert ask(project.status()["rude"]) == (200, "rude")
    assert ask(calm) == before
    for deed in (
        f"changed the working directory from {project.root} to /: put back",
        "changed the umask from 0022 to 0000: put back",
        "changed signal handlers (of SIGUSR1): put back",
        "changed the default time-out of sockets from None to 3.0: put back",
    ):
        running.until(rf"system *\| .*rude {re.escape(deed)}")
        assert deed in project.run("logs", "rude").stdout
        assert deed not in project.run("logs", "calm").stdout


def test_who_holds_up_the_event_loop_is_named_with_the_line(begin, project):
    running = begin("import time\ndef answer(path): return time.sleep(0.8) if path == '/do' else 'rude'\n")
    eventually(lambda: state(project) == "ready")
    ask(project.status()["rude"], "/do")
    running.until(r"system *\| .*rude held up the event loop for [\d.]+ s, in answer at .*/rude\.py:2")
    assert "holds up the event loop, for " in project.run("logs", "rude").stdout


def test_a_second_django_is_refused_and_the_first_one_goes_on(begin, project):
    pytest.importorskip("django")
    source = 'import os, django\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}_settings")\ndjango.setup()\n'
    for name in ("calm", "rude"):
        project.file(f"{name}_settings.py", f"SECRET_KEY = '{name}'\nLOGGING_CONFIG = None\n")
    begin(source.format("rude") + "answer = str\n", calm=source.format("calm"))
    eventually(lambda: state(project) == "failed")
    reason = project.status()["rude"]["reason"]["text"]
    assert reason.startswith("it cannot share a process (E7005): its DJANGO_SETTINGS_MODULE is rude_settings")
    assert reason.endswith('placement = "own"')
    assert ask(project.status()["calm"])[0] == 200


def test_what_the_profile_tells_is_refused_before_anything_starts(project):
    """Two modules of one name: the second would silently be the first."""
    for folder in ("one", "two"):
        project.file(f"{folder}/main.py", "raise SystemExit('nobody may import this')\n")
    services = "".join(
        f'[services.{name}]\napp = "main:app"\nenv = {{ PYTHONPATH = "{name}" }}\n' for name in ("one", "two")
    )
    project.profile(f'[launcher]\nmode = "single"\n{services}')
    for command in (("config", "check"), ("plan",), ("start",)):
        done = project.run(*command)
        assert done.returncode == 2
        assert "E7005 two cannot share a process with others: its " in done.stderr + done.stdout
        assert 'placement = "own"' in done.stderr + done.stdout
