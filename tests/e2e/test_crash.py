"""A bug of ours is told without the secrets that it quotes, wherever it happens."""

from __future__ import annotations

import sys

import pytest

SECRET = "hunter2-hunter2"

#: Run in place of `python -m launcher`: as soon as the service is ready, something that quotes its secret is wrong.
BROKEN = """
import sys, threading
from launcher.cli.main import main
from launcher.observe.tail import Tail
from launcher.orchestrator import reactions

def broken(*_, **__):
    with open(".env") as file:
        raise ValueError("a bug that quotes " + file.read().partition("=")[2])

where = sys.argv.pop()
if where == "loop":
    reactions.exited = broken
else:
    Tail.__call__ = lambda self, batch: threading.Thread(target=broken, name="some").start()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["loop", "thread"])
@pytest.mark.parametrize("flags", [(), ("--debug",)])
def test_a_crash_report_holds_no_secret(project, where, flags, monkeypatch):
    """The secret is known from an env file alone, which the command line does not know."""
    project.file(".env", f"API_TOKEN={SECRET}\n")
    project.profile("[launcher]\nenv_file = ['.env']\n[services.api]\ncommand = 'echo hello; exit 3'\nrestart = 'no'\n")
    monkeypatch.setattr("tests.e2e.project.LAUNCHER", (sys.executable, str(project.file("broken.py", BROKEN))))
    running = project.start(*flags, where)
    running.end()
    assert "a bug that quotes ***" in running.output
    assert SECRET not in running.output
    if where == "thread" or flags:
        assert "Traceback" in running.output
