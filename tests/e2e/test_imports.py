"""`config check --imports`: what only the code can tell, found before anything starts."""

from __future__ import annotations

import time

import pytest

from tests.e2e.project import eventually, is_alive

pytestmark = pytest.mark.slow  # every app is imported by an interpreter of its own

GOOD = "async def app(scope, receive, send): ...\n"
FASTAPI = """
import os
from fastapi import FastAPI
from beside import answer
app = FastAPI()
@app.get(os.environ["WHERE"])
def first(): ...
@app.get("/two")
def second(): ...
"""


def test_every_app_is_imported_as_it_would_be_at_a_start(project):
    """In its directory, with its module path and its environment."""
    project.file("api/site_app.py", FASTAPI)
    project.file("lib/beside.py", "answer = 42\n")
    project.file("plain.py", "print('hello from plain')\n" + GOOD)
    project.profile(
        '[services.api]\napp = "site_app:app"\ndirectory = "api"\npythonpath = ["lib"]\nenv = { WHERE = "/one" }\n'
        '[services.plain]\napp = "plain:app"\n[services.worker]\ncommand = "never started"\n'
    )
    answer = project.run("config", "check", "--imports")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == (
        "api    site_app:app  2 routes\n"
        "plain  plain:app  its routes cannot be told\n"
        "dev is well: 3 services in 1 layer\n"
    )


def test_without_the_flag_nothing_is_imported(project):
    project.file("api.py", "raise SystemExit\n")
    project.profile('[services.api]\napp = "api:app"\n')
    assert project.run("config", "check").returncode == 0


def test_without_an_app_there_is_nothing_to_import(project):
    project.profile('[services.worker]\ncommand = "true"\n')
    answer = project.run("config", "check", "--imports")
    assert answer.stdout.splitlines()[0] == "no service is an app: there is nothing to import"


#: Services, their modules, and what is said of each.
FAULTS = {
    "missing": ("", 'cannot serve "missing_:app": there is no module "missing_" (did you mean "missing"?)'),
    "nameless": ("apq = 1\n", 'module "nameless" has no "app" (did you mean "apq"?)'),
    "number": ("app = 1\n", '"app" is an int, not an ASGI or WSGI application'),
    "raises": ("print('before')\n1 / 0\n", 'importing "raises" raised ZeroDivisionError'),
    "needs": ("import nowhere\n", 'importing "needs" failed: there is no module "nowhere"'),
    "leaves": ("import sys\nsys.exit(0)\n", "importing it called sys.exit(0)"),
    "ends": ("import os\nos._exit(0)\n", '"ends:app" ended its process while it was imported (exit code 0)'),
    "crashes": ("import os\nos.abort()\n", "ended its process while it was imported (signal SIGABRT)"),
}


def test_every_app_that_fails_is_told_with_the_reason(project):
    """All of them at once, and those that are well beside them."""
    profile = '[services.well]\napp = "well:app"\n'
    project.file("well.py", GOOD)
    for name, (source, _) in FAULTS.items():
        project.file(f"{name}.py", source)
        profile += f'[services.{name}]\napp = "{name}{"_" if name == "missing" else ""}:app"\n'
    project.profile(profile)
    answer = project.run("config", "check", "--imports")
    assert answer.returncode == 2
    assert answer.stderr.count("E7024") == len(FAULTS)
    assert answer.stdout == "well      well:app  its routes cannot be told\n"
    for name, (_, sentence) in FAULTS.items():
        (told,) = (line for line in answer.stderr.splitlines() if line.startswith(f"E7024 {name}: "))
        assert sentence in told
    assert "\n      before\n" in answer.stderr
    assert '\n        File "' in answer.stderr  # the traceback of the app, without our own frames
    assert "launcher/host" not in answer.stderr


def test_an_import_that_hangs_ends_with_its_deadline(project):
    project.file("hangs.py", "import time\ntime.sleep(600)\n")
    project.profile('[services.hangs]\napp = "hangs:app"\nready_timeout = 0.5\n')
    answer = project.run("config", "check", "--imports")
    assert answer.returncode == 2
    assert answer.stderr.startswith('E7024 hangs: "hangs:app" was not imported within 0.5 s\n')


def test_what_an_app_printed_is_shown_without_secrets(project):
    project.file("tells.py", "import os\nprint(os.environ['API_TOKEN'])\n1 / 0\n")
    project.profile('[services.tells]\napp = "tells:app"\nenv = { API_TOKEN = "correct-horse-battery" }\n')
    answer = project.run("config", "check", "--imports")
    assert "\n      ***\n" in answer.stderr
    assert "correct-horse" not in answer.stdout + answer.stderr


def test_nothing_of_an_import_is_left(project):
    """A child that holds the output open keeps nobody waiting, and is gone."""
    project.file(
        "forks.py",
        "import os, time\nchild = os.fork()\nif not child:\n    time.sleep(600)\n    os._exit(0)\n"
        f"open('pid', 'w').write(str(child))\n{GOOD}",
    )
    project.profile('[services.forks]\napp = "forks:app"\n')
    began = time.monotonic()
    assert project.run("config", "check", "--imports").returncode == 0
    assert time.monotonic() - began < 20
    pid = int((project.root / "pid").read_text())
    eventually(lambda: not is_alive(pid))


def test_a_route_that_never_answers_is_named_with_file_and_line(project):
    """It is so when the app runs alone, too, so it is a warning."""
    project.file("beside.py", "answer = 42\n")
    project.file("api.py", FASTAPI)
    project.profile('[services.api]\napp = "api:app"\nenv = { WHERE = "/two" }\n')
    answer = project.run("config", "check", "--imports")
    assert answer.returncode == 0
    assert answer.stderr == (
        'W7023 GET /two of "api" (api.py:8) never answers: GET /two of "api" (api.py:6) does. Remove one of the two.\n'
    )
    assert "E7023" in project.run("explain", "W7023").stdout
