"""The Compose file: read back as Compose reads it."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from launcher.exporters.base import Options
from launcher.exporters.compose import Compose
from launcher.exporters.stamp import stamped
from tests.exporters.compose_reader import Unset, load
from tests.exporters.corpus import CORPUS, make_folders, plan_from, plan_of
from tests.exporters.runners import comparable, run_once
from tests.exporters.test_systemd import chain, expected_env


def services_of(plan, options: Options | None = None, **environ: str) -> dict[str, Any]:
    (file,) = Compose().render(plan, options or Options(app="shop")).files
    return load(stamped(file, "launcher export"), environ)["services"]


@pytest.mark.slow
def test_containers_start_what_the_profile_says(tmp_path: Path) -> None:
    """Command, variables and folder are those of the profile, in a container whose project is where ours is."""
    make_folders(tmp_path)
    (tmp_path / "records").mkdir()
    found = services_of(plan_of(tmp_path), Options(app="shop", app_root=str(tmp_path)))
    for name, service in CORPUS.items():
        one = found[name]
        assert all(isinstance(text, str) for text in one.get("environment", {}).values())
        record = run_once(
            one["command"],
            name,
            env=one.get("environment", {}),
            directory=one["working_dir"],
            records=tmp_path / "records",
        )
        if service.shell is None:
            assert record["argv"] == list(service.words), name
        wanted = expected_env(service)
        if "URL" in wanted:
            wanted["URL"] = "http://ported:18999/"
        assert comparable(record, service)["env"] == wanted, name
        assert record["directory"] == str((tmp_path / service.directory).resolve()), name


def test_order_is_composes_own(tmp_path: Path) -> None:
    """Conditions, optional dependencies and kinds in the words of the Compose specification."""
    found = services_of(chain(tmp_path))
    assert found["api"]["depends_on"] == {
        "db": {"condition": "service_started"},
        "migrate": {"condition": "service_completed_successfully"},
        "cache": {"condition": "service_started", "required": False},
    }
    assert found["worker"]["depends_on"] == {"api": {"condition": "service_healthy"}}
    assert found["worker"]["deploy"] == {"replicas": 2}
    assert found["migrate"]["restart"] == "no"
    assert found["cache"]["restart"] == "on-failure:5"
    assert found["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert found["api"]["command"][-2:] == ["--bind", "0.0.0.0:8000"]


def test_no_path_of_this_machine(tmp_path: Path) -> None:
    """What is exported runs where this project's folder is not."""
    (file,) = Compose().render(chain(tmp_path), Options(app="shop", pythons={"": sys.executable})).files
    assert str(tmp_path) not in file.content
    assert sys.executable not in file.content


def test_secret_is_asked_of_the_environment(tmp_path: Path) -> None:
    """The value stays where it is; without it, Compose refuses."""
    tables = {"a": {"command": "a", "env": {"DB": "x://u:${DB_PASSWORD}@h"}}}
    plan = plan_from(tmp_path, tables, env={"DB_PASSWORD": "pa$$ss"})
    rendered = Compose().render(plan, Options(app="shop"))
    assert "pa$" not in rendered.files[0].content
    assert "DB_PASSWORD is secret" in str(rendered.notes[0])
    with pytest.raises(Unset, match="DB_PASSWORD"):
        services_of(plan)
    assert services_of(plan, DB_PASSWORD="x")["a"]["environment"] == {"DB_PASSWORD": "x", "DB": "x://u:x@h"}
    baked = Compose().render(plan, Options(app="shop", with_secrets=True)).files[0]
    assert baked.mode == 0o600
    assert load(baked.content, {})["services"]["a"]["environment"] == {"DB_PASSWORD": "pa$ss", "DB": "x://u:pa$ss@h"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("health", "code"),
    [
        ({"http": "/fine"}, 0),
        ({"http": "/gone"}, 1),
        ({"http": "/gone", "status": 404}, 0),
        ({"http": "/fine", "status": [301, 404]}, 1),
        ({"http": "/named", "headers": {"X-Name": 'it\'s "$$"'}}, 0),
        ({"tcp": True}, 0),
        ({"exec": "test $((1 + 1)) = 2"}, 0),
        ({"exec": ["test", "$$x", "=", "$$x"]}, 0),
    ],
)
def test_check_asks_what_the_probe_asks(tmp_path: Path, health: dict[str, Any], code: int) -> None:
    """A health check's command, run where the service is, says what our probe would."""
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        tables = {"a": {"command": "a", "port": server.server_port, "health": health}}
        kind, *argv = services_of(plan_from(tmp_path, tables))["a"]["healthcheck"]["test"]
        argv = argv if kind == "CMD" else ["/bin/sh", "-c", *argv]
        argv = [sys.executable, *argv[1:]] if argv[0] == "python" else argv
        done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert bool(done.returncode) == bool(code), done.stderr


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        named = self.path == "/named" and self.headers["X-Name"] == 'it\'s "$"'
        self.send_response(200 if named or self.path == "/fine" else 404)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass
