"""An `app` is served by every export as launcher serves it: run as the target would, and asked."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from pathlib import Path

import pytest
import yaml

from launcher.errors import ProblemsFound
from launcher.exporters.base import Options
from launcher.exporters.compose import Compose
from launcher.exporters.procfile import Procfile
from launcher.exporters.supervisord import Supervisord
from launcher.exporters.systemd import Systemd
from launcher.host import SERVE
from tests.conftest import wait_until
from tests.exporters.corpus import plan_from
from tests.exporters.systemd_reader import keys, substituted, unspecified, words
from tests.host.test_serve import hello
from tests.rules.house import ROOT
from tests.serving import Child, serving_ready

pytestmark = pytest.mark.slow


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def plan(tmp_path: Path, port: int):
    """An app in a folder of its own, whose modules lie in another one."""
    for name in ("site", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib" / "greeting.py").write_text("WORD = 'hello'\n")
    (tmp_path / "site" / "page.py").write_text(hello("__import__('greeting').WORD + __import__('os').environ['MODE']"))
    table = {"app": "page:app", "port": port, "directory": "site", "pythonpath": ["lib"], "env": {"MODE": " you"}}
    return plan_from(tmp_path, {"web": table})


OPTIONS = Options(app="x", pythons={"": sys.executable}, serve=SERVE)


def environ(**more: str) -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **more}


def answer(argv: list[str], port: int, *, env: dict[str, str], directory: Path | str) -> str:
    """What the app says to a request, once it listens."""
    child = Child(argv, env=environ(**env), directory=Path(directory))
    try:
        wait_until(lambda: listens(port), timeout=20)
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    finally:
        child.close()
    return text.partition("\r\n\r\n")[2]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_procfile(plan, port: int, tmp_path: Path) -> None:
    """The line of `web`, with the port that the host chose."""
    (file,) = Procfile().render(plan, OPTIONS).files
    command = file.content.removeprefix("web: ")
    assert str(tmp_path) not in command
    argv = ["/bin/sh", "-c", command]
    assert "hello you" in answer(argv, port, env={"PORT": str(port)}, directory=tmp_path)


def test_supervisord(plan, port: int) -> None:
    """Under the interpreter that serves it here, which need not have launcher."""
    (file,) = Supervisord().render(plan, OPTIONS).files
    section = dict(keys(file.content, "program:web"))
    env = dict(one.split("=") for one in shlex.split(section["environment"].replace(",", " ")))
    assert "hello you" in answer(shlex.split(section["command"]), port, env=env, directory=section["directory"])


def test_compose(plan, port: int, tmp_path: Path) -> None:
    """The command of the container, with the project where ours is."""
    (file,) = Compose().render(plan, Options(app="x", app_root=str(tmp_path))).files
    web = yaml.safe_load(file.content)["services"]["web"]
    assert "hello you" in answer(web["command"], port, env=web["environment"], directory=web["working_dir"])


def test_systemd(plan, port: int, tmp_path: Path) -> None:
    """The socket is handed over, and READY comes from the main process."""
    files = {file.name: file.content for file in Systemd().render(plan, OPTIONS).files}
    assert dict(keys(files["x-web.socket"], "Socket"))["ListenStream"] == f"127.0.0.1:{port}"
    service = keys(files["x-web.service"], "Service")
    python, *argv = [substituted(unspecified(word)) for word in words(dict(service)["ExecStart"])]
    env = dict(words(value)[0].split("=", 1) for key, value in service if key == "Environment")
    assert (python, argv[:3]) == (sys.executable, ["-u", SERVE, "page:app"])
    options = [word for word in argv[3:] if word]
    with serving_ready("page:app", directory=tmp_path / "site", env=env, options=options) as server:
        assert server.ask("/").text == "hello you"


@pytest.mark.parametrize(
    ("directory", "path", "wanted"),
    [
        (".", "lib", "--pythonpath lib "),
        ("a/b", "lib", "--pythonpath ../../lib "),
        ("./a/", "/lib", "--pythonpath /lib "),
    ],
)
def test_module_path_is_told_from_the_folder(tmp_path: Path, directory: str, path: str, wanted: str) -> None:
    """A Procfile doesn't know where the project lies."""
    table = {"app": "page:app", "directory": directory, "pythonpath": [path]}
    (file,) = Procfile().render(plan_from(tmp_path, {"web": table}), OPTIONS).files
    assert wanted in file.content


@pytest.mark.parametrize("directory", ["/srv", "../other", "${WHERE}"])
def test_module_path_without_a_way_is_refused(tmp_path: Path, directory: str) -> None:
    """From a folder outside of the project, nobody can tell."""
    table = {"app": "page:app", "directory": directory, "pythonpath": ["lib"]}
    with pytest.raises(ProblemsFound, match=r"services\.web\.pythonpath"):
        Procfile().render(plan_from(tmp_path, {"web": table}), OPTIONS)
